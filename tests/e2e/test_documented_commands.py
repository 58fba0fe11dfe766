"""Every command line of the documents, typed as it stands there into a clean root, one by one.

The root has this machine's Debian packages, an empty home, a clone, and a sound server with one
sink; no terminal. Between two lines only the environment and the working directory stay, as in a
shell. A line that nothing is said of is run as it is, and must end with 0. One that stands in
several documents is typed once, unless the environment has changed meanwhile.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.rig.clean_root import CLONE, HOME, CleanRoot
from tests.rig.documents import DOCUMENTS, block_commands
from tests.rig.processes import CLIENT_ID, CLIENT_SECRET
from tests.rig.signals import write_tones

pytestmark = pytest.mark.timeout(900)

NOT_RUN = {
    "git clone <this-repository> callplayer && cd callplayer": "the root holds such a clone",
    "pulseaudio --start --exit-idle-time=-1": "the root has a sound server, of another socket",
    "make demo": "test_make_demo runs it in three roots like this one, to the end of its call",
    "make test": "this test is a part of it",
    "make check": "the check of every commit runs it before the tests",
    "make screenshots": "three minutes of Chromium; its pictures are compared in tests/ui",
    "make recording": "plays for a minute on a terminal to make a picture",
    "make lock": "asks for the newest versions there are, which another day's run would not get",
    "make bench": "hours; tests/benchmarks",
    "python -m tests.faults": "ten minutes; its short rows are tests of their own",
    "python -m tests.vendors": "eight minutes; tests/e2e plays the same kinds of server shortly",
    "python -m tests.cluster": "ten minutes; tests/e2e/test_cluster.py kills the same parts",
    "python -m tests.cold_start": "builds livekit-server from nothing: some minutes",
    "anycable-go --port=8080 --rpc_host=http://127.0.0.1:8911/_anycable --broadcast_adapter=http"
    " --broker=memory": "another project's program; test_anycable runs the real one",
    "callplayer serve move --to postgresql://callplayer@db/callplayer"
    " --to-recordings /srv/calls": "another machine's database; test_library runs a real one",
    "callplayer serve --library postgresql://callplayer@db/callplayer"
    " --recordings /srv/calls": "the same; test_cluster runs two services on a real one",
}
"""Lines that are not run here, and why. A line of these that stands in no document is an error."""


@dataclass(frozen=True)
class Typed:
    """How a line is run that is not simply run to its end.

    `answers` is its stdin, for a line that asks. `until` is what it prints before `then` is typed:
    "" for nothing more, which is the end of its stdin; None for Ctrl+C.
    """

    answers: str = ""
    until: str | None = None
    then: str | None = ""
    prints: str = ""


READY = '"ready": true'
LINES = {
    "sudo apt install --no-install-recommends pipx libportaudio2 libasound2-plugins": Typed("y\n"),
    "pipx ensurepath": Typed(prints=".local/bin"),
    "callplayer <incident-id>": Typed(until="Playing at", then="q\n", prints="Incident"),
    "callplayer serve recordings/": Typed(until=READY, then=None, prints="In another terminal"),
    "callplayer serve": Typed(until=READY, then=None, prints="serving 3 incidents"),
    "callplayer serve clients add desk-7": Typed(prints="shown once"),
}
SERVED_BEFORE: dict[str, tuple[str, ...]] = {
    **{"callplayer <incident-id>": (), "callplayer list": (), "callplayer doctor": ()},
    "curl": ("--ingest",),
}
"""What a line holds that needs a vendor, and the flags of the service that plays it."""
SUDO = '#!/bin/sh\n# Root needs no password.\nexec "$@"\n'
PULSE = (
    "pulseaudio -n --daemonize=yes --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes"
    " --load='module-native-protocol-unix socket=/tmp/pulse auth-anonymous=1'"
    " --load='module-null-sink sink_name=sink'"
)


@dataclass(frozen=True)
class Result:
    """How a line ended, and what it printed."""

    line: str
    exit_code: int
    text: str


class Shell:
    """A shell in the root, one line at a time."""

    def __init__(self, root: CleanRoot) -> None:
        self.root = root
        (root.home / "variables").write_text("export PULSE_SERVER=unix:/tmp/pulse\n")

    def popen(self, line: str) -> subprocess.Popen[str]:
        keep = f"export -p > {HOME}/variables; pwd > {HOME}/directory"
        read = f". {HOME}/variables; [ ! -e ~/.bashrc ] || . ~/.bashrc; cd $(cat {HOME}/directory)"
        return subprocess.Popen(
            self.root.argv("bash", "-c", f"{read}\n{line}\ncode=$?\n{keep}\nexit $code"),
            env=self.root.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, line: str, how: Typed) -> tuple[int, str]:
        """Run a line; return its exit code and what it printed."""
        shell = self.popen(line)
        assert shell.stdin is not None
        assert shell.stdout is not None
        printed: list[str] = []
        try:
            if how.until is None:
                output, _ = shell.communicate(how.answers, timeout=400)
                return shell.returncode, output
            for each in shell.stdout:
                printed.append(each)
                if not shell.stdin.closed and how.until in each:
                    time.sleep(1.0)  # it goes on a little: what it says after that counts, too
                    if how.then is None:
                        self.interrupt(line)
                    else:
                        shell.stdin.write(how.then)
                    shell.stdin.close()
            return shell.wait(timeout=60), "".join(printed)
        finally:
            shell.kill()
            shell.wait()
            shell.stdin.close()
            shell.stdout.close()

    def interrupt(self, line: str) -> None:
        """Press Ctrl+C: the program gets what a terminal would send it."""
        pattern = re.escape(" ".join(shlex.split(line, comments=True)))
        self.root.run(["pkill", "-INT", "-o", "-f", f"bin/{pattern}$"])


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    root = CleanRoot(tmp_path_factory.mktemp("documents"))
    try:
        clone = root.home / "callplayer"
        (clone / "recordings").mkdir()
        for name in ("call", "recordings/one"):
            write_tones(clone / f"{name}.wav", 3.0, 700.0, 1900.0)
        for name in ("caller", "taker"):
            soundfile.write(clone / f"{name}.wav", np.zeros(48_000), 48_000)
        words = "WEBVTT\n\n00:00.000 --> 00:02.000\n<v Caller>My mother fell.\n"
        (clone / "call.vtt").write_text(words)
        (root.home / "directory").write_text(CLONE)
        root.run(["install", "-m", "755", "/dev/stdin", "/usr/local/bin/sudo"], text=SUDO)
        assert root.run(PULSE).returncode == 0
        yield Shell(root)
    finally:
        root.close()


@pytest.fixture(scope="module")
def results(shell: Shell) -> list[Result]:
    """Every line that is run, with its exit code and what it printed."""
    results: list[Result] = []
    service: Service | None = None
    done: set[str] = set()
    try:
        for line in documented():
            if line in NOT_RUN or line in done:
                continue
            done = set() if line.startswith("export") else done | {line}
            flags = next((SERVED_BEFORE[each] for each in SERVED_BEFORE if each in line), None)
            is_other = flags is not None and (service is None or service.flags != flags)
            if service is not None and (is_other or line.startswith("callplayer serve")):
                service.stop()
                service = None
            if is_other and flags is not None:
                service = Service(shell, *flags)
            typed = filled_in(line, service)
            results.append(Result(line, *shell.type(typed, LINES.get(line, Typed()))))
    finally:
        if service is not None:
            service.stop()
    return results


def documented() -> list[str]:
    """Return the command lines of every document, without what is said beside them."""
    commands = [each for path in DOCUMENTS for each in block_commands(path.read_text())]
    return [re.sub(r"\s+#.*", "", each.text) for each in commands]


class Service:
    """A `callplayer serve` in the root, for lines that need a vendor."""

    def __init__(self, shell: Shell, *flags: str) -> None:
        self.flags = flags
        names = f"CALLPLAYER_SERVE_CLIENT_ID={CLIENT_ID} CALLPLAYER_SERVE_CLIENT_SECRET="
        line = f"{names}{CLIENT_SECRET} exec callplayer serve --port 8911 --exit-with-stdin"
        self._process = shell.popen(f"{line} {' '.join(flags)} {'' if flags else 'recordings/'}")
        assert self._process.stdout is not None
        for each in self._process.stdout:
            if each.startswith("{"):
                self.incidents: list[str] = json.loads(each)["incidents"]
                return
        raise AssertionError("the service did not start")

    def stop(self) -> None:
        """End it."""
        self._process.communicate("", timeout=20)


def filled_in(line: str, service: Service | None) -> str:
    """Return a line with what a reader has to put in its place: a name, a secret, a token."""
    vendor = "CALLPLAYER_API_URL=http://127.0.0.1:8911"
    if line == "export CALLPLAYER_CLIENT_ID=… CALLPLAYER_CLIENT_SECRET=…":
        names = f"CALLPLAYER_CLIENT_ID={CLIENT_ID} CALLPLAYER_CLIENT_SECRET={CLIENT_SECRET}"
        return f"export {vendor} {names}"
    if line == "callplayer <incident-id>":
        assert service is not None
        return f"callplayer {service.incidents[0]}"
    if line.startswith("curl "):
        asked = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        body = shlex.quote(json.dumps(asked | {"grant_type": "client_credentials"}))
        token = (
            f"curl -s http://127.0.0.1:8911/oauth/token -H content-type:application/json -d {body}"
        )
        read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])'"
        return f"TOKEN=$({token} | {read}); {line.replace('curl ', 'curl --fail-with-body ', 1)}"
    line = line.replace("--output-device Headset", "--output-device sink")
    return line.replace("=…", "=0123456789abcdef0123456789abcdef")


def test_no_line_fails(results: list[Result]) -> None:
    failed = [each for each in results if each.exit_code != 0]
    assert not failed, "\n".join(f"$ {e.line}  [{e.exit_code}]\n{e.text}" for e in failed)


def test_lines_say_what_they_should(results: list[Result]) -> None:
    expected = {line: how.prints for line, how in LINES.items()} | {"curl": "incident_id"}
    for line, prints in expected.items():
        texts = [each.text for each in results if each.line == line or line == each.line.split()[0]]
        assert texts
        assert any(prints in text for text in texts), f"{line}: {texts}"


def test_lines_that_are_not_run_stand_in_a_document() -> None:
    lines = set(documented())
    assert set(NOT_RUN) <= lines
    assert set(LINES) <= lines


def test_the_player_is_found_from_another_folder_after_each_way_to_install_it(
    shell: Shell, results: list[Result]
) -> None:
    assert results
    for path in (f"{HOME}/.local/bin", f"{HOME}/callplayer-venv/bin"):
        ran = shell.root.run(
            "callplayer --version", directory="/", variables={"PATH": f"{path}:/usr/bin:/bin"}
        )
        assert ran.returncode == 0, ran.stdout
        assert ran.stdout.startswith("callplayer ")


def test_a_clean_root_sees_nothing_of_this_machine_that_is_not_its_own(shell: Shell) -> None:
    seen = shell.root.run("ls -A /work /home /dev/snd 2>/dev/null; env", directory="/").stdout
    assert "CALLPLAYER" not in seen
    assert str(Path.cwd()) not in seen

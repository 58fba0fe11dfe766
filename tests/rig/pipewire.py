"""PipeWire with WirePlumber and pipewire-pulse, from Debian's packages, in a session of the tests'.

A program reaches it by three ways, each with an environment of its own: ALSA's `default` is
pipewire-alsa (`alsa`, the usual desktop), or ALSA's plugin for PulseAudio (`pulse`), or libjack is
PipeWire's (`jack`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from tests.rig.alsa import PIPEWIRE, PULSE, write_alsa_config
from tests.rig.processes import end, soon
from tests.rig.pulse import SoundServer

PROGRAMS = ("dbus-daemon", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec")
Layer = Literal["alsa", "pulse", "jack"]


class PipeWireServer(SoundServer):
    """A session of PipeWire's with a private runtime folder."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise RuntimeError(f"the sound tests need {missing}; `make test` installs them")
        self.folder = folder
        runtime = folder / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        self._own = {"XDG_RUNTIME_DIR": str(runtime), "HOME": str(folder)}
        self.environment = self.through("alsa")
        self._log = (folder / "log").open("ab")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._start_bus()
        self.start()

    def through(self, layer: Layer) -> dict[str, str]:
        """Return what points programs here, by one of the ways."""
        default = "{ type pulse }" if layer == "pulse" else "{ type pipewire }"
        environment = write_alsa_config(
            self.folder / f"{layer}.conf", PULSE if layer == "pulse" else PIPEWIRE, default=default
        )
        runtime = self._own["XDG_RUNTIME_DIR"]
        environment["XDG_RUNTIME_DIR"] = runtime
        environment["PULSE_SERVER"] = f"unix:{runtime}/pulse/native"
        if layer == "jack":
            environment["LD_LIBRARY_PATH"] = str(_jack_folder())
        return environment

    def _start_bus(self) -> None:
        address = f"unix:path={self.folder}/bus"
        self._run("dbus-daemon", "--session", "--nofork", f"--address={address}")
        self._own["DBUS_SESSION_BUS_ADDRESS"] = address

    def start(self) -> None:
        """Start the daemons; return once they answer and the session manager runs."""
        self._run("pipewire")
        self._await((self.folder / "run/pipewire-0").exists)
        self._run("wireplumber")
        self._run("pipewire-pulse")
        self._await(self.answers)

    def _run(self, *command: str) -> None:
        self._processes[command[0]] = subprocess.Popen(
            command,
            env={k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "PULSE"))}
            | self._own,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def answers(self) -> bool:
        """Return whether there is a sink: WirePlumber makes `auto_null` where there is no other."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return bool(self.control("list", "short", "sinks"))
        return False

    def _await(self, condition: Callable[[], bool]) -> None:
        soon(lambda: bool(self._ended()) or condition())
        if self._ended() or not condition():
            raise RuntimeError(f"PipeWire does not answer; ended: {self._ended()}")

    def _ended(self) -> list[str]:
        return [name for name, each in self._processes.items() if each.poll() is not None]

    def stop(self) -> None:
        """End the daemons."""
        for process in reversed(self._processes.values()):
            end(process)
        self._log.close()

    def end_daemons(self) -> None:
        """End all but the bus, as a restart of the sound system does at first."""
        for name in ("pipewire-pulse", "wireplumber", "pipewire"):
            end(self._processes.pop(name))


def _jack_folder() -> Path:
    """Return where PipeWire's libjack is, which `pw-jack` puts before all others."""
    found = [
        *Path("/usr/lib").glob("*/pipewire-0.3/jack"),
        *Path("/usr/lib").glob("pipewire-0.3/jack"),
    ]
    if not found:
        raise RuntimeError("the sound tests need pipewire-jack; `make test` installs it")
    return found[0]


@contextlib.contextmanager
def pipewire_server() -> Iterator[PipeWireServer]:
    """Run a session of PipeWire's in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="callplayer-pipewire-") as folder:
        server = PipeWireServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()

"""jackd with its dummy driver: a JACK server of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.rig.alsa import write_alsa_config
from tests.rig.processes import end, soon

NAME = "callplayer-tests"
DEVICE = "system"
"""What PortAudio calls its output."""


class JackServer:
    """A jackd; `environment` points programs to it. No ALSA device is there beside it."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("jackd") is None:
            raise RuntimeError("the sound tests need jackd; `make test` installs it")
        self.environment = {
            "JACK_DEFAULT_SERVER": NAME,
            "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
            "PULSE_SERVER": f"unix:{folder}/none",
            **write_alsa_config(folder / "jack.conf", "", default="{ type hw card 99 }"),
        }
        self._log = (folder / "jackd.log").open("ab")
        self.start()

    def start(self) -> None:
        """Start the daemon; return once it answers."""
        self._process = subprocess.Popen(
            ["jackd", "-n", NAME, "--timeout", "2000", "-d", "dummy", "-r", "48000", "-p", "512"],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        if not soon(Path(f"/dev/shm/jack_{NAME}_{os.getuid()}_0").exists):
            raise RuntimeError("jackd does not answer")

    def end(self) -> None:
        """End the daemon, as a person does who goes over to another sound system."""
        end(self._process)

    def stop(self) -> None:
        """End the daemon for good."""
        self.end()
        self._log.close()


@contextlib.contextmanager
def jack_server(folder: Path) -> Iterator[JackServer]:
    """Run a JACK server; `folder` is for its files."""
    server = JackServer(folder)
    try:
        yield server
    finally:
        server.stop()

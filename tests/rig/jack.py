"""jackd with its dummy driver: a JACK server of the tests' own, and a recorder of what it plays."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.rig.alsa import write_alsa_config
from tests.rig.processes import end, soon
from tests.rig.pulse import Recording

NAME = "callplayer-tests"
PROGRAMS = ("jackd", "jack_connect", "ffmpeg")
DEVICE = "system"
"""What PortAudio calls its output."""

RECORDER = "recorder"


class JackServer:
    """A jackd; `environment` points programs to it. No ALSA device is there beside it."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise RuntimeError(f"the sound tests need {missing}; `make test` installs them")
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
        command = [
            "jackd", "-n", NAME, "--timeout", "2000",
            "-d", "dummy", "--monitor", "-r", "48000", "-p", "512",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
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


class JackRecording(Recording):
    """What a JACK server plays; the recording ends with that."""

    def __init__(self, server: JackServer) -> None:
        command = [
            "ffmpeg", "-v", "fatal", "-nostdin", "-f", "jack", "-channels", "1", "-i", RECORDER,
            "-f", "f32le", "-flush_packets", "1", "pipe:1",
        ]  # fmt: skip
        super().__init__(command, server.environment)
        connect = ["jack_connect", "system:monitor_1", f"{RECORDER}:input_1"]
        environment = os.environ | server.environment

        def is_connected() -> bool:
            return not subprocess.run(
                connect, env=environment, capture_output=True, check=False
            ).returncode

        if not soon(is_connected) or not soon(lambda: self._frames > 0):
            raise RuntimeError("nothing is recorded of JACK")


@contextlib.contextmanager
def jack_server(folder: Path) -> Iterator[JackServer]:
    """Run a JACK server; `folder` is for its files."""
    server = JackServer(folder)
    try:
        yield server
    finally:
        server.stop()

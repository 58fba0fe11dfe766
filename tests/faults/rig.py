"""What the rows run on: real servers that are started once and shared, and engines of their own."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from tests.faults.play import Play
from tests.rig.fault_proxy import FaultProxy, fault_proxy
from tests.rig.helper import Helper, helper
from tests.rig.impaired_link import ImpairedLink, impaired_link
from tests.rig.livekit import LiveKit
from tests.rig.packet_relay import Impairment
from tests.rig.processes import CLIENT_ID, CLIENT_SECRET, Service
from tests.rig.pulse import pulse_server
from tests.rig.signals import write_sweep_call

SWEEP_S = 240.0
PRIORITY = -10


class Served:
    """A `callplayer serve` with a livekit-server of its own, which can be killed apart from it."""

    def __init__(
        self, home: Path, recording: Path, livekit: LiveKit, prefix: Sequence[str] = ()
    ) -> None:
        self._home, self._recording, self._prefix = home, recording, prefix
        self.livekit = livekit
        self.service = self._start("0")

    def restart(self) -> None:
        """Have it again on its port, after it was killed."""
        port = self.service.api_url.rsplit(":", 1)[1]
        self.service.stop()
        self.service = self._start(port)

    def close(self) -> None:
        """End both."""
        self.service.stop()
        self.livekit.kill()

    def _start(self, port: str) -> Service:
        return Service(
            self._home,
            self._recording,
            flags=[f"--port={port}", f"--livekit-url={self.livekit.url}"],
            prefix=self._prefix,
            environment=self.livekit.environment,
        )


class Rig:
    """Starts what a row asks for when it is asked for first; `close` ends it all.

    `keep` is a folder for what the engines emitted, in the order of the rows.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self.keep = keep
        self._kept = 0
        self._stack = contextlib.ExitStack()
        self._hurry()
        self.pulse = self._stack.enter_context(pulse_server())
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    def _hurry(self) -> None:
        """Go before other work, and so does what is started from here.

        A sound device that runs dry on a busy machine would be one fault more than the row's own.
        """
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
            self._stack.callback(os.setpriority, os.PRIO_PROCESS, 0, usual)

    @cached_property
    def recording(self) -> Path:
        """The position sweep."""
        path = self.home / "sweep.wav"
        write_sweep_call(path, SWEEP_S)
        return path

    @cached_property
    def served(self) -> Served:
        """Service and livekit-server, reached directly."""
        home = self._folder("served")
        served = Served(home, self.recording, LiveKit(home))
        self._stack.callback(served.close)
        return served

    @cached_property
    def proxy(self) -> FaultProxy:
        """A proxy in front of that service's API."""
        return self._stack.enter_context(fault_proxy(self.served.service.api_url))

    @cached_property
    def link(self) -> ImpairedLink:
        """A link that can be impaired."""
        return self._stack.enter_context(impaired_link())

    @cached_property
    def far(self) -> Served:
        """Service and livekit-server at the other end of the link; media may go over TCP, too."""
        home, prefix = self._folder("far"), self.link.prefix("server")
        livekit = LiveKit(
            home, prefix=prefix, inside=lambda work: self.link.inside("server", work), tcp=True
        )
        far = Served(home, self.recording, livekit, prefix)
        self._stack.callback(far.close)
        self.link.forward(far.service.api_url, livekit.url)
        return far

    @contextlib.contextmanager
    def play(
        self,
        environment: dict[str, str],
        incident: str,
        *,
        prefix: Sequence[str] = (),
        paused: bool = False,
    ) -> Iterator[Play]:
        """Have an engine play, settled, for as long as the block lasts."""
        play = Play(
            self.pulse, self.new_folder(), environment, incident, prefix=prefix, paused=paused
        )
        try:
            yield play
        finally:
            play.close()
            if self.keep is not None:
                self._kept += 1
                play.keep(self.keep / f"{self._kept:02}.txt")

    @contextlib.contextmanager
    def play_served(self, *, paused: bool = False) -> Iterator[Play]:
        """Play from the service."""
        service = self.served.service
        with self.play(service.environment, service.incidents[0], paused=paused) as play:
            play.settle()
            yield play

    @contextlib.contextmanager
    def play_through_proxy(self) -> Iterator[tuple[Play, FaultProxy]]:
        """Play from the service, its API behind the proxy, which is without a fault at first."""
        service, self.proxy.fault = self.served.service, None
        cable_url = service.api_url.replace("http", "ws", 1) + "/cable"
        environment = service.environment | {
            "CALLPLAYER_API_URL": self.proxy.url,
            "CALLPLAYER_CABLE_URL": cable_url,
        }
        with self.play(environment, service.incidents[0]) as play:
            play.settle()
            yield play, self.proxy
        self.proxy.fault = None

    @contextlib.contextmanager
    def play_far(self, impairment: Impairment | None = None) -> Iterator[Play]:
        """Play across the link, impaired from the start if that is asked for."""
        self.link.set_up(True)
        service = self.far.service
        self.link.impair(impairment or Impairment())
        prefix = self.link.prefix("client")
        try:
            with self.play(service.environment, service.incidents[0], prefix=prefix) as play:
                play.settle()
                yield play
        finally:
            self.link.set_up(True)
            self.link.impair(Impairment())

    @contextlib.contextmanager
    def play_vendor(self, **command: object) -> Iterator[tuple[Play, Helper]]:
        """Play from a vendor that can be made to misbehave, after it received `command`."""
        livekit = self.served.livekit
        words = [sys.executable, "-m", "tests.rig.contract_bot", str(SWEEP_S)]
        keys = {
            "LIVEKIT_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
        }
        with helper(words, **keys) as vendor:
            for name, value in command.items():
                vendor.talk({name: value})
            environment = {
                "CALLPLAYER_API_URL": vendor.ready["api_url"],
                "CALLPLAYER_CLIENT_ID": CLIENT_ID,
                "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
            }
            with self.play(environment, vendor.ready["incident"]) as play:
                play.settle()
                yield play, vendor

    def new_folder(self) -> Path:
        """Make a folder of its own."""
        return Path(tempfile.mkdtemp(dir=self.home))

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir()
        return folder


def kill(pid: int) -> None:
    """End a process at once, as a crash does."""
    os.kill(pid, 9)

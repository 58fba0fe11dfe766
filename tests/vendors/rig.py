"""What the rows run on: a livekit-server, a sound server and a vendor, started once and shared."""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tests.rig.helper import Helper, helper
from tests.rig.livekit import LiveKit
from tests.rig.processes import CLIENT_ID, CLIENT_SECRET, HeadlessEngine
from tests.rig.pulse import PulseServer, Sink, pulse_server
from tests.vendors.variant import Variant


class Rig:
    """Starts what is asked for when it is asked for first; `close` ends it all."""

    def __init__(self, pulse: PulseServer | None = None) -> None:
        self._stack = contextlib.ExitStack()
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.pulse = pulse or self._stack.enter_context(pulse_server())
        self._numbers = itertools.count()

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    @cached_property
    def vendor(self) -> Helper:
        """The vendor's process."""
        livekit = LiveKit(self.home)
        self._stack.callback(livekit.kill)
        return self._stack.enter_context(
            helper(
                [sys.executable, "-m", "tests.vendors.vendor"],
                LIVEKIT_URL=livekit.url,
                LIVEKIT_API_KEY=livekit.api_key,
                LIVEKIT_API_SECRET=livekit.api_secret,
            )
        )

    @property
    def environment(self) -> dict[str, str]:
        """What leads a player to the vendor."""
        return {
            "CALLPLAYER_API_URL": self.vendor.ready["api_url"],
            "CALLPLAYER_CLIENT_ID": CLIENT_ID,
            "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
        }

    @property
    def incident(self) -> str:
        """The one call."""
        return str(self.vendor.ready["incident"])

    def become(self, variant: Variant) -> None:
        """Have the vendor be another one for those who ask from now on."""
        self.vendor.talk({"variant": msgspec.to_builtins(variant)})

    def report(self) -> dict[Any, Any]:
        """Return what the newest bot was asked, and where it is."""
        return self.vendor.talk({"report": True})

    @contextlib.contextmanager
    def sink(self) -> Iterator[Sink]:
        """Record a sink of its own."""
        with contextlib.closing(Sink(self.pulse, f"vendor{next(self._numbers)}")) as sink:
            yield sink

    @contextlib.contextmanager
    def engine(self, sink: Sink, *flags: str) -> Iterator[HeadlessEngine]:
        """Run an engine on the call until the block ends."""
        home = Path(tempfile.mkdtemp(dir=self.home))
        engine = HeadlessEngine(home, self.environment | sink.environment, self.incident, *flags)
        try:
            yield engine
        finally:
            engine.close()

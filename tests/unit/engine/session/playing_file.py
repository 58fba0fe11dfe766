"""A recording that an engine plays in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from callplayer.config import Settings
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.session.engine import Engine
from callplayer.engine.session.make_source import MakeSource, make_source
from callplayer.engine.session.options import EngineOptions
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.clip_maker import FetchLimits
from callplayer.ipc import messages as m


class PlayingFile:
    """An engine without a sound device that plays a file.

    `events` are what it emits, `call` is its state.
    """

    patience_s = 30.0

    def __init__(
        self,
        path: Path,
        start: m.Start = "play",
        *,
        settings: Settings | None = None,
        sound: AudioPipeline | None = None,
        open_source: MakeSource = make_source,
        fetch_limits: FetchLimits | None = None,
    ) -> None:
        self.events: list[m.Event] = []
        options = EngineOptions("", start, no_audio=True, recording=path)
        self.call = PlaybackState()
        self.engine = Engine(
            settings or Settings(),
            options,
            self.events.append,
            call=self.call,
            sound=sound,
            open_source=open_source,
            fetch_limits=fetch_limits,
        )
        self.running: asyncio.Task[int] | None = None

    async def begin(self, wanted: Callable[[m.StateEvent], bool]) -> None:
        """Have it play; return once its state is as wanted."""
        self.running = asyncio.create_task(self.engine.run())
        await self.until(wanted)

    async def __aexit__(self, *_: object) -> None:
        self.engine.handle(m.Quit())
        assert self.running is not None
        await self.running

    @property
    def state(self) -> m.StateEvent:
        """Return the latest state."""
        return next(e for e in reversed(self.events) if isinstance(e, m.StateEvent))

    async def until(self, wanted: Callable[[m.StateEvent], bool]) -> m.StateEvent:
        """Return the first latest state that is as wanted."""
        async with asyncio.timeout(self.patience_s):
            while True:
                states = [e for e in self.events if isinstance(e, m.StateEvent)]
                if states and wanted(states[-1]):
                    return states[-1]
                await asyncio.sleep(0.01)

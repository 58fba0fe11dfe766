"""Words on their way to the client: sent at its pace, and of changed words only the latest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from callplayer.engine.transcript.backlog import Backlog
from callplayer.ipc import messages as m
from callplayer.vendor.transcript import Transcript, Word

LOG = logging.getLogger(__name__)

MAX_WORDS = 200_000
PACE_S = 0.005
SLOW_CLIENT_S = 0.05


class WordReporter:
    """Publishes words, and whether there are any. `emit` may return False: it is asked again."""

    def __init__(self, emit: Callable[[m.Event], object]) -> None:
        self._emit = emit
        self._backlog = Backlog()
        self._news = asyncio.Event()
        self._state: m.TranscriptEvent | None = None
        self._state_is_new = False

    @property
    def transcript(self) -> Transcript:
        """Return all words so far."""
        return self._backlog.transcript

    def say(self, state: m.TranscriptState, detail: str = "") -> None:
        """Publish whether there are words, if that is new."""
        event = m.TranscriptEvent(state=state, detail=detail)
        if event != self._state:
            self._state, self._state_is_new = event, True
            self._news.set()

    def take(self, words: Sequence[Word]) -> None:
        """Publish the words of one message; those beyond any call's length are dropped."""
        if len(self._backlog.transcript) + len(words) > MAX_WORDS:
            LOG.warning("the transcript is longer than that of any call: words were ignored")
            return
        self._backlog.apply(words)
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled; a slow client gets later what holds by then."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._state_is_new and self._state is not None:
                if self._emit(self._state) is False:
                    await asyncio.sleep(SLOW_CLIENT_S)
                    continue
                self._state_is_new = False
            while words := self._backlog.next_batch():
                if self._emit(m.WordsEvent(words=words)) is False:
                    await asyncio.sleep(SLOW_CLIENT_S)
                    continue
                self._backlog.mark_sent(words)
                await asyncio.sleep(PACE_S)

"""The words beside a recording, published like those of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from callplayer.engine.word_reporter import PACE_S, WordReporter
from callplayer.errors import UsageError
from callplayer.recordings.words import words_beside
from callplayer.words import Transcript, Word, in_messages

NO_WORDS = "There are no words beside this recording."


async def publish_words(
    reporter: WordReporter,
    sound: Path,
    call_started_at: datetime,
    take: Callable[[Sequence[Word]], None] = lambda _: None,
) -> None:
    """Read and publish the words of the file `sound`; raise UsageError if they cannot be read.

    `take` is given all of them, on the loop.

    A thread reads them, and they come a few at a time: the sound's frames go before them.
    """

    def read() -> tuple[tuple[Word, ...], list[tuple[Word, ...]]]:
        words = words_beside(sound, call_started_at)
        return words, in_messages(Transcript().apply(words))

    reporter.say("connecting")
    try:
        words, messages = await asyncio.to_thread(read)
    except UsageError as error:
        reporter.say("none", error.what)
        raise
    reporter.say("open" if messages else "none", "" if messages else NO_WORDS)
    take(words)
    for message in messages:
        reporter.take(message)
        await asyncio.sleep(PACE_S)

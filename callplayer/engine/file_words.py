"""The words beside a recording, published like those of a server."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from callplayer.engine.word_reporter import PACE_S, WordReporter
from callplayer.errors import UsageError
from callplayer.recordings.words import words_beside
from callplayer.words import Transcript, Word, in_messages

NO_WORDS = "There are no words beside this recording."


async def publish_words(reporter: WordReporter, sound: Path, call_started_at: datetime) -> None:
    """Read and publish the words of the file `sound`; raise UsageError if they cannot be read.

    A thread reads them, and they come a few at a time: the sound's frames go before them.
    """

    def read() -> list[tuple[Word, ...]]:
        return in_messages(Transcript().apply(words_beside(sound, call_started_at)))

    reporter.say("connecting")
    try:
        messages = await asyncio.to_thread(read)
    except UsageError as error:
        reporter.say("none", error.what)
        raise
    reporter.say("open" if messages else "none", "" if messages else NO_WORDS)
    for words in messages:
        reporter.take(words)
        await asyncio.sleep(PACE_S)

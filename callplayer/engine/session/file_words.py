"""The words beside a recording, published like those of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from callplayer.engine.transcript.word_reporter import PACE_S, WordReporter
from callplayer.recordings.words import CallTimes, words_beside
from callplayer.recordings.words.timed_text import TimedText
from callplayer.vendor.transcript import Transcript, Word, in_messages

LOG = logging.getLogger(__name__)

NO_WORDS = "There are no words beside this recording."


async def publish_words(
    reporter: WordReporter,
    sound: Path,
    call: CallTimes,
    turns: Sequence[TimedText] = (),
    take: Callable[[Sequence[Word]], None] = lambda _: None,
) -> None:
    """Read and publish the words beside the file `sound`; why there are none is said.

    `take` is given all of them, on the loop.

    A thread reads them, and they come a few at a time: the sound's frames go before them.
    """
    warnings: list[str] = []

    def read() -> tuple[tuple[Word, ...], list[tuple[Word, ...]]]:
        words = words_beside(sound, call, turns, warnings.append)
        return words, in_messages(Transcript().apply(words))

    reporter.say("connecting")
    words, messages = await asyncio.to_thread(read)
    for warning in warnings:
        LOG.warning("%s", warning)
    why_none = "; ".join(warnings) or NO_WORDS
    reporter.say("open" if messages else "none", "" if messages else why_none)
    take(words)
    for message in messages:
        reporter.take(message)
        await asyncio.sleep(PACE_S)

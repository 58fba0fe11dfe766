"""The words of each call as a stream of messages, as they become known: what the cable sends.

A stream numbers its messages from an offset on, within an epoch that is new whenever it is begun
anew. A client that knows both gets what came since; any other gets all words there are.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import get_args

from callplayer.recordings.recording import Recording
from callplayer.service.catalog import Catalog, Change, Created, NewsMissed, Removed, WordsCame
from callplayer.service.transcripts.asr_schedule import AsrMessage, known_at, script
from callplayer.vendor.transcript import Speaker, Transcript, Word, encode_transcript, in_messages

LOG_WORDS = 20_000
IDLE_WORDS = 60_000
FIRST_OFFSET = 1
TOLD_AFTER_S = 5.0
"""For how long after the end of a call that is played as if live its last words may yet come."""


@dataclass(frozen=True)
class WordMessage:
    """Words of one speaker, and their place in the stream (None: it has none)."""

    words: tuple[Word, ...]
    offset: int | None = None

    @cached_property
    def payload(self) -> bytes:
        """The vendor's JSON. Made when it is first sent: that of a long call takes a while."""
        return encode_transcript(self.words)


class WordStream:
    """The words of one call. Each of `listeners` is called after each message that came.

    The messages of the last `log_words` words are kept.
    """

    def __init__(self, name: str, words: Transcript, log_words: int = LOG_WORDS) -> None:
        self.name = name
        self._most_log_words = log_words
        self.epoch = secrets.token_hex(6)
        self.offset = FIRST_OFFSET
        self.listeners: set[Callable[[], None]] = set()
        self._words = words
        self._log: deque[WordMessage] = deque()
        self._log_words = 0
        self._all: list[WordMessage] | None = None

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._words)

    def append(self, words: tuple[Word, ...]) -> WordMessage:
        """Take one message of one speaker; return it."""
        self._words = self._words.apply(words)
        self._all = None
        self.offset += 1
        message = WordMessage(words, self.offset)
        self._log.append(message)
        self._log_words += len(words)
        while self._log_words > self._most_log_words:
            self._log_words -= len(self._log.popleft().words)
        for listener in tuple(self.listeners):
            listener()
        return message

    def lacking(self, words: Transcript) -> list[tuple[Word, ...]]:
        """Return the messages that bring the words to `words`, from the first other one on."""
        tails: list[Word] = []
        for speaker in get_args(Speaker):
            old, new = self._words.of(speaker), words.of(speaker)
            same = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
            )
            while 0 < same < len(new) and new[same].started_at == new[same - 1].started_at:
                same -= 1  # a message replaces what begins with its first word
            tails += new[same:]
        return in_messages(Transcript().apply(tails))

    def since(self, epoch: str, offset: int) -> list[WordMessage] | None:
        """Return the messages that came after `offset`; None if they are not known any more."""
        oldest = self._log[0].offset if self._log else None
        first = self.offset + 1 if oldest is None else oldest
        if epoch != self.epoch or not first - 1 <= offset <= self.offset:
            return None
        return list(self._log)[offset - first + 1 :]

    def all(self) -> list[WordMessage]:
        """Return all words there are. Only the last message has a place: a reader that has got that
        far has them all."""
        if self._all is None:
            messages = in_messages(self._words)
            self._all = [WordMessage(words) for words in messages[:-1]]
            self._all += [WordMessage(words, self.offset) for words in messages[-1:]]
        return self._all


class WordStreams:
    """The streams with readers, and a few whose readers may come back.

    With `on_message` every message of a live call of this service is given to it as well: (stream
    name, message).
    Those without readers hold `idle_words` words at most. Close it when done.
    """

    def __init__(
        self,
        catalog: Catalog,
        on_message: Callable[[str, bytes], None] | None = None,
        *,
        idle_words: int = IDLE_WORDS,
    ) -> None:
        self._catalog = catalog
        self._idle_words = idle_words
        self._on_message = on_message
        self._streams: OrderedDict[str, WordStream] = OrderedDict()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._unsubscribe = catalog.subscribe(self._take)
        if on_message is not None:
            page: int | None = 1
            while page is not None:
                found = catalog.list(is_audio_live=True, page=page)
                page = found.next_page
                for recording in found.recordings:
                    self._send_unread(recording)

    async def close(self) -> None:
        """Stop."""
        self._unsubscribe()
        tasks = list(self._sending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._streams.clear()

    def open(self, incident_id: str) -> WordStream | None:
        """Return the stream of a call; None if there is no such incident."""
        recording = self._catalog.get(incident_id)
        if recording is None:  # another process may have removed it
            self._forget(incident_id)
            return None
        stream = self._streams.get(incident_id)
        if stream is not None:
            self._streams.move_to_end(incident_id)
            return stream
        words = self._catalog.words(incident_id)
        name = stream_name(incident_id)
        now_s = time.monotonic()
        if recording.live_from_s is not None and recording.is_live(now_s - TOLD_AFTER_S):
            cues, so_far_s = script(words), now_s - recording.live_from_s
            stream = WordStream(name, known_at(cues, so_far_s))
            to_come = [cue for cue in cues if cue.at_s > so_far_s]
            task = asyncio.create_task(self._send_on_time(stream, to_come, recording.live_from_s))
            self._sending[incident_id] = task
        else:
            stream = WordStream(name, Transcript().apply(words))
        self._streams[incident_id] = stream
        self._forget_idle()
        return stream

    async def _send_on_time(
        self, stream: WordStream, cues: Iterable[AsrMessage], live_from_s: float
    ) -> None:
        """Append the words of a call that is played as if live, each when it would be known."""
        for cue in cues:
            wait_s = live_from_s + cue.at_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._append(stream, cue.words())

    def _append(self, stream: WordStream, words: tuple[Word, ...], *, is_own: bool = True) -> None:
        message = stream.append(words)
        if self._on_message is not None and is_own:
            self._on_message(stream.name, message.payload)

    def _take(self, change: Change) -> None:
        match change:
            case WordsCame(incident_id=incident_id, words=words, is_own=is_own):
                stream = self._streams.get(incident_id)
                if stream is not None:
                    self._append(stream, words, is_own=is_own)
                elif self._on_message is not None and is_own:
                    self._on_message(stream_name(incident_id), encode_transcript(words))
            case Created(recording=recording) if self._on_message is not None:
                self._send_unread(recording)
            case Removed(incident_id=incident_id):
                self._forget(incident_id)
            case NewsMissed():
                self._read_again()

    def _read_again(self) -> None:
        """Have what other services have put meanwhile in the streams that are open."""
        for incident_id, stream in tuple(self._streams.items()):
            if incident_id not in self._sending:
                there = Transcript().apply(self._catalog.words(incident_id))
                for words in stream.lacking(there):
                    self._append(stream, words, is_own=False)

    def _send_unread(self, recording: Recording) -> None:
        """Begin the words of a call that is played as if live, even before it has readers."""
        if recording.live_from_s is not None:
            self.open(recording.id)

    def _forget_idle(self) -> None:
        """Drop the streams without readers, but for some words of those last opened."""
        words = 0
        for incident_id, stream in reversed(tuple(self._streams.items())[:-1]):
            is_sent_unread = self._on_message is not None and incident_id in self._sending
            if stream.listeners or is_sent_unread:
                continue
            words += len(stream)
            if words > self._idle_words:
                self._forget(incident_id)

    def _forget(self, incident_id: str) -> None:
        self._streams.pop(incident_id, None)
        task = self._sending.pop(incident_id, None)
        if task is not None:
            task.cancel()


def stream_name(incident_id: str) -> str:
    """Return the name of a call's stream, as clients see it."""
    return f"transcript:{incident_id}"

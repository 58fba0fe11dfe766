"""The words of the cable, and which of them a client of the engine has not received yet. Pure.

However slow the client is, no more is kept than the transcript itself, a time for each speaker, and
what tells a message that comes again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from callplayer.vendor.transcript import Speaker, Transcript, Word

WORDS_A_LINE = 200
MOST_AT_ONCE = 100
"""Words of one start go in one line, which must have an end; no speaker says more at a time."""

RECENT_MESSAGES = 256
"""How many messages back a repeat is recognised."""

_started_at = attrgetter("started_at")


class _Came(NamedTuple):
    """A message of which no word was replaced since: whose, when its last word starts, its hash."""

    speaker: Speaker
    until: datetime
    key: int


class Backlog:
    """The transcript, and from when on the client does not have it."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._since: dict[Speaker, datetime] = {}
        self._recent: list[_Came] = []

    def apply(self, words: Sequence[Word]) -> None:
        """Apply a message, of a speaker's words that start at one moment MOST_AT_ONCE at most.

        A message that came before, and no word of which was replaced since, changes nothing: it was
        sent again, and what has come since stays.
        """
        of_speaker: dict[Speaker, list[Word]] = {}
        for word in _as_said(words):
            of_speaker.setdefault(word.speaker, []).append(word)
        for speaker, new in of_speaker.items():
            new.sort(key=_started_at)
            came = _Came(speaker, new[-1].started_at, hash(tuple(new)))
            if came in self._recent:
                continue
            since = new[0].started_at
            kept = [each for each in self._recent if each.speaker != speaker or each.until < since]
            self._recent = [*kept, came][-RECENT_MESSAGES:]
            self.transcript = self.transcript.apply(new)
            self._since[speaker] = min(self._since.get(speaker, since), since)

    def next_batch(self) -> tuple[Word, ...]:
        """Return what to send next, of the speaker that is furthest behind; () if all is sent."""
        if not self._since:
            return ()
        speaker = min(self._since, key=self._since.__getitem__)
        words = self.transcript.of(speaker)
        start = bisect_left(words, self._since[speaker], key=_started_at)
        last = words[min(start + WORDS_A_LINE, len(words)) - 1]
        # Words of one start stay together: the second line would replace the first.
        return words[start : bisect_right(words, last.started_at, key=_started_at)]

    def mark_sent(self, words: tuple[Word, ...]) -> None:
        """Note that these words, just returned by `next_batch`, have been sent."""
        last = words[-1]
        of_speaker = self.transcript.of(last.speaker)
        end = bisect_right(of_speaker, last.started_at, key=_started_at)
        if end < len(of_speaker):
            self._since[last.speaker] = of_speaker[end].started_at
        else:
            del self._since[last.speaker]


def _as_said(words: Sequence[Word]) -> Iterator[Word]:
    """Give the words, but for those that are too many at one moment."""
    at_once: Counter[tuple[Speaker, datetime]] = Counter()
    for word in words:
        at_once[word.speaker, word.started_at] += 1
        if at_once[word.speaker, word.started_at] <= MOST_AT_ONCE:
            yield word

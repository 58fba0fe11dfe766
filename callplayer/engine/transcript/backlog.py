"""Which words a client of the engine has not received yet. Pure.

However slow the client is, no more is kept than the transcript itself and a time for each speaker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from callplayer.vendor.transcript import Speaker, Transcript, Word

WORDS_A_LINE = 200
MOST_AT_ONCE = 100
"""Words of one start go in one line, which must have an end; no speaker says more at a time."""

_started_at = attrgetter("started_at")


class Backlog:
    """The transcript, and from when on the client does not have it."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._since: dict[Speaker, datetime] = {}

    def apply(self, words: Sequence[Word]) -> None:
        """Apply a message, of a speaker's words that start at one moment MOST_AT_ONCE at most."""
        kept = tuple(_as_said(words))
        self.transcript = self.transcript.apply(kept)
        for word in kept:
            since = self._since.get(word.speaker)
            if since is None or word.started_at < since:
                self._since[word.speaker] = word.started_at

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

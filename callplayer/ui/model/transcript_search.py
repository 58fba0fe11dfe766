"""Searching the transcript: each place where something is said, in order. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from callplayer.text import plain_text
from callplayer.ui.model.transcript import SPEAKERS, Script, TimedWord, fold
from callplayer.vendor.transcript import Speaker


class Hit(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place that was found: words `first` to `last` of an utterance."""

    position_ms: int
    utterance: int
    first: int
    last: int


def find(script: Script, wanted: str) -> tuple[Hit, ...]:
    """Return all places where `wanted` is said, in order, also where one speaker is interrupted.

    Case, punctuation and the grouping of digits do not count (see `fold`), unless there is nothing
    else: then the text as it is drawn is searched. A hit that goes on in the speaker's next
    utterance ends with the last word of the first.
    """
    drawn = " ".join(plain_text(wanted).casefold().split())
    folded = fold(drawn)
    if not drawn:
        return ()
    if not folded:
        return tuple(
            Hit(word.start_ms, index, at, at)
            for index, each in enumerate(script.utterances)
            for at, word in enumerate(each.words)
            if drawn in word.text.casefold()
        )
    found = [hit for speaker in SPEAKERS for hit in _found(script, speaker, folded)]
    return tuple(sorted(found, key=_place_of))


_place_of = attrgetter("position_ms", "utterance", "first")


def _found(script: Script, speaker: Speaker, folded: str) -> Iterator[Hit]:
    """Yield where one speaker says it."""
    whole, starts, places = script.searched[speaker]
    at, place, said_at = whole.find(folded), -1, (-1, -1)
    start = until = 0
    offsets: tuple[int, ...] = ()
    words: tuple[TimedWord, ...] = ()
    while at >= 0:
        if at >= until or place < 0:
            place = bisect_right(starts, at) - 1
            start = starts[place]
            until = starts[place + 1] if place + 1 < len(starts) else len(whole)
            offsets = script.utterances[places[place]].offsets
            words = script.utterances[places[place]].words
        first = bisect_right(offsets, at - start) - 1
        if (place, first) != said_at:  # twice in one word is one place
            last = bisect_right(offsets, at + len(folded) - 1 - start, first) - 1
            yield Hit(words[first].start_ms, places[place], first, last)
            said_at = place, first
        at = whole.find(folded, at + 1)


def times_text(count: int) -> str:
    """Write how often something is said: `once`, `2 times`."""
    return "once" if count == 1 else f"{count} times"


def nearest_hit(hits: Sequence[Hit], position_ms: int) -> int:
    """Return the index of the first hit at or after a place, the last one if there is none."""
    at = bisect_left(hits, position_ms, key=attrgetter("position_ms"))
    return min(at, len(hits) - 1)


class Found(msgspec.Struct, frozen=True):
    """What was searched for, where it is said, and which of the hits was gone to last."""

    wanted: str = ""
    hits: tuple[Hit, ...] = ()
    at: int = -1
    by_utterance: dict[int, list[Hit]] = msgspec.field(default_factory=dict)

    @property
    def hit(self) -> Hit | None:
        """The hit that was gone to last."""
        return self.hits[self.at] if 0 <= self.at < len(self.hits) else None


def found(wanted: str, hits: tuple[Hit, ...], at: int) -> Found:
    """Return what was found, with the hits of each utterance at hand for drawing."""
    by_utterance: dict[int, list[Hit]] = {}
    for hit in hits:
        by_utterance.setdefault(hit.utterance, []).append(hit)
    return Found(wanted, hits, at, by_utterance)


def found_again(last: Found, script: Script) -> Found:
    """Return what is found of the same text once the words have changed: at the same place."""
    if not last.wanted:
        return last
    hits = find(script, last.wanted)
    place_ms = last.hit.position_ms if last.hit is not None else 0
    return found(last.wanted, hits, nearest_hit(hits, place_ms))

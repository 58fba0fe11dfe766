"""Which party speaks when, by the words: for the volumes of a recording that holds both mixed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from callplayer.vendor.parties import NEITHER, Carries, Party
from callplayer.vendor.transcript import SPEAKER_OF_PARTY, Word

PAUSE_MS = 700
"""Words of one speaker no further apart are one turn: a volume does not jump in between."""

BEFORE_MS, AFTER_MS = 120, 200
"""A turn counts from this long before its first word until as long after its last one: the times of
words are not exact, and a breath belongs to them."""

MAX_TURNS = 20_000
LOOKED_BACK = 8


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of the call, in ms from its start, in which a party speaks."""

    start_ms: int
    end_ms: int
    party: Party


def turns_of(words: Iterable[Word]) -> tuple[Turn, ...]:
    """Return the turns of words in any order, by their starts; none where they are too many."""
    turns: list[Turn] = []
    of_speaker = {speaker: party for party, speaker in SPEAKER_OF_PARTY.items()}
    last: dict[Party, int] = {}
    for word in sorted(words, key=lambda each: each.start_offset):
        party = of_speaker.get(word.speaker)
        if party is None:
            continue
        start_ms = round(word.start_offset * 1000)
        end_ms = start_ms + round(word.duration * 1000)
        at = last.get(party)
        if at is not None and start_ms - turns[at].end_ms <= PAUSE_MS:
            turns[at] = Turn(turns[at].start_ms, max(end_ms, turns[at].end_ms), party)
        else:
            last[party] = len(turns)
            turns.append(Turn(start_ms, end_ms, party))
    return tuple(turns) if len(turns) <= MAX_TURNS else ()


class Turns:
    """The turns of a call, looked up by place."""

    def __init__(self, turns: Sequence[Turn] = ()) -> None:
        self._turns = turns
        self._starts_ms = [turn.start_ms for turn in turns]

    def speaking(self, position_ms: int) -> Carries:
        """Return the parties that speak at a place; none where that is not known."""
        end = bisect_right(self._starts_ms, position_ms + BEFORE_MS)
        near = self._turns[max(end - LOOKED_BACK, 0) : end]
        return NEITHER.union(turn.party for turn in near if position_ms < turn.end_ms + AFTER_MS)

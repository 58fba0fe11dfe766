"""Speech lanes: for each party, where it was heard to speak and where its words say it will.

What was heard is kept as a compact envelope, a byte for each 200 ms: three hours are 54 KB a party.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from callplayer.engine.messages import PartyLevel
from callplayer.ui.script import Script
from callplayer.ui.span import Span
from callplayer.ui.view import SPEECH_DB
from callplayer.wire import MAX_CALL_MS, Party
from callplayer.words import PARTY_OF_SPEAKER, Speaker

BIN_MS = 200
LOUDEST_DB = -12.0
_UNHEARD = 0
_SILENT = 1
NOISE_BINS = 150
NOISE_SHARE = 0.2
NOISE_AT_MOST = 3
_LEVELS = "▂▃▄▅▆▇█"

HEARD_SILENCE = "▁"
WORD = "▒"
NO_WORD = "·"
UNKNOWN = "░"
"""Heard sound has a height, words that were not heard yet are grey, and what nobody knows is as
the bar was: told apart without colour."""


class Envelope:
    """What was heard of one party: for each 200 ms the loudest level, in steps."""

    def __init__(self) -> None:
        self._bins = bytearray()

    def note(self, position_ms: int, level_db: float) -> bool:
        """Note a level heard at a place; tell whether that changed anything."""
        if not 0 <= position_ms <= MAX_CALL_MS:
            return False
        at = position_ms // BIN_MS
        if at >= len(self._bins):
            self._bins.extend(bytes(at + 1 - len(self._bins)))
        step = step_of(level_db)
        if self._bins[at] >= step:
            return False
        self._bins[at] = step
        return True

    def step(self, start_ms: int, end_ms: int) -> int:
        """Return the loudest step in a stretch of the call; 0 where nothing was heard."""
        first = max(start_ms // BIN_MS, 0)
        return max(self._bins[first : max(-(-end_ms // BIN_MS), first + 1)], default=_UNHEARD)

    def sound_from_ms(self, start_ms: int, end_ms: int) -> int:
        """Return where sound was heard first in a stretch; its end if none was, or nobody heard."""
        first = start_ms // BIN_MS
        stretch = self._bins[first : max(-(-end_ms // BIN_MS), first)]
        at = len(stretch) - len(stretch.lstrip(self._quiet_steps(unheard=True)))
        return min(max((first + at) * BIN_MS, start_ms), end_ms) if at < len(stretch) else end_ms

    def silent_until_ms(self, start_ms: int) -> tuple[int, bool]:
        """Return how far it was heard to be silent, and whether sound was heard from there on."""
        first = start_ms // BIN_MS
        rest = self._bins[first:]
        left = rest.lstrip(self._quiet_steps(unheard=False))
        until_ms = (first + len(rest) - len(left)) * BIN_MS
        return max(until_ms, start_ms), bool(left) and left[0] != _UNHEARD

    def _quiet_steps(self, *, unheard: bool) -> bytes:
        """Return the steps that are no sound of anybody: silence, and the noise of the line.

        Noise is what at least a fifth of all that was heard is no louder than: nobody speaks
        without a pause. It is not asked about a few seconds, nor believed to be loud.
        """
        loudest = _SILENT
        counts = [self._bins.count(step) for step in range(_SILENT, len(_LEVELS) + 2)]
        heard = sum(counts)
        if heard >= NOISE_BINS:
            below = 0
            for step, count in enumerate(counts, _SILENT):
                below += count
                if below >= heard * NOISE_SHARE:
                    loudest = _SILENT if step == _SILENT else min(step, NOISE_AT_MOST) + 1
                    break
        return bytes(range(_UNHEARD if unheard else _SILENT, loudest + 1))


def step_of(level_db: float) -> int:
    """Return 1 for silence, 2 … 8 for speech from quiet to loud."""
    if level_db < SPEECH_DB:
        return _SILENT
    share = min((level_db - SPEECH_DB) / (LOUDEST_DB - SPEECH_DB), 1.0)
    return 2 + round(share * (len(_LEVELS) - 1))


@dataclass(frozen=True)
class Lane:
    """One party's lane as it is drawn: a sign a column."""

    party: Party
    signs: str


class Lanes:
    """The lanes of a call; draws anew only the columns that changed."""

    def __init__(self) -> None:
        self._envelopes: dict[Party, Envelope] = {}
        self._signs: dict[Party, list[str]] = {}
        self._drawn_for: tuple[Script, Span, int] | None = None
        self._lanes: dict[Party, Lane] = {}

    def note(self, levels: Sequence[PartyLevel], position_ms: int) -> None:
        """Take what is heard at a place."""
        for level in levels:
            envelope = self._envelopes.setdefault(level.party, Envelope())
            if envelope.note(position_ms, level.rms_db):
                self._redraw_column(level.party, position_ms)

    def sound_from_ms(self, parties: Sequence[Party], start_ms: int, end_ms: int) -> int:
        """Return where any party was heard first in a stretch; its end if none was."""
        heard = [self._envelopes[party] for party in parties if party in self._envelopes]
        return min((each.sound_from_ms(start_ms, end_ms) for each in heard), default=end_ms)

    def silent_until_ms(self, parties: Sequence[Party], start_ms: int) -> tuple[int, bool]:
        """Return how far all parties were heard to be silent, and whether one was heard then."""
        if not parties or any(party not in self._envelopes for party in parties):
            return start_ms, False
        ends = [self._envelopes[party].silent_until_ms(start_ms) for party in parties]
        until_ms = min(end for end, _ in ends)
        return until_ms, any(is_sound for end, is_sound in ends if end == until_ms)

    def lanes(
        self, parties: Sequence[Party], script: Script, span: Span, width: int
    ) -> tuple[Lane, ...]:
        """Return a lane for each party; none while nothing at all is known of the call."""
        if not script and not self._envelopes:
            return ()
        drawn_for = self._drawn_for
        if drawn_for is None or drawn_for[0] is not script or drawn_for[1:] != (span, width):
            self._drawn_for = (script, span, width)
            self._signs.clear()
            self._lanes.clear()
        return tuple(self._lane(party, script, span, width) for party in parties)

    def _lane(self, party: Party, script: Script, span: Span, width: int) -> Lane:
        lane = self._lanes.get(party)
        if lane is None:
            signs = self._signs.get(party)
            if signs is None:
                said = _said_columns(party, script, span, width)
                signs = self._signs[party] = [
                    self._sign(party, column, said, script) for column in range(width)
                ]
            lane = self._lanes[party] = Lane(party, "".join(signs))
        return lane

    def _sign(self, party: Party, column: int, said: set[int], script: Script) -> str:
        assert self._drawn_for is not None
        step = self._step(party, column)
        if step != _UNHEARD:
            return HEARD_SILENCE if step == _SILENT else _LEVELS[step - 2]
        if column in said:
            return WORD
        _, span, width = self._drawn_for
        known_ms = script.utterances[-1].end_ms if script else 0
        return NO_WORD if span.position_ms(column, width) <= known_ms else UNKNOWN

    def _step(self, party: Party, column: int) -> int:
        assert self._drawn_for is not None
        _, span, width = self._drawn_for
        envelope = self._envelopes.get(party)
        if envelope is None:
            return _UNHEARD
        half_ms = span.length_ms / max(width - 1, 1) / 2
        at_ms = span.position_ms(column, width)
        return envelope.step(round(at_ms - half_ms), round(at_ms + half_ms))

    def _redraw_column(self, party: Party, position_ms: int) -> None:
        signs = self._signs.get(party)
        if signs is None or self._drawn_for is None:
            return
        _, span, width = self._drawn_for
        if not span.holds(position_ms):
            return
        column = span.column(position_ms, width)
        step = self._step(party, column)
        sign = HEARD_SILENCE if step <= _SILENT else _LEVELS[step - 2]
        if signs[column] != sign:
            signs[column] = sign
            self._lanes.pop(party, None)


def _said_columns(party: Party, script: Script, span: Span, width: int) -> set[int]:
    """Return the columns in which a party's words stand."""
    speakers: set[Speaker] = {name for name, each in PARTY_OF_SPEAKER.items() if each == party}
    if party == "call":
        speakers = set(PARTY_OF_SPEAKER)
    columns: set[int] = set()
    first = max(bisect_left(script.starts_ms, span.start_ms) - 8, 0)
    for each in script.utterances[first:]:
        if each.start_ms > span.end_ms:
            break
        if each.speaker in speakers and each.end_ms >= span.start_ms:
            start = span.column(each.start_ms, width)
            columns.update(range(start, span.column(each.end_ms, width) + 1))
    return columns

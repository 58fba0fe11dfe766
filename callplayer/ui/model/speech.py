"""Speech lanes: the sound that was received, and where the words say that more will be.

A lane holds one party, or both where they come by one mixed track: then the words are laid to the
parties in a lane of their own. What was received is kept as a compact envelope, a byte for each 50
ms: three hours are 216 KB a lane.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from callplayer.ipc.messages import WAVE_STEP_MS, LaneState
from callplayer.ui.model.format import SPEECH_DB
from callplayer.ui.model.transcript import Script
from callplayer.ui.model.zoom import Span
from callplayer.vendor.transcript import SPEAKER_OF_PARTY, Speaker
from callplayer.vendor.values import MAX_CALL_MS

BIN_MS = WAVE_STEP_MS
LOUDEST_DB = -12.0
_UNHEARD = 0
_SILENT = 1
NOISE_BINS = 600
NOISE_SHARE = 0.2
NOISE_AT_MOST = 3
_STEPS = 7
_FINE = 4
"""Levels between two steps, for lanes of several rows."""
_LOUDEST = 2 + (_STEPS - 1) * _FINE
WAVE_ROWS = 3
"""From this height on a lane is drawn as a wave around its middle, in dots, two a column."""

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The dots of a braille sign, from top to bottom, left and right."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}

WORDS_LANE = "words"
CALLER_WORD, CALL_TAKER_WORD, BOTHS_WORD = "▀", "▄", "█"
"""Signs of the lane of words: the caller's stand above, as its volume does."""

HEARD_SILENCE = "▁"
WORD = "▒"
NO_WORD = "·"
UNKNOWN = "░"
WORD_SIGNS = (WORD, CALLER_WORD, CALL_TAKER_WORD, BOTHS_WORD)
"""Heard sound has a height, words that were not heard yet are grey, and what is not known is as
the bar was: they differ without colour."""


class Envelope:
    """What was received of one lane: a level for each BIN_MS: 0 for none, 1 for silence."""

    def __init__(self) -> None:
        self._bins = bytearray()

    def note(self, start_ms: int, levels_db: Sequence[float]) -> None:
        """Note levels, one for each BIN_MS from a place on."""
        first = round(start_ms / BIN_MS)
        end = first + len(levels_db)
        if not 0 <= first <= end <= MAX_CALL_MS // BIN_MS:
            return
        self._bins.extend(bytes(max(end - len(self._bins), 0)))
        self._bins[first:end] = bytes(map(_level_of, levels_db))

    def level(self, start_ms: int, end_ms: int) -> int:
        """Return the mean level of a stretch of the call, of which 0 is no part."""
        first = max(start_ms // BIN_MS, 0)
        bins = self._bins[first : max(-(-end_ms // BIN_MS), first + 1)]
        known = len(bins) - bins.count(_UNHEARD)
        if not known:
            return _UNHEARD
        return max(round(sum(bins) / known), min(max(bins), _SILENT + 1))

    def sound_from_ms(self, start_ms: int, end_ms: int) -> int:
        """Return where sound was heard first in a stretch; its end if none is known."""
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
        """Return the steps that are no speech: silence, and the noise of the line.

        Noise is what at least a fifth of all that was heard is no louder than: no party speaks
        without a pause. It is not asked about a few seconds, nor believed to be loud.
        """
        loudest = _SILENT
        counts = [self._bins.count(level) for level in range(_SILENT, _LOUDEST + 1)]
        heard = sum(counts)
        if heard >= NOISE_BINS:
            below = 0
            for level, count in enumerate(counts, _SILENT):
                below += count
                if below >= heard * NOISE_SHARE:
                    step = _step(level)
                    loudest = _SILENT if step == _SILENT else min(step, NOISE_AT_MOST) + 1
                    break
        quiet = (level for level in range(_SILENT, _LOUDEST + 1) if _step(level) <= loudest)
        return bytes((_UNHEARD, *quiet) if unheard else quiet)


def _step(level: int) -> int:
    """Return 1 for silence, 2 … 8 for speech from quiet to loud."""
    return level if level < 2 else 2 + int((level - 2) / _FINE + 0.5)


def _level_of(level_db: float) -> int:
    """Return 1 for silence, 2 … _LOUDEST for speech from quiet to loud."""
    if level_db < SPEECH_DB:
        return _SILENT
    share = min((level_db - SPEECH_DB) / (LOUDEST_DB - SPEECH_DB), 1.0)
    return 2 + round(share * (_LOUDEST - 2))


class SpeechLane(msgspec.Struct, frozen=True):
    """A lane as it is drawn: of each column a level, or a sign of what is known by words."""

    name: str
    columns: str

    @property
    def signs(self) -> str:
        """The lane in one row, a sign a column."""
        return self.row(0, 1)

    def row(self, at: int, rows: int) -> str:
        """Return one of its rows, 0 at the top, where it has several."""
        return self.columns.translate(_glyphs(at, rows))


_PAIRS = {
    (left, right): chr(0xE000 + 32 * left + right)
    for left in range(_LOUDEST + 1)
    for right in range(_LOUDEST + 1)
    if left or right
}
"""The sign of a column whose halves have these levels: private ones, unlike those of words."""

LEVEL_SIGNS = tuple(_PAIRS.values())


@lru_cache(maxsize=64)
def _glyphs(at: int, rows: int) -> dict[int, str]:
    """Return what each level and each sign of words looks like in one of `rows` rows."""
    if rows >= WAVE_ROWS:
        columns = [_dots(level, at, rows) for level in range(_LOUDEST + 1)]
        shown = {pair: chr(0x2800 + columns[pair[0]][0] + columns[pair[1]][1]) for pair in _PAIRS}
    else:
        blocks = [_block(level, at, rows) for level in range(_LOUDEST + 1)]
        shown = {pair: blocks[max(pair)] for pair in _PAIRS}
    glyphs = {ord(_PAIRS[pair]): sign for pair, sign in shown.items()}
    if rows == 1:
        return glyphs
    halves = (2 * at < rows, 2 * at + 1 < rows)
    glyphs[ord(CALLER_WORD)] = _HALVES[halves]
    glyphs[ord(CALL_TAKER_WORD)] = _HALVES[not halves[0], not halves[1]]
    middle = rows // 2 if rows >= WAVE_ROWS else rows - 1
    if at != middle:
        glyphs |= {ord(NO_WORD): " ", ord(UNKNOWN): " ", ord(WORD): " "}
    return glyphs


def _block(level: int, at: int, rows: int) -> str:
    """Return a bar's part in one of `rows` rows, which stands on the ground."""
    below = rows - 1 - at
    if level <= _SILENT:
        return HEARD_SILENCE if below == 0 else " "
    # Lanes of several rows stand apart by a quarter of a row.
    highest = 8 if rows == 1 else 8 * rows - 2
    eighths = int((2 + (level - 2) / _FINE) / 8 * highest + 0.5) - 8 * below
    return _EIGHTHS[min(max(eighths, 0), 8)]


def _dots(level: int, at: int, rows: int) -> tuple[int, int]:
    """Return the dots that a level has in one of `rows` rows, as the left and as the right half.

    Silence is a line in the middle; the loudest leaves a dot free above and below.
    """
    if level == _UNHEARD:
        return 0, 0
    middle = 2 * rows
    reach = 0 if level == _SILENT else 1 + round((level - 2) / (_LOUDEST - 2) * (middle - 2))
    lit = [middle - reach <= 4 * at + dot < middle + max(reach, 1) for dot in range(4)]
    left, right = (sum(bit for bit, on in zip(side, lit, strict=True) if on) for side in _DOTS)
    return left, right


class SpeechLanes:
    """The lanes of a call; draws anew only the columns that changed."""

    def __init__(self) -> None:
        self._envelopes: dict[str, Envelope] = {}
        self._signs: dict[str, list[str]] = {}
        self._drawn_for: tuple[Script, Span, int] | None = None
        self._lanes: dict[str, SpeechLane] = {}

    def note(self, lane: str, start_ms: int, levels_db: Sequence[float]) -> None:
        """Note how loud a lane is: a level in dBFS for each BIN_MS from a place on."""
        self._envelopes.setdefault(lane, Envelope()).note(start_ms, levels_db)
        self._redraw_columns(lane, start_ms, start_ms + len(levels_db) * BIN_MS)

    def sound_from_ms(self, lanes: Sequence[LaneState], start_ms: int, end_ms: int) -> int:
        """Return where any lane was heard first in a stretch; its end if none was."""
        heard = [self._envelopes[each.lane] for each in lanes if each.lane in self._envelopes]
        return min((each.sound_from_ms(start_ms, end_ms) for each in heard), default=end_ms)

    def silent_until_ms(self, lanes: Sequence[LaneState], start_ms: int) -> tuple[int, bool]:
        """Return how far all lanes were heard to be silent, and whether one was heard then."""
        if not lanes or any(each.lane not in self._envelopes for each in lanes):
            return start_ms, False
        ends = [self._envelopes[each.lane].silent_until_ms(start_ms) for each in lanes]
        until_ms = min(end for end, _ in ends)
        return until_ms, any(is_sound for end, is_sound in ends if end == until_ms)

    def lanes(
        self, lanes: Sequence[LaneState], script: Script, span: Span, width: int
    ) -> tuple[SpeechLane, ...]:
        """Return what is drawn of each lane; nothing while nothing at all is known of the call.

        Where all sound is mixed, the words stand in a lane of their own, if there are any.
        """
        if not script and not self._envelopes:
            return ()
        drawn_for = self._drawn_for
        if drawn_for is None or drawn_for[0] is not script or drawn_for[1:] != (span, width):
            self._drawn_for = (script, span, width)
            self._signs.clear()
            self._lanes.clear()
        drawn = tuple(self._lane(each, script, span, width) for each in lanes)
        if script and is_mixed(lanes):
            words = self._lanes.get(WORDS_LANE)
            if words is None:
                words = self._lanes[WORDS_LANE] = _words_lane(script, span, width)
            drawn += (words,)
        return drawn

    def _lane(self, state: LaneState, script: Script, span: Span, width: int) -> SpeechLane:
        name = state.lane
        lane = self._lanes.get(name)
        if lane is None:
            signs = self._signs.get(name)
            if signs is None:
                said = _said_columns(_speakers(state), script, span, width)
                signs = self._signs[name] = [
                    self._sign(name, column, said, script) for column in range(width)
                ]
            lane = self._lanes[name] = SpeechLane(name, "".join(signs))
        return lane

    def _sign(self, name: str, column: int, said: set[int], script: Script) -> str:
        assert self._drawn_for is not None
        pair = self._levels(name, column)
        if pair != (_UNHEARD, _UNHEARD):
            return _PAIRS[pair]
        if column in said:
            return WORD
        _, span, width = self._drawn_for
        return _no_word(column, script, span, width)

    def _levels(self, name: str, column: int) -> tuple[int, int]:
        """Return the levels of a column's two halves."""
        assert self._drawn_for is not None
        _, span, width = self._drawn_for
        envelope = self._envelopes.get(name)
        if envelope is None:
            return _UNHEARD, _UNHEARD
        half_ms = span.length_ms / max(width - 1, 1) / 2
        at_ms = span.position_ms(column, width)
        first_ms, end_ms = round(at_ms - half_ms), round(at_ms + half_ms)
        return envelope.level(first_ms, at_ms), envelope.level(at_ms, end_ms)

    def _redraw_columns(self, name: str, start_ms: int, end_ms: int) -> None:
        signs = self._signs.get(name)
        if signs is None or self._drawn_for is None:
            return
        _, span, width = self._drawn_for
        if end_ms < span.start_ms or start_ms > span.end_ms:
            return
        # What is noted is seen in every column that it reaches into.
        first, last = (span.column(ms, width) for ms in (start_ms - BIN_MS, end_ms + BIN_MS))
        for column in range(first, last + 1):
            pair = self._levels(name, column)
            if pair != (_UNHEARD, _UNHEARD) and signs[column] != _PAIRS[pair]:
                signs[column] = _PAIRS[pair]
                self._lanes.pop(name, None)


def is_mixed(lanes: Sequence[LaneState]) -> bool:
    """Return whether all sound comes as one that holds both parties."""
    return len(lanes) == 1 and len(lanes[0].carries) > 1


def _speakers(lane: LaneState) -> frozenset[Speaker]:
    """Return whose words stand in a lane; an unknown speaker's only where both do."""
    if len(lane.carries) > 1:
        return frozenset((*SPEAKER_OF_PARTY.values(), "Unknown"))
    return frozenset(SPEAKER_OF_PARTY[party] for party in lane.carries)


def _words_lane(script: Script, span: Span, width: int) -> SpeechLane:
    """Return the lane that lays the words to the parties."""
    said = [
        _said_columns(frozenset((speaker,)), script, span, width)
        for speaker in (*SPEAKER_OF_PARTY.values(), "Unknown")
    ]
    signs = []
    for column in range(width):
        of_caller, of_taker, of_unknown = (column in columns for columns in said)
        if of_caller or of_taker:
            both = of_caller and of_taker
            one = CALLER_WORD if of_caller else CALL_TAKER_WORD
            signs.append(BOTHS_WORD if both else one)
        else:
            signs.append(WORD if of_unknown else _no_word(column, script, span, width))
    return SpeechLane(WORDS_LANE, "".join(signs))


def _no_word(column: int, script: Script, span: Span, width: int) -> str:
    known_ms = script.utterances[-1].end_ms if script else 0
    return NO_WORD if span.position_ms(column, width) < known_ms else UNKNOWN


def _said_columns(speakers: frozenset[Speaker], script: Script, span: Span, width: int) -> set[int]:
    """Return the columns in which the words of these speakers stand."""
    columns: set[int] = set()
    first = max(bisect_left(script.starts_ms, span.start_ms) - 8, 0)
    for each in script.utterances[first:]:
        if each.start_ms > span.end_ms:
            break
        if each.speaker in speakers and each.end_ms >= span.start_ms:
            start = span.column(each.start_ms, width)
            columns.update(range(start, span.column(each.end_ms, width) + 1))
    return columns

"""The transcript laid out in lines of a width, and each line drawn. Pure but for its own cache.

Only what changed since the last script is laid out anew; only the lines that are seen are drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from callplayer.ui.model.format import PARTY_TONES, Tone, clock_text
from callplayer.ui.model.transcript import (
    SPEAKER_NAMES,
    Script,
    TimedWord,
    Utterance,
    is_lit,
    lit_until_ms,
)
from callplayer.ui.model.transcript_search import Hit
from callplayer.ui.widgets.rows import Part, Row, cell_len, fit
from callplayer.vendor.transcript import SPEAKER_OF_PARTY, Speaker

TIME_CELLS, NAME_CELLS = 8, 11
PREFIX_CELLS = TIME_CELLS + NAME_CELLS + 2
"""A time, a name, and the speaker's line stand before the words."""

UNSURE_SIGN = "~"
BARS: dict[Speaker, str] = {"Caller": "┃", "CallTaker": "┊", "Unknown": "╎"}
NAMES: dict[Speaker, str] = {**SPEAKER_NAMES, "Caller": SPEAKER_NAMES["Caller"].upper()}
"""The two parties differ in capitals and in the line beside them, not in colour alone."""

SPEAKER_TONES: dict[Speaker, Tone] = {
    "Unknown": "ask",
    **{SPEAKER_OF_PARTY[party]: tone for party, tone in PARTY_TONES.items()},
}


class TranscriptLine(msgspec.Struct, frozen=True, gc=False):
    """Words `first` to `end` (exclusive) of an utterance."""

    utterance: int
    first: int
    end: int


class Seen(msgspec.Struct, frozen=True):
    """What makes a line look as it does: what is heard, what is found, what is pointed at.

    `heard_ms` is the audible cursor; `hit` the one that was gone to last; `pointed` is an utterance
    and a word in it.
    """

    heard_ms: int = -1
    hits: Mapping[int, Sequence[Hit]] | None = None
    hit: Hit | None = None
    pointed: tuple[int, int] | None = None


class ScriptLines:
    """All lines of a script at one width."""

    def __init__(self) -> None:
        self.script = Script()
        self.width = 0
        self.lines: list[TranscriptLine] = []
        self._first_lines: list[int] = []
        self._spoken_ms: dict[int, tuple[int, int]] = {}
        self._drawn: dict[tuple[int, Tone, bool], Row] = {}

    def update(self, script: Script, width: int) -> None:
        """Lay out `script` for `width` cells."""
        if script is self.script and width == self.width:
            return
        self._spoken_ms.clear()
        self._drawn.clear()
        kept = self._same_utterances(script) if width == self.width else 0
        if kept < len(self._first_lines):
            del self.lines[self._first_lines[kept] :]
            del self._first_lines[kept:]
        self.script, self.width = script, width
        for index in range(kept, len(script.utterances)):
            self._first_lines.append(len(self.lines))
            each = script.utterances[index]
            room = max(width - PREFIX_CELLS, 8)
            self.lines += [TranscriptLine(index, first, end) for first, end in wrapped(each, room)]

    def line_of(self, utterance: int, word: int) -> int:
        """Return the number of the line in which a word stands."""
        at = self._first_lines[utterance]
        while at + 1 < len(self.lines) and self.lines[at].end <= word:
            at += 1
        return at

    def line_at(self, position_ms: int) -> int:
        """Return the number of the line that is being said at a place; 0 before any."""
        utterance = self.script.at(position_ms)
        if utterance < 0:
            return 0
        words = self.script.utterances[utterance].words
        word = bisect_right(words, position_ms, key=lambda each: each.start_ms) - 1
        return self.line_of(utterance, max(word, 0))

    def turns_ms(self, first: int, end: int) -> list[int]:
        """Return in order the places at which something changes in these lines as it is heard."""
        lines = self.lines[max(first, 0) : end]
        said = self.script.utterances
        words = [
            word for line in lines for word in said[line.utterance].words[line.first : line.end]
        ]
        return sorted({each for word in words for each in (word.start_ms, lit_until_ms(word))})

    def row(self, number: int, seen: Seen, *, is_first: bool = False) -> Row:
        """Draw a line; one that nothing is heard, found or pointed at in looks as it did.

        The line that `is_first` in sight names its speaker.
        """
        line = self.lines[number]
        tone = self._even_tone(number, seen)
        if tone is None:
            return self._row(line, seen, is_first)
        row = self._drawn.get((number, tone, is_first))
        if row is None:
            row = self._drawn[number, tone, is_first] = self._row(line, seen, is_first)
        return row

    def _is_new_speaker(self, utterance: int) -> bool:
        said = self.script.utterances
        return not utterance or said[utterance - 1].speaker != said[utterance].speaker

    def _even_tone(self, number: int, seen: Seen) -> Tone | None:
        """Return the tone of all words of a line that has but one, None for any other line."""
        line = self.lines[number]
        pointed = seen.pointed is not None and seen.pointed[0] == line.utterance
        if pointed or line.utterance in (seen.hits or {}):
            return None
        spoken = self._spoken_ms.get(number)
        if spoken is None:
            words = self.script.utterances[line.utterance].words[line.first : line.end]
            spoken = self._spoken_ms[number] = (words[0].start_ms, max(map(lit_until_ms, words)))
        if seen.heard_ms < spoken[0]:
            return "ahead"
        return "said" if seen.heard_ms >= spoken[1] else None

    def _row(self, line: TranscriptLine, seen: Seen, is_first: bool) -> Row:
        each = self.script.utterances[line.utterance]
        hits = (seen.hits or {}).get(line.utterance, ())
        is_new = is_first or (line.first == 0 and self._is_new_speaker(line.utterance))
        parts = _prefix(each.words[line.first].start_ms, each.speaker, is_new)
        for at in range(line.first, line.end):
            word = each.words[at]
            tone = _tone(word, seen)
            for hit in hits:
                if hit.first <= at <= hit.last:
                    tone = "pointed" if hit == seen.hit else "hit"
            if seen.pointed == (line.utterance, at):
                tone = "pointed"
            parts.append((shown(word), tone))
            parts.append((" ", "text"))
        return tuple(parts)

    def word_at(self, number: int, column: int) -> tuple[int, int] | None:
        """Return the utterance and the word at a column of a line; None beside the words."""
        if not 0 <= number < len(self.lines):
            return None
        line = self.lines[number]
        each = self.script.utterances[line.utterance]
        at = PREFIX_CELLS
        if column < at:
            return line.utterance, line.first
        for index in range(line.first, line.end):
            at += cell_len(shown(each.words[index])) + 1
            if column < at:
                return line.utterance, index
        return None

    def _same_utterances(self, script: Script) -> int:
        """Return how many utterances are the very ones that are laid out."""
        same = 0
        for old, new in zip(self.script.utterances, script.utterances, strict=False):
            if old is not new:
                break
            same += 1
        return same


def shown(word: TimedWord) -> str:
    """Return a word as it is drawn: one that the machine was not sure of bears a sign."""
    return UNSURE_SIGN + word.text if word.unsure else word.text


def wrapped(utterance: Utterance, room: int) -> list[tuple[int, int]]:
    """Return the words of each line, as first and end (exclusive), that fit in `room` cells."""
    lines: list[tuple[int, int]] = []
    first, used = 0, 0
    for at, word in enumerate(utterance.words):
        text = shown(word)
        wide = cell_len(text)
        if used and used + wide > room:
            lines.append((first, at))
            first, used = at, 0
        used += wide + 1
    lines.append((first, len(utterance.words)))
    return lines


def _prefix(start_ms: int, speaker: Speaker, is_new: bool) -> list[Part]:
    """Return what stands before the words: the time of each line's first, a new speaker's name."""
    start = clock_text(start_ms, start_ms, tenths=False)
    name = NAMES[speaker] if is_new else ""
    return [
        (f"{start:>{TIME_CELLS - 1}} ", "dim"),
        (f"{fit(name, NAME_CELLS)}{BARS[speaker]} ", SPEAKER_TONES[speaker]),
    ]


def _tone(word: TimedWord, seen: Seen) -> Tone:
    if is_lit(word, seen.heard_ms):
        return "lit"
    if word.unsure:
        return "unsure"
    return "said" if word.start_ms <= seen.heard_ms else "ahead"

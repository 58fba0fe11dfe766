"""The transcript as the screen reads it: utterances in order, what is said when, what is found.

Pure. Words come by the rule of `callplayer.vendor.transcript`; each change makes a new script that
shares with the old one all utterances before the change, so that a widget sees what is
new.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import msgspec

from callplayer.text import plain_text
from callplayer.ui.model.format import PARTY_NAMES
from callplayer.vendor.transcript import SPEAKER_OF_PARTY, Speaker, Transcript, Word

PAUSE_MS = 900
"""A pause this long within one speaker's words begins a new utterance."""

LONGEST_MS = 20_000
LONGEST_WORDS = 60
UNSURE_BELOW = 0.6
"""Words of a lower confidence are marked."""

SHORTEST_LIT_MS = 150
LEAD_MS = 500
"""A jump to a word goes so far before it: its first sound must not be missed."""

MAX_SHOWN_CHARS = 60
QUOTE_NEAR_MS = 4_000
QUOTE_CHARS = 300

SPEAKERS: tuple[Speaker, ...] = ("Caller", "CallTaker", "Unknown")
SPEAKER_NAMES: dict[Speaker, str] = {
    **{speaker: PARTY_NAMES[party] for party, speaker in SPEAKER_OF_PARTY.items()},
    "Unknown": "Speaker",
}


class TimedWord(msgspec.Struct, frozen=True, gc=False):
    """One word, harmless to draw; times are ms from the start of the call.

    A call has tens of thousands: the garbage collector need not look at them, nor make a key wait.
    """

    start_ms: int
    end_ms: int
    text: str
    unsure: bool


@dataclass(frozen=True)
class Utterance:
    """What one speaker said without a pause."""

    speaker: Speaker
    words: tuple[TimedWord, ...]

    @property
    def start_ms(self) -> int:
        """When its first word begins."""
        return self.words[0].start_ms

    @cached_property
    def end_ms(self) -> int:
        """When its last word is over."""
        return max(word.end_ms for word in self.words)

    @cached_property
    def folded(self) -> str:
        """Its text as it is searched."""
        return self._search[0]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each word begins in `folded`."""
        return self._search[1]

    @cached_property
    def _search(self) -> tuple[str, tuple[int, ...]]:
        parts, offsets, at, after_digit = list[str](), list[int](), 0, False
        for word in self.words:
            part = fold(word.text)
            if part and at and not (after_digit and part[0].isdigit()):
                part_at = at + 1
                parts.append(" ")
            else:
                part_at = at
            offsets.append(part_at)
            if part:
                parts.append(part)
                at, after_digit = part_at + len(part), part[-1].isdigit()
        return "".join(parts), tuple(offsets)

    @property
    def text(self) -> str:
        """Its words as one line."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Script:
    """All that was said, by when it began."""

    transcript: Transcript = field(default_factory=Transcript)
    utterances: tuple[Utterance, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.utterances)

    @cached_property
    def starts_ms(self) -> list[int]:
        """When each utterance begins."""
        return [each.start_ms for each in self.utterances]

    @cached_property
    def searched(self) -> dict[Speaker, tuple[str, list[int], list[int]]]:
        """What each speaker said as it is searched; where each utterance begins in it; which it is.

        One that goes on after an interruption is found as if there was none.
        """
        found = {}
        for speaker in SPEAKERS:
            parts, starts, places, at, after_digit = list[str](), list[int](), list[int](), 0, False
            for index, each in enumerate(self.utterances):
                folded = each.folded
                if each.speaker != speaker or not folded:
                    continue
                if at and not (after_digit and folded[0].isdigit()):
                    parts.append(" ")
                    at += 1
                parts.append(folded)
                starts.append(at)
                places.append(index)
                at, after_digit = at + len(folded), folded[-1].isdigit()
            found[speaker] = ("".join(parts), starts, places)
        return found

    def at(self, position_ms: int) -> int:
        """Return the index of the last utterance that began by `position_ms`; −1 before any."""
        return bisect_right(self.starts_ms, position_ms) - 1


def after_words(script: Script, words: Sequence[Word]) -> Script:
    """Return the script after a message of words."""
    if not words:
        return script
    transcript = script.transcript.apply(words)
    kept = len(script.utterances)
    for speaker in {word.speaker for word in words}:
        kept = min(kept, _kept(script, transcript, speaker))
    return Script(transcript, _rebuilt(script.utterances[:kept], transcript))


def last_word_end_ms(script: Script) -> int:
    """Return when the last word so far is over; 0 without any."""
    return max((each.end_ms for each in script.utterances[-8:]), default=0)


def is_lit(word: TimedWord, heard_ms: int) -> bool:
    """Return whether a word is being heard."""
    return word.start_ms <= heard_ms < lit_until_ms(word)


def lit_until_ms(word: TimedWord) -> int:
    """Return when a word is not heard any more."""
    return max(word.end_ms, word.start_ms + SHORTEST_LIT_MS)


def fold(text: str) -> str:
    """Return text as it is searched: case, punctuation, quotes and the grouping of digits left out.

    `It’s 555-0142.` and `its 5550142` are the same.
    """
    if text.isascii() and text.isalnum():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    folded = ""
    for part in _NOT_WORD.split(plain):
        folded, _ = _appended(folded, part)
    return folded


def _appended(folded: str, part: str) -> tuple[str, int]:
    """Return `folded` with a part behind it, and where that begins: digits go on, words do not."""
    if not folded or not part:
        return folded + part, len(folded)
    gap = "" if folded[-1].isdigit() and part[0].isdigit() else " "
    return folded + gap + part, len(folded) + len(gap)


_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
_NOT_WORD = re.compile(r"[\W_]+")


def kept_place(before: Script, place: tuple[int, int], after: Script) -> tuple[int, int] | None:
    """Return where an utterance and a word of `before` are in `after`; None if nothing is said.

    Of words that were taken away, that is what the same speaker said last before them, or else what
    any speaker did.
    """
    if not after:
        return None
    was = before.utterances[place[0]]
    at_ms = was.words[place[1]].start_ms
    last = max(after.at(at_ms), 0)
    own = (at for at in range(last, -1, -1) if after.utterances[at].speaker == was.speaker)
    utterance = next(own, last)
    words = after.utterances[utterance].words
    return utterance, max(bisect_right(words, at_ms, key=attrgetter("start_ms")) - 1, 0)


def quote(script: Script, position_ms: int) -> str:
    """Return what is said at a place, with the speaker's name: `Caller: …`; "" if nothing is."""
    near = script.at(position_ms)
    best, best_ms = None, QUOTE_NEAR_MS
    for each in script.utterances[max(near - 3, 0) : near + 2]:
        away_ms = max(each.start_ms - position_ms, position_ms - each.end_ms, 0)
        if away_ms < best_ms:
            best, best_ms = each, away_ms
    return "" if best is None else f"{SPEAKER_NAMES[best.speaker]}: {best.text[:QUOTE_CHARS]}"


def word_at(script: Script, position_ms: int, reach_ms: int = 0) -> str:
    """Return the word that is said at a place with its speaker; "" if none is.

    One that is said at most `reach_ms` before or after it will do: the nearest.
    """
    last = script.at(position_ms)
    best, best_ms = "", reach_ms + 1
    for each in reversed(script.utterances[max(last - 3, 0) : last + 2]):
        for word in each.words:
            away_ms = _away_ms(word, position_ms)
            if away_ms < best_ms:
                best, best_ms = f"{SPEAKER_NAMES[each.speaker]}: {word.text}", away_ms
    return best


def _away_ms(word: TimedWord, position_ms: int) -> int:
    """Return how far a place is from where a word is lit."""
    return max(word.start_ms - position_ms, position_ms - lit_until_ms(word) + 1, 0)


def speaks_until_ms(script: Script, position_ms: int) -> int:
    """Return when the speech that began by a place ends; far back if there is none."""
    last = script.at(position_ms)
    spoken = script.utterances[max(last - 8, 0) : last + 1]
    return max((each.end_ms for each in spoken), default=-LEAD_MS)


def began_at(script: Script) -> float | None:
    """Return the time of the call's first moment by its words, s since 1970."""
    for speaker in SPEAKERS:
        for word in script.transcript.of(speaker)[:1]:
            return word.started_at.timestamp() - word.start_offset
    return None


def _start_ms(word: Word) -> int:
    return round(word.start_offset * 1000)


def _kept(script: Script, after: Transcript, speaker: Speaker) -> int:
    """Return how many utterances a change of a speaker's words leaves as they are.

    The speaker's last one before the change may go on with the new words, so it is not among them.
    """
    old, new = script.transcript.of(speaker), after.of(speaker)
    same = bisect_left(range(min(len(old), len(new))), True, key=lambda at: old[at] is not new[at])
    if same == len(new):
        return 0
    first_ms = _start_ms(new[same])
    kept = bisect_left(script.starts_ms, first_ms)
    counted = 0
    for at, each in enumerate(script.utterances):
        if each.speaker != speaker:
            continue
        counted += len(each.words)
        ends_before = counted < same or first_ms - each.words[-1].end_ms >= PAUSE_MS
        if counted > same or not ends_before:
            return min(kept, at)
    return kept


def _rebuilt(kept: tuple[Utterance, ...], transcript: Transcript) -> tuple[Utterance, ...]:
    """Return the utterances that are kept and those of all words that are in none of them."""
    counts = dict.fromkeys(SPEAKERS, 0)
    floors_ms = dict.fromkeys(SPEAKERS, 0)
    for each in kept:
        counts[each.speaker] += len(each.words)
        floors_ms[each.speaker] = each.words[-1].start_ms
    fresh = [
        each
        for speaker in SPEAKERS
        for each in _utterances(
            speaker, transcript.of(speaker)[counts[speaker] :], floors_ms[speaker]
        )
    ]
    return (*kept, *sorted(fresh, key=attrgetter("start_ms")))


def _utterances(speaker: Speaker, words: Iterable[Word], floor_ms: int) -> Iterator[Utterance]:
    """Make utterances of a speaker's words; none begins before `floor_ms`, nor before the last."""
    said: list[TimedWord] = []
    for word in words:
        floor_ms = start_ms = max(_start_ms(word), floor_ms)
        each = TimedWord(
            start_ms,
            start_ms + max(round(word.duration * 1000), 0),
            plain_text(word.word, MAX_SHOWN_CHARS),
            word.confidence < UNSURE_BELOW,
        )
        if said and (
            start_ms - said[-1].end_ms >= PAUSE_MS
            or start_ms - said[0].start_ms >= LONGEST_MS
            or len(said) >= LONGEST_WORDS
        ):
            yield Utterance(speaker, tuple(said))
            said = []
        said.append(each)
    if said:
        yield Utterance(speaker, tuple(said))

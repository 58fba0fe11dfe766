"""When a speech recognizer would send which words of a call, for one that is played as if live.

A running utterance is guessed at while it goes on, and sent for good when it is over. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from callplayer.vendor.transcript import Speaker, Transcript, Word

PAUSE_S = 0.6
MAX_UTTERANCE_WORDS = 40
GUESS_EVERY_S = 0.5
GUESS_AFTER_S = 0.3
FINAL_AFTER_S = 0.25
"""Shorter than GUESS_AFTER_S: an utterance is final before the next one's first guess comes."""

GUESS_CONFIDENCE = 0.5


@dataclass(frozen=True)
class AsrMessage:
    """One message of one speaker, sent `at_s` after the start of the call.

    `spoken` is what was said; a guess has some of it wrong.
    """

    at_s: float
    spoken: tuple[Word, ...]
    is_guess: bool = False

    def words(self) -> tuple[Word, ...]:
        """Return the words as they are sent."""
        return tuple(map(_guessed, self.spoken)) if self.is_guess else self.spoken


def script(words: Iterable[Word]) -> tuple[AsrMessage, ...]:
    """Return which messages are sent when; all of them together make `words`."""
    transcript = Transcript().apply(words)
    cues = [
        cue
        for speaker in (transcript.caller, transcript.call_taker, transcript.unknown)
        for utterance in _utterances(speaker)
        for cue in _cues(utterance)
    ]
    return tuple(sorted(cues, key=lambda cue: cue.at_s))


def known_at(cues: Iterable[AsrMessage], at_s: float) -> Transcript:
    """Return what has been sent until `at_s` after the start of the call."""
    final: list[Word] = []
    guesses: dict[Speaker, AsrMessage] = {}
    for cue in cues:
        if cue.at_s > at_s:
            continue
        speaker = cue.spoken[0].speaker
        guesses.pop(speaker, None)
        if cue.is_guess:
            guesses[speaker] = cue
        else:
            final += cue.spoken
    transcript = Transcript().apply(final)
    return transcript.apply(word for cue in guesses.values() for word in cue.words())


def _utterances(words: Sequence[Word]) -> list[tuple[Word, ...]]:
    """Return one speaker's words between pauses; words of one start are not taken apart."""
    utterances: list[tuple[Word, ...]] = []
    begin = 0
    for index in range(1, len(words)):
        before, word = words[index - 1], words[index]
        paused = word.start_offset - _end_s(before) >= PAUSE_S
        full = index - begin >= MAX_UTTERANCE_WORDS and word.started_at > before.started_at
        if paused or full:
            utterances.append(tuple(words[begin:index]))
            begin = index
    if words:
        utterances.append(tuple(words[begin:]))
    return utterances


def _cues(utterance: tuple[Word, ...]) -> list[AsrMessage]:
    over_s = max(_end_s(word) for word in utterance)
    cues: list[AsrMessage] = []
    for count, word in enumerate(utterance[:-1], start=1):
        at_s = min(_end_s(word) + GUESS_AFTER_S, over_s)
        if not cues or at_s - cues[-1].at_s >= GUESS_EVERY_S:
            cues.append(AsrMessage(at_s, utterance[:count], is_guess=True))
    return [*cues, AsrMessage(over_s + FINAL_AFTER_S, utterance)]


def _guessed(word: Word) -> Word:
    """Return a word as it is first understood: unsure, without capitals and punctuation."""
    text = word.word.lower().rstrip(".,!?;:") or word.word
    return msgspec.structs.replace(
        word, word=text, confidence=round(word.confidence * GUESS_CONFIDENCE, 3)
    )


def _end_s(word: Word) -> float:
    return word.start_offset + word.duration

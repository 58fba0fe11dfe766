"""Say a sentence with a speech synthesiser and find when each of its words is heard.

A tool of rendering: flite and pocketsphinx are needed here and nowhere in the package.
"""

from __future__ import annotations

import importlib
import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float64]

RATE_HZ = 16_000
MAX_JOIN_S = 0.06
PUNCTUATION = ".,!?"


@dataclass(frozen=True)
class Voice:
    """One party's flite voice, its mean pitch and the pitch's standard deviation; 1 is its pace."""

    name: str
    pitch_hz: float
    pitch_spread_hz: float
    pace: float = 1.0


@dataclass(frozen=True)
class Word:
    """A word as shown, when it starts, how long it lasts (both s), and how sure the aligner is."""

    text: str
    start_s: float
    duration_s: float
    confidence: float


@dataclass(frozen=True)
class Token:
    """A word as shown in the transcript and as spoken (one or more words, with punctuation)."""

    shown: str
    spoken: str


def tokens_of(say: str) -> list[Token]:
    """Read a script line: words, where `shown|spoken_as` differs from what is shown."""
    tokens = []
    for piece in say.split():
        shown, _, spoken = piece.partition("|")
        tokens.append(Token(shown, (spoken or shown).replace("_", " ")))
    return tokens


def sentences_of(tokens: list[Token]) -> list[list[Token]]:
    """Split the tokens after each one whose spoken form ends a sentence."""
    sentences: list[list[Token]] = [[]]
    for token in tokens:
        sentences[-1].append(token)
        if token.spoken[-1] in ".!?":
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def say(voice: Voice, text: str, pitch: float, pace: float) -> Samples:
    """Return `text` spoken by flite, RATE_HZ mono, silence at both ends cut.

    `pitch` and `pace` multiply the voice's own; a `pace` above 1 is fast.
    """
    settings = {
        "duration_stretch": 1.0 / (pace * voice.pace),
        "int_f0_target_mean": voice.pitch_hz * pitch,
        "int_f0_target_stddev": voice.pitch_spread_hz,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        arguments = ["flite", "-voice", voice.name, "-t", text, "-o", str(path)]
        for name, value in settings.items():
            arguments += ["--setf", f"{name}={value:.4f}"]
        subprocess.run(arguments, check=True, timeout=60)
        samples, rate_hz = soundfile.read(path, dtype="float64")
    return _trimmed(np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), np.float64))


def _trimmed(samples: Samples, margin_s: float = 0.06) -> Samples:
    frame = RATE_HZ // 100
    count = len(samples) // frame
    energy = np.sqrt((samples[: count * frame].reshape(count, frame) ** 2).mean(axis=1))
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-46 / 20))
    margin = round(margin_s * RATE_HZ)
    first = max(0, int(loud[0]) * frame - margin)
    last = min(len(samples), (int(loud[-1]) + 1) * frame + margin)
    cut = samples[first:last].copy()
    fade = np.linspace(0.0, 1.0, min(margin, len(cut) // 2))
    cut[: len(fade)] *= fade
    cut[len(cut) - len(fade) :] *= fade[::-1]
    return cut


class Aligner:
    """Finds the words of a known sentence in its sound, with pocketsphinx's English model."""

    def __init__(self) -> None:
        pocketsphinx = importlib.import_module("pocketsphinx")
        self._decoder = pocketsphinx.Decoder(lm=None, samprate=RATE_HZ, loglevel="FATAL")

    def align(self, samples: Samples, sentence: list[Token]) -> list[Word]:
        """Return the words of `sentence`, in s from the start of `samples` (RATE_HZ mono).

        Raise ValueError if the aligner did not find exactly the words that were spoken.
        """
        spoken = [self._spoken_words(token) for token in sentence]
        flat = [word for words in spoken for word in words]
        # The model expects some silence around an utterance.
        lead = RATE_HZ // 5
        padded = np.concatenate([np.zeros(lead), samples, np.zeros(lead)])
        level = 0.5 / max(1e-9, float(np.abs(padded).max()))
        self._decoder.set_align_text(" ".join(flat))
        self._decoder.start_utt()
        pcm = (padded * level * 32767).astype(np.int16)
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = [part for part in self._decoder.seg() if not part.word.startswith("<")]
        heard = [part.word.partition("(")[0] for part in found]
        if heard != flat:
            raise ValueError(f"could not align {flat}: found {heard}")
        offset_s = lead / RATE_HZ
        last_s = len(samples) / RATE_HZ
        words, at = [], 0
        for token, parts in zip(sentence, spoken, strict=True):
            group = found[at : at + len(parts)]
            at += len(parts)
            start_s = max(0.0, group[0].start_frame / 100 - offset_s)
            end_s = min(last_s, (group[-1].end_frame + 1) / 100 - offset_s)
            words.append(Word(token.shown, start_s, end_s - start_s, _confidence(group)))
        return words

    def _spoken_words(self, token: Token) -> list[str]:
        words = []
        for raw in token.spoken.lower().split():
            word = raw.strip(PUNCTUATION)
            if self._decoder.lookup_word(word) is None:
                raise ValueError(f"the aligner does not know {word!r}; spell it in other words")
            words.append(word)
        return words


def _confidence(parts: list[Any]) -> float:
    """Map the aligner's acoustic score per 10 ms frame to 0.5…0.99: the worse, the lower."""
    frames = sum(part.end_frame - part.start_frame + 1 for part in parts)
    score = sum(math.log(max(part.ascore, 1e-300)) for part in parts) / frames
    return float(min(0.99, max(0.5, 1.02 + 0.12 * score)))


def snapped(words: list[Word], samples: Samples) -> list[Word]:
    """Move the first word's start to where the sound starts; the aligner's silence is rough."""
    frame = RATE_HZ // 100
    count = len(samples) // frame
    energy = np.sqrt((samples[: count * frame].reshape(count, frame) ** 2).mean(axis=1))
    onset_s = float(np.flatnonzero(energy > energy.max() * 10 ** (-30 / 20))[0]) / 100
    first = words[0]
    end_s = first.start_s + first.duration_s
    if end_s - onset_s < MAX_JOIN_S:
        return words
    return [Word(first.text, onset_s, end_s - onset_s, first.confidence), *words[1:]]

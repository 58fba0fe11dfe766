"""Make the demo calls from their scripts: `python -m tests.tools.demo_calls.render`.

For each `<name>.toml` beside this file it writes `<name>.ogg` (left the caller, right the call
taker) and `<name>.json` (what the call is, and when each word is heard). README.md says what it
needs. The same script and the same tools give the same samples.
"""

from __future__ import annotations

import json
import sys
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.tools.demo_calls import phone_line as line
from tests.tools.demo_calls.voices import (
    RATE_HZ,
    Aligner,
    Samples,
    Voice,
    Word,
    say,
    sentences_of,
    snapped,
    tokens_of,
)

DEMO_CALLS = Path(__file__).resolve().parents[3] / "callplayer" / "demo_calls"
PARTIES = ("caller", "callTaker")
SPEAKERS = {"caller": "Caller", "callTaker": "CallTaker"}
LICENCE = "Apache-2.0"
NOTICE = "A fictional demonstration made with synthetic voices. No real person, place or emergency."
TAIL_S = 0.9
BREATH_S = 0.38
VORBIS_COMPRESSION = 0.58
WRITE_FRAMES = 4_096
TELEVISION = (
    "And now the weather. It stays dry in the west this evening, with light winds from the south. "
    "Tomorrow starts cloudy, then the sun comes through by noon. Here is our viewer's picture of "
    "the day. After the break, we visit a bakery that has not changed its bread in sixty years."
)


@dataclass(frozen=True)
class Placed:
    """One spoken line: whose, when it starts (s from the start of the call), sound and words."""

    who: str
    start_s: float
    samples: Samples
    words: tuple[Word, ...]
    breath: bool

    @property
    def end_s(self) -> float:
        """When the line ends, s from the start of the call."""
        return self.start_s + len(self.samples) / RATE_HZ


def speak(
    script: dict[str, Any], random: np.random.Generator
) -> tuple[list[Placed], dict[str, float]]:
    """Return the script's lines, spoken and placed in time, and its marks in s."""
    voices = {who: Voice(**script["voices"][who]) for who in PARTIES}
    aligner = Aligner()
    placed: list[Placed] = []
    marks = {"start": 0.0}
    for entry in script["lines"]:
        samples, words = _speak_line(entry, voices[entry["who"]], aligner, random)
        before_s = max((one.end_s for one in placed), default=0.0)
        start_s = before_s + entry["after_s"]
        own_end_s = max((one.end_s for one in placed if one.who == entry["who"]), default=0.0)
        if start_s < own_end_s:
            raise ValueError(f"{entry['who']} speaks over their own line: {entry['say']}")
        placed.append(
            Placed(entry["who"], start_s, samples, tuple(words), entry.get("breath", False))
        )
        if "mark" in entry:
            marks[entry["mark"]] = start_s
    marks["end"] = max(one.end_s for one in placed) + TAIL_S
    return placed, marks


def _speak_line(
    entry: dict[str, Any],
    voice: Voice,
    aligner: Aligner,
    random: np.random.Generator,
) -> tuple[Samples, list[Word]]:
    parts: list[Samples] = []
    words: list[Word] = []
    at_s = 0.0
    for sentence in sentences_of(tokens_of(entry["say"])):
        pitch = entry.get("pitch", 1.0) * random.normal(1.0, 0.022)
        pace = entry.get("pace", 1.0) * random.normal(1.0, 0.03)
        level_db = line.SPEECH_DB + entry.get("gain_db", 0.0) + random.normal(0.0, 0.9)
        text = " ".join(token.spoken for token in sentence)
        samples = line.levelled(say(voice, text, pitch, pace), level_db)
        if parts:
            pause_s = float(random.uniform(0.16, 0.42))
            parts.append(np.zeros(round(pause_s * RATE_HZ)))
            at_s += len(parts[-1]) / RATE_HZ
        for word in snapped(aligner.align(samples, sentence), samples):
            words.append(Word(word.text, at_s + word.start_s, word.duration_s, word.confidence))
        parts.append(samples)
        at_s += len(samples) / RATE_HZ
    return np.concatenate(parts), words


def mix(script: dict[str, Any], placed: list[Placed], marks: dict[str, float]) -> Samples:
    """Return the call at line.STORE_RATE_HZ, shape (frames, 2): the caller left."""
    random = np.random.default_rng([script["seed"], 2])
    frames = round(marks["end"] * RATE_HZ)
    colours = {"caller": line.CALLER, "callTaker": line.CALL_TAKER}
    clean: dict[str, Samples] = {}
    for who, colour in colours.items():
        own = [one for one in placed if one.who == who]
        track = np.zeros(frames)
        for one in own:
            _add(track, one.samples, one.start_s)
        track = line.band(line.room(track, colour, random), colour)
        track = line.levelled(line.compressed(track))
        clean[who] = track + line.band(_breaths(own, frames, random), colour)
    clean["caller"] += line.band(_sounds(script, marks, frames), line.CALLER)
    clean["callTaker"] += line.band(_hang_up(frames, random), line.CALL_TAKER)
    # Sidetone in the caller's telephone; the network's echo of the caller at the call taker's.
    caller = clean["caller"] + line.delayed(clean["callTaker"], 0.012) * line.gain(-41.0)
    taker = clean["callTaker"] + line.delayed(clean["caller"], 0.140) * line.gain(-43.0)
    sides = (
        caller + line.line_noise(frames, line.CALLER.noise_db, random),
        taker + line.line_noise(frames, line.CALL_TAKER.noise_db, random),
    )
    stereo = np.stack([line.through_line(side) for side in sides], axis=1)
    fade = np.linspace(0, 1, line.STORE_RATE_HZ // 50)[:, None]
    stereo[: len(fade)] *= fade
    stereo[len(stereo) - len(fade) :] *= fade[::-1]
    return stereo


def _breaths(own: list[Placed], frames: int, random: np.random.Generator) -> Samples:
    track = np.zeros(frames)
    for one in own:
        if one.breath:
            _add(track, line.breath(random, BREATH_S), one.start_s - BREATH_S - 0.04)
    return track


def _sounds(script: dict[str, Any], marks: dict[str, float], frames: int) -> Samples:
    track = np.zeros(frames)
    for sound in script["sounds"]:
        first_s = max(0.0, marks[sound["from"]] - sound.get("lead_s", 0.0))
        last_s = marks[sound["to"]]
        length = min(round((last_s - first_s) * RATE_HZ), frames - round(first_s * RATE_HZ))
        source = _sound(sound["kind"], length, script["seed"])
        _add(track, source * line.ramp(length, sound["level_db"], sound["end_level_db"]), first_s)
    return track


def _sound(kind: str, frames: int, seed: int) -> Samples:
    match kind:
        case "smoke_alarm":
            return line.smoke_alarm(frames)
        case "siren":
            return line.siren(frames)
        case "television":
            voice = Voice("kal16", pitch_hz=105.0, pitch_spread_hz=18.0)
            news = line.levelled(say(voice, TELEVISION, 1.0, 1.0), 0.0)
            far = line.Colour(200, 1100, -6.0, 500, 3.0, 0.4, -4.0, 0.0)
            dull = line.band(line.room(news, far, np.random.default_rng(seed)), far)
            repeated = np.tile(dull, -(-frames // len(dull)))[:frames]
            return line.levelled(repeated, 0.0)
    raise ValueError(f"no sound of the kind {kind!r}")


def _hang_up(frames: int, random: np.random.Generator) -> Samples:
    track = np.zeros(frames)
    _add(track, line.click(random), 0.22)
    _add(track, line.click(random), frames / RATE_HZ - 0.25)
    return track


def _add(track: Samples, samples: Samples, start_s: float) -> None:
    first = max(0, round(start_s * RATE_HZ))
    last = min(len(track), first + len(samples))
    track[first:last] += samples[: last - first]


def transcript(script: dict[str, Any], placed: list[Placed], duration_s: float) -> dict[str, Any]:
    """Return what goes beside the sound: what the call is, and its words by start time."""
    words = [
        {
            "word": word.text,
            "speaker": SPEAKERS[one.who],
            "start_offset": round(one.start_s + word.start_s, 3),
            "duration": round(word.duration_s, 3),
            "confidence": round(word.confidence, 3),
            "language_code": "en-US",
            "diarized_speaker": PARTIES.index(one.who),
            "diarized_speaker_confidence": 1.0,
        }
        for one in placed
        for word in one.words
    ]
    return {
        "title": script["title"],
        "fictional": True,
        "notice": NOTICE,
        "licence": LICENCE,
        "duration_s": round(duration_s, 3),
        "incident": script["incident"],
        "channels": list(PARTIES),
        "words": sorted(words, key=lambda word: word["start_offset"]),
    }


def _json_text(document: dict[str, Any]) -> str:
    """One line for each word, so that a change of one word is a change of one line."""
    words = ",\n".join("  " + json.dumps(word) for word in document["words"])
    head = json.dumps({**document, "words": []}, indent=1)
    return head.replace('"words": []', f'"words": [\n{words}\n ]') + "\n"


def write_audio(path: Path, title: str, stereo: Samples) -> None:
    """Write the call as Ogg Vorbis with its tags."""
    with soundfile.SoundFile(
        path,
        "w",
        samplerate=line.STORE_RATE_HZ,
        channels=2,
        format="OGG",
        subtype="VORBIS",
        compression_level=VORBIS_COMPRESSION,
    ) as file:
        file.title = title
        file.comment = NOTICE
        file.license = LICENCE
        # libsndfile's Vorbis encoder overflows its stack on one long write.
        for first in range(0, len(stereo), WRITE_FRAMES):
            file.write(stereo[first : first + WRITE_FRAMES])


def render(script_path: Path) -> None:
    """Write the sound and the words of one script into the package."""
    script = tomllib.loads(script_path.read_text(encoding="utf-8"))
    random = np.random.default_rng([script["seed"], 1])
    placed, marks = speak(script, random)
    stereo = mix(script, placed, marks)
    sound_path = DEMO_CALLS / f"{script_path.stem}.ogg"
    write_audio(sound_path, script["title"], stereo)
    words = transcript(script, placed, len(stereo) / line.STORE_RATE_HZ)
    sound_path.with_suffix(".json").write_text(_json_text(words), encoding="utf-8")
    report = f"{sound_path.name}: {words['duration_s']:.1f} s, {len(words['words'])} words, "
    report += f"{sound_path.stat().st_size:,} bytes, samples {zlib.crc32(stereo.tobytes()):08x}\n"
    sys.stdout.write(report)


if __name__ == "__main__":
    for script_file in sorted(Path(__file__).parent.glob("*.toml")):
        render(script_file)

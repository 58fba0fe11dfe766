"""Slower or faster speech: the pitch stays, the rate is right, every place is true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.stretch import (
    HOP_FRAMES,
    LOOKAHEAD_FRAMES,
    TOLERANCE_FRAMES,
    Pcm,
    Read,
    TimeStretcher,
)
from tests.audio.sound_lab import RATE_HZ, tone

SPEEDS = [0.5, 0.7, 1.5, 2.0]


def _reader(sound: Pcm) -> Read:
    """Return a reader of `sound`, shape (frames, parties), with silence around it."""

    def read(first: int, frames: int) -> Pcm:
        block = np.zeros((frames, sound.shape[1]), dtype=np.int16)
        low, high = max(first, 0), min(first + frames, len(sound))
        if high > low:
            block[low - first : high - first] = sound[low:high]
        return block

    return read


def _voice(seconds: int, seed: int = 1) -> Pcm:
    """Return pulses of a wandering pitch through a few resonances: what a voice is to WSOLA."""
    frames = seconds * RATE_HZ
    at_s = np.arange(frames) / RATE_HZ
    pitch_hz = 130 + 30 * np.sin(2 * np.pi * 0.7 * at_s + seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    sound = sum(np.sin(n * phase) / n for n in range(1, 20))
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * at_s)
    return np.round(8000 * envelope * sound).astype(np.int16)[:, np.newaxis]


def _stretched(sound: Pcm, speed: float, blocks: int) -> tuple[Pcm, list[int]]:
    stretcher = TimeStretcher(_reader(sound), RATE_HZ)
    made = [stretcher.next_block(speed) for _ in range(blocks)]
    return np.concatenate([block for block, _ in made]), [place for _, place in made]


def test_at_a_speed_of_one_every_sample_passes_unchanged() -> None:
    sound = _voice(4)
    made, places = _stretched(sound, 1.0, 150)
    np.testing.assert_array_equal(made, sound[RATE_HZ : RATE_HZ + len(made)])
    assert places == [RATE_HZ + number * HOP_FRAMES for number in range(150)]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("hz", [100.0, 220.0, 1000.0])
def test_a_tone_keeps_its_pitch_and_level(hz: float, speed: float) -> None:
    sound = tone(hz)(0, 12 * RATE_HZ)[:, np.newaxis]
    made, _ = _stretched(sound, speed, 200)
    spectrum = np.abs(np.fft.rfft(made[:, 0] * np.hanning(len(made))))
    peak_hz = float(np.argmax(spectrum)) * RATE_HZ / len(made)
    assert peak_hz == pytest.approx(hz, abs=0.5)
    assert float(np.std(made)) == pytest.approx(float(np.std(sound)), rel=0.02)


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_rate_is_right_within_half_a_percent(speed: float) -> None:
    blocks = int(20 * RATE_HZ / HOP_FRAMES / max(speed, 1.0))
    _, places = _stretched(_voice(25), speed, blocks)
    # A place is off by the tolerance at most, so the mean over many s is what counts.
    wanted = RATE_HZ + np.arange(blocks) * HOP_FRAMES * speed - (1 - speed) * HOP_FRAMES
    assert float(np.abs(places - wanted)[1:].max()) <= TOLERANCE_FRAMES + 1
    slope = np.polyfit(np.arange(blocks), places, 1)[0] / HOP_FRAMES
    assert slope == pytest.approx(speed, rel=0.005)


@pytest.mark.parametrize("speed", SPEEDS)
def test_what_is_heard_is_where_the_place_says(speed: float) -> None:
    """The old grain and the new one, half each, are in the middle of a block."""
    places = np.array(_stretched(_voice(25), speed, int(20 * RATE_HZ / HOP_FRAMES / 2))[1])
    heard = (places[:-1] + HOP_FRAMES + places[1:] + HOP_FRAMES) / 2
    wanted = RATE_HZ + (np.arange(1, len(places)) + 0.5) * HOP_FRAMES * speed
    off_ms = (heard - wanted) * 1000 / RATE_HZ
    assert abs(float(np.median(off_ms))) <= 3.0
    assert float(np.percentile(np.abs(off_ms), 99)) <= 10.0


@pytest.mark.parametrize("speed", SPEEDS)
def test_grains_join_without_clicks(speed: float) -> None:
    """A voice has little above 8 kHz; a click has as much there as anywhere."""
    sound = _voice(12)
    made, _ = _stretched(sound, speed, 250)

    def above_8_khz(pcm: Pcm) -> float:
        spectrum = np.abs(np.fft.rfft(pcm[:, 0] * np.hanning(len(pcm)))) ** 2
        return float(spectrum[int(8000 * len(pcm) / RATE_HZ) :].sum() / spectrum.sum())

    assert above_8_khz(made) < 1e-5


def test_all_parties_are_taken_from_one_place() -> None:
    voice = _voice(8)
    made, _ = _stretched(np.concatenate([voice, voice // 2], axis=1), 0.7, 200)
    difference = made[:, 0].astype(int) // 2 - made[:, 1]
    assert int(np.abs(difference).max()) <= 1


def test_silence_stays_silence() -> None:
    made, places = _stretched(np.zeros((4 * RATE_HZ, 2), dtype=np.int16), 0.5, 50)
    assert not made.any()
    assert places[-1] == RATE_HZ + round(49 * HOP_FRAMES * 0.5 - 0.5 * HOP_FRAMES)


def test_it_begins_at_the_sample_asked_for() -> None:
    sound = _voice(6)
    block, place = TimeStretcher(_reader(sound), 3 * RATE_HZ).next_block(0.5)
    assert place == 3 * RATE_HZ
    np.testing.assert_array_equal(block, sound[3 * RATE_HZ : 3 * RATE_HZ + HOP_FRAMES])


@given(st.lists(st.sampled_from([0.5, 0.6, 1.0, 1.25, 2.0]), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_whatever_the_speeds_the_place_moves_on_and_little_is_read_ahead(
    speeds: list[float],
) -> None:
    sound, furthest = _voice(5), 0
    read = _reader(sound)

    def watched(first: int, frames: int) -> Pcm:
        nonlocal furthest
        furthest = max(furthest, first + frames)
        return read(first, frames)

    stretcher = TimeStretcher(watched, RATE_HZ)
    last = 0
    for speed in speeds:
        before = stretcher.place_frames
        block, place = stretcher.next_block(speed)
        assert block.shape == (HOP_FRAMES, 1)
        # Back at a speed of 1 the sound goes on where the last grain ends.
        assert abs(place - before) <= TOLERANCE_FRAMES + HOP_FRAMES + 1
        assert furthest <= max(place, before) + LOOKAHEAD_FRAMES
        assert place >= last - 2 * TOLERANCE_FRAMES
        last = place

"""Where sound goes on after a scrub, to the millisecond, read out of what a listener receives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.playback.render import FADE_FRAMES
from callplayer.vendor.commands import Resume, Scrub
from tests.e2e.service_fixtures import (
    RATE_HZ,
    listening,
    open_stream,
    running_service,
)

pytestmark = pytest.mark.measures

LOW_HZ = 600.0
HZ_PER_S = 1000.0
PERIOD_S = 4.0
JUMPS_MS = (2903, 8711, 2789, 13_350, 6623, 9401, 707, 10_944, 4611, 7067)
"""Each is 900 Hz or more from where the one before it has come to by then."""

SETTLED_S = 1.5
"""A jitter buffer that has just started stretches."""

HEARD_S = 0.4
MOST_LOOKS = 5
OLD_OFF_S = 0.5
"""What is heard before the jump arrives, as late as a busy machine lets it, is farther off."""

SMOOTH_FRAMES = RATE_HZ // 250
STAYS_FRAMES = RATE_HZ // 50
READ_S = 0.06
PACKET_S = 0.02


def write_call(path: Path, duration_s: float) -> None:
    """Write a tone that carries the position: 1 Hz a millisecond, from the start every 4 s."""
    seconds = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    frequency = LOW_HZ + HZ_PER_S * (seconds % PERIOD_S)
    soundfile.write(path, 0.25 * np.sin(2 * np.pi * np.cumsum(frequency) / RATE_HZ), RATE_HZ)


def off_s(sound: np.ndarray, position_ms: int) -> float:
    """How far after `position_ms` the new sound begins in `sound`, which holds the jump there."""
    seconds = np.arange(len(sound)) / RATE_HZ
    # Each stretch of the tone becomes one of constant pitch, which shows where the call was when
    # the sound began, had it been played without a jump.
    level = sound / 32_768.0 * np.exp(-1j * np.pi * HZ_PER_S * seconds**2)
    first = len(sound) - round(2 * READ_S * RATE_HZ)
    for _ in range(2):  # from the end, which is new for certain; then right after the jump
        read = slice(first, first + round(READ_S * RATE_HZ))
        pitch_hz = pitch_of(level[read])
        began = begins(level * np.exp(-2j * np.pi * pitch_hz * seconds))
        first = began + 2 * FADE_FRAMES
    place_s = (pitch_hz - LOW_HZ) / HZ_PER_S + began / RATE_HZ
    return float((place_s - position_ms / 1000 + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2)


def pitch_of(tone: np.ndarray) -> float:
    """Return the frequency of a complex tone, Hz, from 0 to 8 kHz."""
    size = 1 << 18
    spectrum = np.abs(np.fft.fft(tone * np.hanning(len(tone)), size))
    return float(np.argmax(spectrum[: 8000 * size // RATE_HZ])) * RATE_HZ / size


def begins(tone: np.ndarray) -> int:
    """Return the frame at which a tone of 0 Hz begins to fade in, in 5 ms, and then stays."""
    shape = np.hanning(SMOOTH_FRAMES)
    size = np.abs(np.convolve(tone, shape / shape.sum(), "same"))
    is_loud = size > np.median(size[-RATE_HZ // 10 :]) / 2
    loud_until = np.cumsum(is_loud)
    stays = loud_until[STAYS_FRAMES:] - loud_until[:-STAYS_FRAMES] == STAYS_FRAMES
    return int(np.flatnonzero(stays)[0]) + 1 - FADE_FRAMES // 2


async def test_the_first_new_sound_after_a_scrub_is_from_there_to_10_ms(tmp_path: Path) -> None:
    write_call(tmp_path / "call.wav", 16.0)
    with running_service(f"(Path({str(tmp_path)!r}),), port=0") as service:
        async with listening(*await open_stream(service, "call.wav")) as listener:
            await listener.send(Resume())
            await asyncio.sleep(SETTLED_S)
            found_s = []
            for position_ms in JUMPS_MS:
                listener.frames["call"].clear()
                await listener.send(Scrub(position=position_ms))
                for _ in range(MOST_LOOKS):
                    await asyncio.sleep(HEARD_S)
                    found = off_s(np.concatenate(listener.frames["call"]), position_ms)
                    if abs(found) < OLD_OFF_S:
                        break
                found_s.append(found)
    print("off, ms:", [round(1000 * each, 1) for each in found_s])
    assert np.median(np.abs(found_s)) < 0.005
    assert np.count_nonzero(np.abs(found_s) < 0.01) >= 8
    # A busy receiver stretches or conceals up to a packet now and then.
    assert np.max(np.abs(found_s)) < 0.01 + PACKET_S

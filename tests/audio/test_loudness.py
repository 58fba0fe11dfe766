"""One loudness for all parties, held against ffmpeg's own meter."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import numpy.typing as npt
import pytest

from callplayer.engine.audio.loudness import (
    MAX_CHANGE_DB,
    RATE_HZ,
    TARGET_LUFS,
    LoudnessMeter,
    evening_gain_db,
)
from tests.audio.sound_lab import tone

Pcm = npt.NDArray[np.int16]


def _loudness(pcm: Pcm, block: int = 480) -> float | None:
    meter = LoudnessMeter()
    for first in range(0, len(pcm), block):
        meter.add(pcm[first : first + block])
    return meter.loudness_lufs


def _by_ffmpeg(pcm: Pcm) -> float:
    """Return the integrated loudness by ffmpeg's ebur128 filter."""
    source = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "-"]
    run = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostats", *source, "-af", "ebur128", "-f", "null", "-"],
        input=pcm.tobytes(),
        capture_output=True,
        check=True,
    )
    found = re.findall(r"I:\s+(-?[0-9.]+) LUFS", run.stderr.decode())
    return float(found[-1])


def _talk() -> Pcm:
    """Return noise that comes and goes as speech does, with long pauses and quiet parts."""
    rng = np.random.default_rng(7)
    noise = rng.normal(0.0, 1.0, 20 * RATE_HZ)
    noise = np.convolve(noise, np.ones(12) / 12, "same")
    levels = np.repeat([3000, 0, 5000, 30, 900, 0, 0, 4000, 2, 2500], 2 * RATE_HZ)
    talk: Pcm = np.round(noise * levels).astype(np.int16)
    return talk


def test_a_sine_of_997_hz_at_full_scale_has_the_loudness_of_the_standard() -> None:
    assert _loudness(tone(997.0, 1.0)(0, 5 * RATE_HZ)) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("block", [480, 961, 50_000])
def test_the_loudness_is_that_of_ffmpeg_whatever_the_blocks(block: int) -> None:
    assert _loudness(_talk(), block) == pytest.approx(_by_ffmpeg(_talk()), abs=0.15)


def test_pauses_do_not_count() -> None:
    said = tone(500.0, 0.1)(0, 4 * RATE_HZ)
    pause = np.zeros(30 * RATE_HZ, dtype=np.int16)
    assert _loudness(np.concatenate([said, pause])) == pytest.approx(_loudness(said), abs=0.4)


def test_too_little_speech_is_not_judged() -> None:
    assert _loudness(np.zeros(10 * RATE_HZ, dtype=np.int16)) is None
    assert _loudness(tone(500.0)(0, RATE_HZ // 2)) is None


@pytest.mark.parametrize(
    ("gain_db", "loudness_lufs", "wanted_db"),
    [
        (0.0, TARGET_LUFS, 0.0),
        (0.0, TARGET_LUFS - 7, 7.0),
        (5.0, TARGET_LUFS - 7, MAX_CHANGE_DB),
        (-3.0, TARGET_LUFS, -3.0),
        (0.0, -60.0, MAX_CHANGE_DB),
        (0.0, 0.0, -MAX_CHANGE_DB),
    ],
)
def test_a_party_is_brought_to_the_target_within_bounds(
    gain_db: float, loudness_lufs: float, wanted_db: float
) -> None:
    assert evening_gain_db(gain_db, loudness_lufs) == pytest.approx(wanted_db)

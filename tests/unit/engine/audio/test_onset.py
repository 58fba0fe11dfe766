"""When sound begins."""

from __future__ import annotations

import numpy as np

from callplayer.engine.audio.onset import QUIET_PEAK, QUIET_S, Onset

SILENCE = np.full(480, QUIET_PEAK, np.int16)
SOUND = np.full(480, -QUIET_PEAK - 1, np.int16)


def test_sound_begins_after_a_silence_and_only_then() -> None:
    onset = Onset()
    assert not onset.take(SILENCE, 10.0)
    assert onset.take(SOUND, 10.01)
    assert not onset.take(SOUND, 10.02)
    assert not onset.take(SOUND, 10.01 + QUIET_S)
    assert not onset.take(SILENCE, 10.3)
    assert onset.take(SOUND, 10.5)
    assert not onset.take(np.array([], np.int16), 99.0)


def test_the_loudest_sample_there_is_counts() -> None:
    assert Onset().take(np.full(480, -32768, np.int16), 1.0)

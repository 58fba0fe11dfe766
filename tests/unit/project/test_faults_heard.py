"""The fault table's reading of a recording, tried on what is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faults.heard import place_s, quiet_spans, read_break
from tests.rig.pulse import RATE_HZ
from tests.rig.signals import position_sweep

BEGAN_S = 1000.0


def recording(gap_s: float, goes_on_at_s: float) -> np.ndarray:
    """Play 0 to 3 s of the call, nothing for a while, then 2 s from another place."""
    call = position_sweep(20.0, "caller") + position_sweep(20.0, "callTaker")
    first = round(goes_on_at_s * RATE_HZ)
    silence = np.zeros(round(gap_s * RATE_HZ), np.float32)
    return np.concatenate([call[: 3 * RATE_HZ], silence, call[first : first + 2 * RATE_HZ]])


@pytest.mark.parametrize("goes_on_at_s", [2.5, 3.0, 3.9, 6.0])
def test_where_sound_broke_off_and_went_on_is_read(goes_on_at_s: float) -> None:
    heard = read_break(recording(1.5, goes_on_at_s), BEGAN_S, BEGAN_S + 2.5)
    assert heard is not None
    assert (heard.from_s, heard.to_s) == pytest.approx((BEGAN_S + 3.0, BEGAN_S + 4.5), abs=0.02)
    assert heard.off_ms == pytest.approx((goes_on_at_s - 3.0) * 1000, abs=25)


def test_a_hiccup_is_no_break_and_a_break_before_the_fault_is_another_ones() -> None:
    assert read_break(recording(0.1, 3.1), BEGAN_S, BEGAN_S + 2.5) is None
    assert read_break(recording(1.5, 3.0), BEGAN_S, BEGAN_S + 4.6) is None
    assert len(quiet_spans(recording(1.5, 3.0), BEGAN_S)) == 1


def test_silence_has_no_place() -> None:
    assert place_s(np.zeros(RATE_HZ, np.float32), BEGAN_S, BEGAN_S, BEGAN_S + 1.0) is None


def test_a_blip_of_another_place_is_not_where_it_went_on() -> None:
    blip = position_sweep(20.0, "caller")[7 * RATE_HZ :][: RATE_HZ // 5]
    meanwhile = np.concatenate([blip, np.zeros(RATE_HZ // 2, np.float32)])
    sound = np.insert(recording(1.5, 2.9), round(4.5 * RATE_HZ), meanwhile)
    heard = read_break(sound, BEGAN_S, BEGAN_S + 2.5)
    assert heard is not None
    assert heard.to_s == pytest.approx(BEGAN_S + 4.5, abs=0.02)
    assert heard.off_ms == pytest.approx(-100, abs=25)

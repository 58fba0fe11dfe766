"""What comes out of the sound device is the call, at the place that is shown and asked for.

After the first test one engine plays for all.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.e2e.conftest import StartEngine, settled
from tests.rig.processes import HeadlessEngine, Service
from tests.rig.pulse import RATE_HZ, Samples, Sink
from tests.rig.signals import (
    BASE_HZ,
    PERIOD_S,
    SWEEP_HZ_PER_S,
    heard_position_s,
    rms_db,
)

pytestmark = pytest.mark.measures

SILENT_DB = -70.0
sink, engine = settled("sweep_service")


def position_error_s(heard_s: float | None, expected_s: float) -> float:
    """Return heard − expected, modulo the sweep's period, within ± half of it."""
    assert heard_s is not None, "nothing is heard"
    return (heard_s - expected_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2


def heard_at(sink: Sink, moment_s: float, party: str = "caller") -> float | None:
    return heard_position_s(sink.heard(moment_s - 0.02, moment_s + 0.02), party)


def test_the_start_of_the_call_is_not_missed_and_a_scrub_right_after_it_lets_nothing_old_through(
    sweep_service: Service, start_engine: StartEngine, sink: Sink
) -> None:
    """The jitter buffer has not settled then: the gate may open late, but never early."""
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing", advancing=True)
    time.sleep(0.5)
    sound = sink.heard(engine.started_s, time.monotonic())
    # Each track has a jitter buffer of its own, and may be a packet later than the other.
    firsts = {party: first_heard(sound, BASE_HZ[party]) for party in ("caller", "callTaker")}
    for party, first in firsts.items():
        position_s = heard_position_s(sound[first : first + RATE_HZ // 25], party)
        assert abs(position_error_s(position_s, 0.02)) < 0.02
    assert abs(firsts["caller"] - firsts["callTaker"]) < RATE_HZ * 0.04
    assert -0.025 < first_heard_after_scrub(engine, sink, 33.0) < 0.080
    assert engine.quit() == 0


def test_the_position_reported_is_the_position_heard(engine: HeadlessEngine, sink: Sink) -> None:
    time.sleep(1.5)
    states = [e for _, e in engine.events if e["event"] == "state" and e["advancing"]]
    errors_s = [
        position_error_s(heard_at(sink, e["as_of_s"]), e["audible_ms"] / 1000)
        for e in states
        if 0.1 < e["audible_ms"] / 1000 % PERIOD_S < PERIOD_S - 0.1 and e["audible_ms"] > 300
    ]
    assert len(errors_s) >= 10
    assert abs(float(np.median(errors_s))) < 0.040


def first_heard(sound: Samples, hz: float) -> int:
    """Return the frame from which on a tone of about `hz` is there."""
    size = RATE_HZ // 200
    probe = np.hanning(size) * np.exp(-2j * np.pi * hz * np.arange(size) / RATE_HZ)
    parts = sound[: len(sound) // size * size].reshape(-1, size)
    return int(np.argmax(np.abs(parts @ probe) * 2 / np.hanning(size).sum() > 0.05)) * size


def first_heard_after_scrub(engine: HeadlessEngine, sink: Sink, target_s: float) -> float:
    """Scrub; return how far into the new place the first sound is, in s."""
    asked_s = engine.send(cmd="scrub", position=round(target_s * 1000))
    time.sleep(0.8)
    sound = sink.heard(asked_s + 0.06, asked_s + 0.7)
    first = int(np.argmax(np.abs(sound) > 0.05))
    assert first / RATE_HZ + 0.06 < 0.4, "too slow"
    position_s = heard_position_s(sound[first : first + RATE_HZ // 25])
    engine.wait_for(
        lambda e: (
            e["event"] == "state"
            and (e["requested_ms"], e["phase"]) == (None, "playing")
            and target_s * 1000 <= e["position_ms"] < target_s * 1000 + 900
        ),
        since_s=asked_s,
    )
    return position_error_s(position_s, target_s + 0.02)


def test_a_scrub_is_heard_from_its_start_and_nothing_of_the_old_place(
    engine: HeadlessEngine, sink: Sink
) -> None:
    for target_s in (33.0, 12.5, 51.25, 4.0):
        # A status that comes along with a packet leaves open whose it is: that is a packet more.
        assert -0.025 < first_heard_after_scrub(engine, sink, target_s) < 0.045, target_s


def test_pause_is_silent_at_once_and_resume_loses_nothing(
    engine: HeadlessEngine, sink: Sink
) -> None:
    for _ in range(3):
        paused_s = engine.send(cmd="pause")
        time.sleep(0.6)
        assert rms_db(sink.heard(paused_s + 0.1, paused_s + 0.55)) < SILENT_DB
        engine.wait_state(since_s=paused_s, phase="paused", requested_ms=None, unconfirmed_s=0.0)
        before = sink.heard(paused_s - 0.2, paused_s + 0.1)
        last = len(before) - int(np.argmax(np.abs(before[::-1]) > 0.1))
        broke_off_s = heard_position_s(before[last - RATE_HZ // 25 : last])
        resumed_s = engine.send(cmd="resume")
        time.sleep(0.6)
        assert broke_off_s is not None
        after = sink.heard(resumed_s, resumed_s + 0.5)
        # Of both parties the caller is read, who may begin after the other by a jitter buffer.
        first = first_heard(after, BASE_HZ["caller"] + SWEEP_HZ_PER_S * (broke_off_s % PERIOD_S))
        went_on_s = heard_position_s(after[first : first + RATE_HZ // 25])
        # Both are read in the middle of 40 ms: playing on exactly would be 40 ms further.
        gap_s = position_error_s(went_on_s, broke_off_s + 0.04)
        assert -0.2 < gap_s < 0.005, "sound was lost between pause and resume"


def test_scrub_to_end_ends_the_sound_and_scrubbing_back_brings_it_again(
    engine: HeadlessEngine, sink: Sink
) -> None:
    asked_s = engine.send(cmd="scrub-to-end")
    state = engine.wait_state(since_s=asked_s, phase="at-end")
    assert state["position_ms"] == state["duration_ms"] == 60_000
    time.sleep(0.6)
    assert rms_db(sink.heard(asked_s + 0.2, asked_s + 0.5)) < SILENT_DB
    back_s = engine.send(cmd="scrub", position=20_000)
    engine.wait_state(since_s=back_s, phase="playing", advancing=True)
    time.sleep(0.6)
    assert rms_db(sink.heard(back_s + 0.3, back_s + 0.5)) > -30

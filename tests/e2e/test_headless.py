"""The engine as a program: JSON lines in, JSON lines out, and an orderly end however it comes."""

from __future__ import annotations

import itertools
import math
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.conftest import StartEngine
from tests.rig.processes import CLIENT_SECRET, HeadlessEngine, Service
from tests.rig.pulse import Sink
from tests.rig.signals import AMPLITUDE, PERIOD_S, heard_position_s

STATE_FIELDS = {
    "phase", "position_ms", "duration_ms", "paused", "at_end", "call_over", "requested_ms",
    "parties",
}  # fmt: skip
PARTY_FIELDS = {"party", "gain_db", "muted", "level_db"}
STATS_FIELDS = {
    "delay_ms", "network_ms", "packet_ms", "jitter_buffer_ms", "resampler_ms", "buffer_ms",
    "target_ms", "device_latency_ms", "underruns", "device_underflows", "concealed_ms",
    "trimmed_frames", "received_frames", "drift_ppm", "callback_p99_ms", "callback_p999_ms",
    "callback_longest_ms",
}  # fmt: skip
DELAY_PARTS = (
    "network_ms", "packet_ms", "jitter_buffer_ms", "resampler_ms", "buffer_ms", "device_latency_ms"
)  # fmt: skip


LEVELS_A_S = 20


@pytest.mark.plays
def test_states_and_stats_come_at_least_once_a_second_and_levels_not_too_often(
    sweep_service: Service, start_engine: StartEngine
) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing", advancing=True)
    since_s = time.monotonic()
    time.sleep(3.2)
    for kind, fields in (("state", STATE_FIELDS), ("stats", STATS_FIELDS)):
        dated = [(at_s, e) for at_s, e in engine.events if e["event"] == kind and at_s > since_s]
        assert all(fields <= set(event) for _, event in dated)
        times_s = [since_s, *(at_s for at_s, _ in dated)]
        assert max(b - a for a, b in itertools.pairwise(times_s)) < 1.2
    state = engine.last("state")
    assert [party["party"] for party in state["parties"]] == ["caller", "callTaker"]
    assert all(set(party) >= PARTY_FIELDS for party in state["parties"])
    meters = [e["levels"] for at_s, e in engine.events if e["event"] == "levels" and at_s > since_s]
    assert 10 < len(meters) <= LEVELS_A_S * (time.monotonic() - since_s) + 1
    for level in meters[-1]:
        # A sine of the sweep's amplitude: its peak, and 3 dB less.
        assert abs(level["peak_db"] - 20 * math.log10(AMPLITUDE)) < 1.5
        assert 2.0 < level["peak_db"] - level["rms_db"] < 4.5
        assert level["hold_db"] >= level["peak_db"]
    assert all(-25 < party["level_db"] < -10 for party in state["parties"])
    stats = engine.last("stats")
    assert stats["received_frames"] > 2 * 48_000
    assert 0.0 <= stats["network_ms"] < 20.0
    assert all(stats[part] > 0.0 for part in DELAY_PARTS[1:])
    assert abs(sum(stats[part] for part in DELAY_PARTS) - stats["delay_ms"]) < 0.5
    assert 0.0 < stats["callback_p99_ms"] <= stats["callback_p999_ms"]
    assert stats["callback_p999_ms"] <= stats["callback_longest_ms"]
    assert engine.quit() == 0
    assert engine.last("bye") == {"event": "bye", "exit_code": 0}


def test_a_bad_line_answers_an_error_and_changes_nothing(
    sweep_service: Service, start_engine: StartEngine
) -> None:
    engine = start_engine(sweep_service, "--paused")
    before = engine.wait_state(phase="paused", requested_ms=None)
    for line in (
        b"nonsense",
        b'{"cmd":"scrub","position":"10"}',
        b'{"cmd":"scrub"}',
        b'{"cmd":"fly"}',
        b'{"cmd":"set-gain","gain":1e999,"callerType":"caller"}',
        b'{"cmd":"mute","callerType":"nobody"}',
        b"[1,2]",
        b"\xff\xfe\x1b]0;title\x07",
        b'{"cmd":"pause","x":"' + b"a" * 20_000 + b'"}',
    ):
        sent_s = engine.send_line(line)
        _, error = engine.wait_for(lambda e: e["event"] == "error", since_s=sent_s)
        assert error["code"] == "bad-request", line
        assert error["exit_code"] is None
        assert "\x1b" not in error["message"]
    after = engine.wait_state(since_s=time.monotonic())
    same = ("phase", "position_ms", "paused", "requested_ms")
    assert {k: after[k] for k in same} == {k: before[k] for k in same}
    assert [p["gain_db"] for p in after["parties"]] == [0.0, 0.0]
    assert engine.quit() == 0


def test_paused_waits_at_the_start(sweep_service: Service, start_engine: StartEngine) -> None:
    engine = start_engine(sweep_service, "--paused")
    engine.wait_state(phase="paused", duration_ms=60_000)
    time.sleep(1.0)
    state = engine.wait_state(since_s=time.monotonic())
    assert (state["phase"], state["position_ms"]) == ("paused", 0)
    sent_s = engine.send(cmd="resume")
    engine.wait_state(since_s=sent_s, phase="playing", advancing=True)
    assert engine.quit() == 0


def test_positions_are_held_inside_the_call(
    sweep_service: Service, start_engine: StartEngine
) -> None:
    engine = start_engine(sweep_service, "--paused")
    engine.wait_state(phase="paused", duration_ms=60_000)
    sent_s = engine.send(cmd="scrub", position=10**9)
    state = engine.wait_state(since_s=sent_s, requested_ms=None)
    assert state["position_ms"] == 60_000
    time.sleep(0.15)
    sent_s = engine.send(cmd="scrub", position=-5)
    state = engine.wait_state(since_s=sent_s, requested_ms=None)
    assert state["position_ms"] == 0
    assert engine.quit() == 0


def test_relative_requests_add_up(sweep_service: Service, start_engine: StartEngine) -> None:
    engine = start_engine(sweep_service, "--paused")
    engine.wait_state(phase="paused", duration_ms=60_000)
    for _ in range(5):
        engine.send(cmd="seek-by", offset_ms=5000)
        engine.send(cmd="adjust-gain", delta_db=-1, callerType="callTaker")
    sent_s = engine.send(cmd="seek-by", offset_ms=-1000)
    state = engine.wait_for(
        lambda e: e["event"] == "state" and e["requested_ms"] is None, since_s=sent_s
    )[1]
    assert state["position_ms"] == 24_000
    assert [p["gain_db"] for p in state["parties"]] == [0.0, -5.0]
    assert engine.quit() == 0


@pytest.mark.plays
def test_live_goes_to_the_live_end(tmp_path: Path, sink: Sink, sweep_service: Service) -> None:
    del sweep_service
    recording = tmp_path / "long.wav"
    from tests.rig.signals import write_sweep_call

    write_sweep_call(recording, 120.0)
    service = Service(tmp_path, recording, flags=["--live"])
    try:
        time.sleep(2.0)
        engine = HeadlessEngine(
            tmp_path, service.environment | sink.environment, service.incidents[0], "--live"
        )
        state = engine.wait_state(phase="live")
        assert not state["call_over"]
        assert state["duration_ms"] > 2000
        assert state["duration_ms"] - state["position_ms"] < 700
        sent_s = engine.send(cmd="scrub", position=500)
        state = engine.wait_state(since_s=sent_s, phase="playing", requested_ms=None)
        assert state["position_ms"] < 1500
        grown = engine.wait_state(since_s=time.monotonic() + 0.8)
        assert grown["duration_ms"] > state["duration_ms"] + 500
        _catches_up(engine)
        assert engine.quit() == 0
        waiting = HeadlessEngine(
            tmp_path, service.environment | sink.environment, service.incidents[0], "--paused"
        )
        state = waiting.wait_state(phase="paused", requested_ms=None)
        assert state["position_ms"] == 0
        assert waiting.quit() == 0
    finally:
        service.stop()


def _catches_up(engine: HeadlessEngine) -> None:
    """Go back in a live call, in what is remembered, and come to live again a bit faster."""
    engine.wait_state(since_s=engine.send(cmd="scrub-to-end"), phase="live", requested_ms=None)
    for _ in range(3):
        time.sleep(2.5)
        back_s = engine.send(cmd="seek-by", offset_ms=-1_500)
        behind = engine.wait_state(since_s=back_s)
        if behind["from_memory"]:
            break
        engine.wait_state(since_s=engine.send(cmd="scrub-to-end"), phase="live", requested_ms=None)
    assert behind["from_memory"]
    assert (behind["phase"], behind["requested_ms"]) == ("playing", None)
    fast_s = engine.send(cmd="set-speed", speed=1.25)
    engine.wait_state(since_s=fast_s, speed=1.25, advancing=True)
    live = engine.wait_state(since_s=fast_s, speed=1.0)
    assert live["phase"] == "live"
    assert live["duration_ms"] - live["audible_ms"] < 1_200


@pytest.mark.plays
def test_a_clip_of_what_was_never_heard_is_fetched_unheard(
    sweep_service: Service, start_engine: StartEngine, sink: Sink
) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing", advancing=True)
    time.sleep(2.5)
    before_ms = engine.wait_state(since_s=time.monotonic())["audible_ms"]
    asked_s = engine.send(cmd="save-clip", start_ms=40_500, end_ms=42_000, format="wav")
    _, fetching = engine.wait_for(lambda e: e["event"] == "clip", since_s=asked_s)
    assert fetching["stage"] == "fetching"
    saved_s, saved = engine.wait_for(
        lambda e: e["event"] == "clip" and e["stage"] == "saved", since_s=asked_s
    )
    assert saved["gaps_ms"] == []
    taken, _ = soundfile.read(saved["sound"], dtype="float32")
    for at_s in (0.2, 0.8, 1.3):
        place_s = heard_position_s(taken[round(at_s * 48_000) :][:1_920, 0])
        assert place_s is not None
        assert (40.5 + at_s + 0.02) % PERIOD_S == pytest.approx(place_s, abs=0.08)
    went_on = engine.wait_state(since_s=saved_s, phase="playing", advancing=True)
    assert abs(went_on["audible_ms"] - before_ms) < 2_000, "the ear stayed where it was"
    sound = sink.heard(asked_s + 0.5, saved_s)
    assert np.sqrt(np.mean(np.square(sound))) < 0.01, "nothing of it was heard"
    assert engine.quit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(
    sweep_service: Service, start_engine: StartEngine, number: signal.Signals
) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing")
    engine.process.send_signal(number)
    assert engine.finish() == 0
    assert engine.last("bye") == {"event": "bye", "exit_code": 0}


def test_it_ends_with_its_client(sweep_service: Service, start_engine: StartEngine) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing")
    assert engine.process.stdin is not None
    engine.process.stdin.close()
    assert engine.finish() == 0


def test_no_secret_in_arguments_log_or_events(
    sweep_service: Service, start_engine: StartEngine, tmp_path: Path
) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing")
    argv = Path(f"/proc/{engine.process.pid}/cmdline").read_bytes()
    assert engine.quit() == 0
    logs = list(tmp_path.rglob("callplayer.log"))
    assert logs
    assert all(os.stat(log).st_mode & 0o077 == 0 for log in logs)
    reported = repr(engine.events).encode() + argv + b"".join(log.read_bytes() for log in logs)
    assert CLIENT_SECRET.encode() not in reported
    assert b"eyJ" not in reported  # how every JWT begins

"""The sound device through JACK: jackd with its dummy driver, and PipeWire's libjack."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import SWEEP_S
from tests.e2e.test_device_life import (
    is_loss,
    last_position_s,
    went_on_s,
)
from tests.faults.heard import nearest
from tests.rig.jack import DEVICE, JackRecording, JackServer, jack_server
from tests.rig.pipewire import pipewire_server
from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import Sink, until_heard
from tests.rig.signals import write_sweep_call

pytestmark = pytest.mark.records

REPORTED_WITHIN_S = 1.0
BACK_WITHIN_MS = 600
"""A new engine goes back a little, so that nothing is lost."""

LOST_S = 0.06
"""The recorder ends with JACK, and may keep the last periods of 11 ms to itself: three of them, and
what is read beside the fades."""


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JackServer]:
    with jack_server(tmp_path_factory.mktemp("jack")) as server:
        yield server


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "sweep.wav"
    write_sweep_call(path, SWEEP_S)
    return path


@pytest.fixture
def engine(jack: JackServer, sweep: Path, tmp_path: Path) -> Iterator[HeadlessEngine]:
    """Play the file on JACK for long enough: an engine that has lived for less is not replaced."""
    engine = HeadlessEngine(tmp_path, jack.environment, str(sweep), f"--output-device={DEVICE}")
    engine.wait_state(phase="playing", advancing=True, device=DEVICE)
    time.sleep(3.5)
    yield engine
    engine.close()


@pytest.fixture
def record(jack: JackServer) -> Iterator[Callable[[], JackRecording]]:
    """Record what JACK plays."""
    recordings: list[JackRecording] = []

    def record() -> JackRecording:
        recordings.append(JackRecording(jack))
        return recordings[-1]

    yield record
    for recording in recordings:
        recording.close()


def nothing_lost(before_s: float, after_s: float) -> bool:
    """Return whether sound went on where it broke off, or a little before."""
    return -BACK_WITHIN_MS / 1000 < nearest(after_s - before_s) < LOST_S


def test_jackd_that_ends_while_it_plays_and_comes_again(
    jack: JackServer, engine: HeadlessEngine, record: Callable[[], JackRecording]
) -> None:
    before = record()
    until_heard(before)
    ended_s = time.monotonic()
    jack.end()
    reported_s, _ = engine.wait_for(is_loss, since_s=ended_s)
    assert reported_s - ended_s < REPORTED_WITHIN_S
    held = engine.wait_state(since_s=ended_s, device=None, held=True)
    gone_s, _ = engine.wait_for(lambda e: e.get("code") == "sound-system-gone", since_s=ended_s)
    engine.wait_state(since_s=gone_s, phase="connecting")  # that of the new process, no older one
    least_ms = held["position_ms"] - BACK_WITHIN_MS
    _, waiting = engine.wait_for(
        lambda e: e.get("phase") == "paused" and e["held"] and e["position_ms"] >= least_ms,
        since_s=gone_s,
    )
    assert (waiting["device"], waiting["advancing"]) == (None, False)
    assert waiting["position_ms"] <= held["position_ms"]
    engine.process.send_signal(signal.SIGSTOP)  # it waits anyway: not before there is a recorder
    jack.start()
    after = record()
    started_s = time.monotonic()
    engine.process.send_signal(signal.SIGCONT)
    went_on = went_on_s(after, started_s)
    back = engine.wait_state(since_s=started_s, phase="playing", advancing=True, device=DEVICE)
    assert back["position_ms"] >= waiting["position_ms"]
    # jackd plays on for a while after it was asked to end; the recorder ends with it.
    assert nothing_lost(last_position_s(before.last(0.5)), went_on)
    assert engine.quit() == 0


def test_the_latency_that_pipewires_libjack_reports_is_not_believed(
    sweep: Path, tmp_path: Path
) -> None:
    with pipewire_server() as server:
        first, other = Sink(server, "first"), Sink(server, "other")
        engine = HeadlessEngine(
            tmp_path, server.through("jack"), str(sweep), "--output-device=first Audio/Sink sink"
        )
        engine.wait_state(phase="playing", advancing=True)
        until_heard(first)
        _, stats = engine.wait_for(lambda e: e["event"] == "stats")
        assert stats["device_latency_ms"] < 200
        asked_s = engine.send(cmd="set-output-device", name="other Audio/Sink sink")
        engine.wait_for(lambda e: "other" in (e.get("device") or ""), since_s=asked_s)
        until_heard(other)
        assert engine.quit() == 0
        for sink in (first, other):
            sink.close()

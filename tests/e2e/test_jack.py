"""The sound device through JACK: jackd with its dummy driver, and PipeWire's libjack.

Nothing is recorded of jackd: what its dummy driver plays is heard nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import SWEEP_S
from tests.e2e.test_device_life import is_loss
from tests.rig.jack import DEVICE, JackServer, jack_server
from tests.rig.pipewire import pipewire_server
from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import Sink, until_heard
from tests.rig.signals import write_sweep_call

pytestmark = pytest.mark.measures

REPORTED_WITHIN_S = 1.0
BACK_WITHIN_MS = 600
"""A new engine goes back a little, so that nothing is lost."""


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JackServer]:
    with jack_server(tmp_path_factory.mktemp("jack")) as server:
        yield server


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "sweep.wav"
    write_sweep_call(path, SWEEP_S)
    return path


def test_jackd_that_ends_while_it_plays_and_comes_again(
    jack: JackServer, sweep: Path, tmp_path: Path
) -> None:
    engine = HeadlessEngine(tmp_path, jack.environment, str(sweep), f"--output-device={DEVICE}")
    engine.wait_state(phase="playing", advancing=True, device=DEVICE)
    time.sleep(3.5)  # an engine that has lived for less is not replaced
    ended_s = time.monotonic()
    jack.end()
    reported_s, _ = engine.wait_for(is_loss, since_s=ended_s)
    assert reported_s - ended_s < REPORTED_WITHIN_S
    lost = engine.wait_state(since_s=ended_s, device=None, held=True)
    engine.wait_for(lambda e: e.get("code") == "sound-system-gone", since_s=ended_s)
    waiting = engine.wait_state(since_s=ended_s, phase="paused", held=True)
    assert waiting["device"] is None
    jack.start()
    back = engine.wait_state(since_s=ended_s, phase="playing", advancing=True, device=DEVICE)
    assert lost["position_ms"] - BACK_WITHIN_MS <= back["position_ms"] <= lost["position_ms"] + 100
    assert engine.process.poll() is None
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

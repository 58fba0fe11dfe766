"""A service that dies and returns: the place stands still meanwhile, and playing goes on there."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from callplayer.engine.session.connection import RoomLimits
from tests.rig.processes import HeadlessEngine, Service
from tests.rig.signals import write_sweep_call


def test_the_place_is_kept_while_the_service_is_gone(tmp_path: Path) -> None:
    recording = tmp_path / "sweep.wav"
    write_sweep_call(recording, 120.0)
    service = Service(tmp_path, recording)
    port = service.api_url.rsplit(":", 1)[1]
    engine = HeadlessEngine(tmp_path, service.environment, service.incidents[0], "--no-audio")
    engine.wait_state(phase="playing", advancing=True)
    engine.send(cmd="set-gain", gain=-6, callerType="caller")
    engine.send(cmd="mute", callerType="callTaker")
    engine.wait_for(
        lambda e: (
            e["event"] == "state"
            and [(party["gain_db"], party["muted"]) for party in e["parties"]]
            == [(-6.0, False), (0.0, True)]
            and e["position_ms"] > 1000
        )
    )

    os.kill(service.process.pid, signal.SIGKILL)
    killed_s = time.monotonic()
    lost = engine.wait_state(since_s=killed_s, phase="reconnecting", timeout_s=10)
    assert lost["detail"]
    assert len(lost["parties"]) == 2
    time.sleep(1.0)
    still = engine.wait_state(since_s=time.monotonic())
    assert still["position_ms"] == lost["position_ms"]
    assert not still["advancing"]
    service.stop()

    again = Service(tmp_path, recording, flags=[f"--port={port}"])
    try:
        back = engine.wait_state(
            since_s=time.monotonic(), phase="playing", advancing=True, timeout_s=25
        )
        assert abs(back["position_ms"] - lost["position_ms"]) < 1000
        assert [party["gain_db"] for party in back["parties"]] == [-6.0, 0.0]
        assert [party["muted"] for party in back["parties"]] == [False, True]
        assert engine.quit() == 0
        states = [e for _, e in engine.events if e["event"] == "state"]
        assert states[-1]["phase"] == "playing", "nothing untrue is reported at the end"
    finally:
        again.stop()


def test_while_the_room_is_gone_it_says_since_when_and_a_try_can_be_asked_for(
    tmp_path: Path,
) -> None:
    recording = tmp_path / "sweep.wav"
    write_sweep_call(recording, 60.0)
    service = Service(tmp_path, recording)
    port = service.api_url.rsplit(":", 1)[1]
    engine = HeadlessEngine(tmp_path, service.environment, service.incidents[0], "--no-audio")
    engine.wait_state(phase="playing", advancing=True)
    killed_s = time.monotonic()
    os.kill(service.process.pid, signal.SIGKILL)
    # What may come back by itself is waited for, but not by who asks for a try.
    engine.wait_for(
        lambda e: e["event"] == "state" and e["detail"].endswith("waiting for it."), 20.0, killed_s
    )
    asked_s = engine.send(cmd="retry-now")
    gone_s, _ = engine.wait_for(
        lambda e: e["event"] == "state" and e["detail"].startswith("The room is gone"),
        since_s=asked_s,
    )
    assert gone_s - asked_s < RoomLimits().give_up_s / 2
    # Some tries have failed, so the wait is long enough to be cut short.
    _, waiting = engine.wait_for(
        lambda e: e["event"] == "state" and (e["retry_at_s"] or 0.0) - e["as_of_s"] > 1.5,
        40.0,
        killed_s,
    )
    assert killed_s <= waiting["lost_at_s"] < killed_s + 10.0
    service.stop()
    again = Service(tmp_path, recording, flags=[f"--port={port}"])
    try:
        asked_s = time.monotonic()
        engine.send(cmd="retry-now")
        at_once = engine.wait_state(since_s=asked_s, phase="reconnecting", retry_at_s=None)
        assert at_once["as_of_s"] - asked_s < 1.0
        back = engine.wait_state(since_s=asked_s, phase="playing", advancing=True, timeout_s=25)
        assert back["lost_at_s"] is None
        assert engine.quit() == 0
    finally:
        again.stop()

"""Bare ALSA: plugins of a private configuration, and no sound server that the player knows of.

What plays leads to a sink of PulseAudio, where it is recorded: this machine has no card.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import SWEEP_S
from tests.e2e.test_device_life import (
    SILENT_DB,
    broke_off_s,
    is_loss,
    shown_less_heard_s,
    went_on_s,
)
from tests.e2e.test_pipewire import QUIET_DB, record, run
from tests.faults.heard import nearest
from tests.rig.alsa import write_alsa_config
from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import PulseServer, Sink, pulse_server, until_heard
from tests.rig.signals import rms_db, write_sweep_call

pytestmark = pytest.mark.measures

NAMED_WITHIN_S = 1.0
OFF_AT_MOST_S = 0.08
"""Place shown less heard: neither the plugins nor the null sink report all of their delay."""

SIX_CHANNELS = ("channels=6", "channel_map=surround-51")
NULL = "{ type null }"
CLOCKLESS = {
    "null": NULL,
    "file": f"{{ type plug slave.pcm {{ type file file /dev/null format raw slave.pcm {NULL} }} }}",
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "sweep.wav"
    write_sweep_call(path, SWEEP_S)
    return path


def bare(folder: Path, default: str, others: str = "") -> dict[str, str]:
    """Return what leads a program to these devices of ALSA's, and to no sound server."""
    alone = {"PULSE_SERVER": f"unix:{folder}/none", "JACK_NO_START_SERVER": "1"}
    return alone | write_alsa_config(folder / "bare.conf", others, default=default)


def leading_to(sink: Sink) -> str:
    """Return an ALSA device that plays to a sink."""
    server = sink.environment["PULSE_SERVER"]
    return f'{{ type pulse server "{server}" device {sink.name} }}'


@pytest.mark.parametrize("kind", CLOCKLESS)
def test_a_device_without_a_clock_is_named_as_none(kind: str, sweep: Path, tmp_path: Path) -> None:
    engine = HeadlessEngine(tmp_path, bare(tmp_path, CLOCKLESS[kind]), str(sweep))
    connecting_s, _ = engine.wait_for(lambda e: e.get("phase") == "connecting")
    named_s, error = engine.wait_for(lambda e: e["event"] == "error")
    assert "takes sound without a clock" in error["message"]
    assert named_s - connecting_s < NAMED_WITHIN_S
    assert engine.finish() == 6


@pytest.mark.parametrize("kind", ["pulse", "pipe"])
def test_plugins_play_at_the_place_that_is_shown(
    kind: str, pulse: PulseServer, sweep: Path, tmp_path: Path
) -> None:
    """A `plug` before a sound server is no row: PortAudio's stream on one stands still."""
    sink, piped = Sink(pulse, f"bare-{kind}", *SIX_CHANNELS), tmp_path / "piped"
    way = leading_to(sink)
    if kind == "pipe":
        way = f'{{ type file file "| cat > {piped}" format raw slave.pcm {way} }}'
    environment = bare(tmp_path, way)
    engine = HeadlessEngine(tmp_path, environment, str(sweep))
    try:
        engine.wait_state(phase="playing", advancing=True, device="default")
        until_heard(sink, 1.0)
        assert abs(shown_less_heard_s(engine, sink)) < OFF_AT_MOST_S
        front_left, front_right, *_ = record(pulse, sink.name, 0.5).T
        assert min(rms_db(front_left), rms_db(front_right)) > QUIET_DB
        paused_s = engine.send(cmd="pause")
        engine.wait_state(since_s=paused_s, phase="paused")
        time.sleep(0.5)
        assert rms_db(sink.heard(paused_s + 0.3, time.monotonic() - 0.05)) < SILENT_DB
        assert engine.quit() == 0
        if kind == "pipe":
            assert rms_db(np.fromfile(piped, dtype=np.float32)) > QUIET_DB
        code, said = run(environment, tmp_path, "doctor")
        assert (code, "default: ALSA, at 48 kHz, " in said, " ms delay" in said) == (0, True, True)
    finally:
        engine.close()
        sink.close()


def test_a_named_device_that_is_lost_and_back_is_not_reported_as_missing(
    pulse: PulseServer, sweep: Path, tmp_path: Path
) -> None:
    """The headset has a sound server of its own, which ends and comes back."""
    speakers = Sink(pulse, "bare-speakers")
    with pulse_server() as server:
        headset = Sink(server, "bare-headset")
        devices = f"pcm.headset {leading_to(headset)}\n"
        environment = bare(tmp_path, leading_to(speakers), devices)
        engine = HeadlessEngine(tmp_path, environment, str(sweep), "--output-device=headset")
        try:
            engine.wait_state(phase="playing", advancing=True, device="headset")
            until_heard(headset)
            lost_s = time.monotonic()
            server.kill()
            engine.wait_for(is_loss, since_s=lost_s)
            engine.wait_state(since_s=lost_s, phase="playing", advancing=True, device="default")
            before_s = broke_off_s(headset, lost_s - 0.5, lost_s - 0.05)
            assert -0.3 < nearest(went_on_s(speakers, lost_s) - before_s) < 0.1
            again = PulseServer(server.folder)
            try:
                back = Sink(again, headset.name)
                back_s = time.monotonic()
                engine.wait_state(
                    since_s=back_s, phase="playing", advancing=True, device="headset", detail=""
                )
                before_s = broke_off_s(speakers, lost_s, time.monotonic())
                assert -0.3 < nearest(went_on_s(back, back_s) - before_s) < 0.1
                said = [event["message"] for _, event in engine.events if event["event"] == "error"]
                assert not [each for each in said if "not there" in each], said
                assert engine.quit() == 0
                back.close()
            finally:
                again.stop()
        finally:
            engine.close()
            headset.close()
    speakers.close()

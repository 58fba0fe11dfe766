"""What comes out of the sound device is as loud as was asked for, and is what was said.

After the first test one engine plays tones for all.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.e2e.conftest import CALLER_HZ, TAKER_HZ, StartEngine, settled
from tests.rig.processes import HeadlessEngine, Service
from tests.rig.pulse import RATE_HZ, Sink
from tests.rig.signals import rms_db, similarity, tone_db

pytestmark = pytest.mark.measures

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
sink, engine = settled("tone_service")


def test_real_speech_comes_out_as_it_went_in(
    tmp_path: Path, start_engine: StartEngine, sink: Sink
) -> None:
    """A human voice (LibriVox, public domain) as a mono recording: one mixed track."""
    clips = sorted(LIBRIVOX.glob("*.wav"))
    assert clips, "pocketsphinx-testdata is missing; `make test` installs it"
    speech, rate_hz = soundfile.read(clips[0], dtype="float32")
    service = Service(tmp_path, clips[0])
    try:
        engine = start_engine(service)
        state = engine.wait_state(phase="playing", advancing=True)
        assert [party["party"] for party in state["parties"]] == ["caller", "callTaker"]
        assert [lane["carries"] for lane in state["lanes"]] == [["caller", "callTaker"]]
        time.sleep(min(len(speech) / rate_hz, 6.0))
        heard = sink.heard(engine.started_s, time.monotonic())
        original = soxr.resample(speech[: rate_hz * 4], rate_hz, RATE_HZ)
        other_speech, _ = soundfile.read(clips[1], dtype="float32")
        other = soxr.resample(other_speech[: rate_hz * 4], rate_hz, RATE_HZ)
        # Opus keeps what is heard, not every sample; another clip shows what no likeness is.
        assert similarity(heard, original) > 0.75
        assert similarity(heard, other) < 0.4
        assert engine.quit() == 0
    finally:
        assert service.stop() == 0


def test_set_gain_is_heard_to_the_decibel_on_one_party_only(
    engine: HeadlessEngine, sink: Sink
) -> None:
    now_s = time.monotonic()
    before = sink.heard(now_s - 0.5, now_s)
    for gain_db in (-12.0, 6.0, 0.0):
        asked_s = engine.send(cmd="set-gain", gain=gain_db, callerType="caller")
        engine.wait_for(
            lambda e, gain_db=gain_db: (
                e["event"] == "state" and e["parties"][0]["gain_db"] == gain_db
            ),
            since_s=asked_s,
        )
        time.sleep(1.1)
        now_s = time.monotonic()
        after = sink.heard(now_s - 0.5, now_s)
        changes_db = [
            tone_db(after, hz, np.median) - tone_db(before, hz, np.median)
            for hz in (CALLER_HZ, TAKER_HZ)
        ]
        assert changes_db == pytest.approx([gain_db, 0.0], abs=0.5)


def test_mute_and_solo_act_at_once_on_the_right_party(engine: HeadlessEngine, sink: Sink) -> None:
    for request, undo, silenced_hz, heard_hz in (
        ("mute", "unmute", CALLER_HZ, TAKER_HZ),
        ("solo", "unsolo", TAKER_HZ, CALLER_HZ),
    ):
        asked_s = engine.send(cmd=request, callerType="caller")
        time.sleep(0.4)
        sound = sink.heard(asked_s + 0.1, asked_s + 0.35)
        assert tone_db(sound, silenced_hz) < -60
        assert tone_db(sound, heard_hz) > -20
        engine.send(cmd=undo, callerType="caller")
        time.sleep(0.3)


def test_at_quit_the_sound_fades_and_does_not_break_off(engine: HeadlessEngine, sink: Sink) -> None:
    quit_s = time.monotonic()
    assert engine.quit() == 0
    sound = sink.heard(quit_s - 0.2, time.monotonic() + 0.1)
    last = int(np.flatnonzero(np.abs(sound) > 1e-3)[-1])
    assert len(sound) - last > RATE_HZ // 100, "it plays on"
    half_a_fade = sound[last - RATE_HZ // 400 : last]
    before = sound[: RATE_HZ // 10]
    assert rms_db(half_a_fade) < rms_db(before) - 6.0

"""What the engine emits fits into its client's lines, whatever the API said."""

from __future__ import annotations

import pytest

from callplayer.engine.audio.meter import Level
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.audio_frames import RATE_HZ
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.vendor.http import Incident


@pytest.mark.parametrize("character", ["9", "\u202e", "\U000e0041"])
def test_an_incident_of_any_length_is_reported_in_a_line_that_can_be_read(character: str) -> None:
    reported: list[m.Event] = []
    reporter = Reporter(
        reported.append, PlaybackState(), AudioPipeline(RATE_HZ, no_audio=True), ReceivePath()
    )
    reporter.incident(Incident(id=character * 900_000, caller_phone_number=character * 900_000))
    (event,) = reported
    line = codec.encode_line(event)
    assert len(line) < codec.MAX_EVENT_BYTES
    assert codec.decode_event(line) == event


def test_levels_of_a_tone_are_emitted_again_and_those_of_silence_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = AudioPipeline(RATE_HZ, no_audio=True)
    now_s, level_db = 0.0, -20.0
    monkeypatch.setattr(
        sound.channels, "levels", lambda _: {"call": Level(level_db, level_db, level_db)}
    )
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    emitted: list[m.Event] = []
    reporter = Reporter(emitted.append, PlaybackState(), sound, ReceivePath())
    for number in range(100):
        now_s, level_db = 10.0 + number / 20, -20.0 if number < 60 else m.LEVEL_FLOOR_DB
        reporter.levels()
    assert len(emitted) == pytest.approx(3.0 / 0.25, abs=2)

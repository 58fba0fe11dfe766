"""Recordings: what can be served, how it is decoded, and the file beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.errors import UsageError
from callplayer.recordings.decoding import decode
from callplayer.recordings.named_file import incident_id
from callplayer.recordings.recording import find_recordings
from tests.unit.service.library.test_importer import cut_files

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)


def whole(path: Path) -> np.ndarray:
    return np.concatenate(list(decode(str(path))))


def peak_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 48_000 / len(samples))


def test_16_bit_at_48_khz_is_bit_for_bit(tmp_path: Path) -> None:
    exact = np.random.default_rng(1).integers(-32_768, 32_767, (48_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", exact, 48_000)
    assert np.array_equal(whole(tmp_path / "a.wav"), exact)


@pytest.mark.parametrize(
    ("suffix", "rate_hz"), [("wav", 8000), ("flac", 44_100), ("ogg", 16_000), ("mp3", 22_050)]
)
def test_any_rate_becomes_48_khz_at_the_same_pitch(
    tmp_path: Path, suffix: str, rate_hz: int
) -> None:
    seconds = np.arange(12 * rate_hz) / rate_hz
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * seconds), rate_hz)
    (call,) = whole(path).T
    assert call.dtype == np.int16
    assert len(call) == pytest.approx(12 * 48_000, abs=0.1 * 48_000)
    assert peak_hz(call[48_000 : 9 * 48_000]) == pytest.approx(440, abs=0.5)
    middle = call[48_000 : 9 * 48_000] / 32_768
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_float_sound_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([2.0, -2.0] * 500), 48_000, subtype="FLOAT")
    assert set(whole(tmp_path / "a.wav")[:, 0]) == {32_767, -32_768}


def test_three_channels_are_refused_with_what_to_do(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((4800, 3)), 48_000)
    with pytest.raises(UsageError, match="3 channels") as refused:
        find_recordings([tmp_path])
    assert "left" in refused.value.hint


def test_a_folder_is_listed_by_name_and_ids_are_stable(tmp_path: Path) -> None:
    for name in ("b.wav", "a.flac"):
        soundfile.write(tmp_path / name, TONE, 48_000)
    (tmp_path / "notes.txt").write_text("no sound")
    found = find_recordings([tmp_path])
    assert list(found) == [incident_id("a.flac"), incident_id("b.wav")]
    assert incident_id("b.wav") != incident_id("b.flac")
    assert found[incident_id("b.wav")].duration_s == 1.0


def test_what_cannot_be_served_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recording to serve"):
        find_recordings([tmp_path])
    with pytest.raises(UsageError, match="There is no file"):
        find_recordings([tmp_path / "none.wav"])
    (tmp_path / "a.wav").write_bytes(b"RIFF but no wave")
    with pytest.raises(UsageError, match="no sound file that is known"):
        find_recordings([tmp_path])
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 48_000)
    with pytest.raises(UsageError, match="holds no sound"):
        find_recordings([tmp_path])


def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    reported = {name: text for name, text in cut_files(tmp_path).items()}
    assert len(reported) == 6
    for name, text in reported.items():
        with pytest.raises(UsageError, match=f"{name} is cut off: {text}"):
            find_recordings([tmp_path / name])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", TONE, 48_000)
    with pytest.raises(UsageError, match=r"named a\.wav"):
        find_recordings([tmp_path / "x", tmp_path / "y"])


def test_a_sidecar_describes_the_incident(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, 48_000)
    facts = {
        "caller_phone_number": "+15555550142",
        "created_at": "2026-03-14 02:47:09 UTC",
        "caller_location": {"lat": 36.0, "lng": -125.5, "source": "test"},
    }
    (tmp_path / "a.json").write_text(json.dumps({"incident": facts, "words": [], "title": "x"}))
    (recording,) = find_recordings([tmp_path]).values()
    assert recording.facts.caller_phone_number == "+15555550142"
    assert recording.facts.caller_location is not None
    assert recording.facts.caller_location.lng == -125.5
    assert recording.created_at.isoformat() == "2026-03-14T02:47:09+00:00"


def test_the_demo_calls_can_be_served() -> None:
    folder = Path(__file__).parents[3] / "callplayer" / "demo_calls"
    found = find_recordings([folder])
    assert len(found) == 2
    assert all(recording.facts.caller_phone_number for recording in found.values())
    assert all(recording.parties == ("caller", "callTaker") for recording in found.values())

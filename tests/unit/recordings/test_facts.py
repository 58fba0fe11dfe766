"""What is known of a call besides its sound, and that what cannot be read costs that field only."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.errors import UsageError
from callplayer.recordings.containers.sound_file import open_sound
from callplayer.recordings.convert import Layout
from callplayer.recordings.facts import check_started_at, read_beside, started_by_tags
from callplayer.recordings.recording import find_recordings, one_of_each
from callplayer.service.library.importer import ImportJob, Reports, import_calls
from callplayer.service.library.library import Library
from callplayer.text import duration_text

INPUTS = Path(__file__).parents[2] / "inputs"
RADIO = INPUTS / "tr" / "11-1739713999_851587500.0-call_7.m4a"


@pytest.fixture(autouse=True)
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def sound_with(folder: Path, sidecar: object, name: str = "a.wav") -> Path:
    path = folder / name
    soundfile.write(path, np.full((8_000, 1), 0.1), 8_000)
    text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
    path.with_suffix(".json").write_text(text)
    return path


def beside(folder: Path, sidecar: object):
    said: list[str] = []
    return read_beside(sound_with(folder, sidecar), said.append), said


@pytest.mark.parametrize(
    ("name", "phone", "started_at", "lat", "says"),
    [
        ("emptyphone", "", None, None, ""),
        ("epoch", "", "2025-02-16T13:53:19+00:00", None, ""),
        ("local", "", "2026-11-01T05:30:00+00:00", None, "created_at names no zone"),
        ("nan", "", None, 41.5, ""),
        ("natphone", "", None, None, "caller_phone_number is not E.164"),
        ("nullphone", "", "2026-03-14T02:47:09+00:00", None, ""),
    ],
)
def test_every_sidecar_of_the_inputs(tmp_path, name, phone, started_at, lat, says) -> None:
    found, said = beside(tmp_path, (INPUTS / "side" / f"{name}.json").read_text())
    assert found.facts.caller_phone_number == phone
    assert (found.started_at and found.started_at.isoformat()) == started_at
    assert (found.facts.caller_location and found.facts.caller_location.lat) == lat
    assert len(said) == bool(says)
    assert says in "".join(said)
    assert "555" not in "".join(said).replace("+15555550142", "")


@pytest.mark.parametrize(
    ("incident", "says"),
    [
        ({"caller_phone_number": 7}, "not E.164"),
        ({"created_at": "yesterday"}, "created_at is no time"),
        ({"created_at": 1e300}, "created_at is no time"),
        ({"caller_location": {"lat": 91, "lng": 0}}, "no place on earth"),
        ({"caller_location": "here"}, "no place on earth"),
        ("x", "no object"),
    ],
)
def test_a_field_that_cannot_be_read_costs_that_field(tmp_path, incident, says) -> None:
    found, said = beside(tmp_path, {"incident": incident, "start_time": 1_739_713_999})
    assert found.started_at == datetime(2025, 2, 16, 13, 53, 19, tzinfo=UTC)
    assert found.facts.caller_phone_number == ""
    assert found.facts.caller_location is None
    assert says in "".join(said)


@pytest.mark.parametrize("content", ["{", "[]", "\0", "{" * 5000])
def test_a_broken_sidecar_costs_the_facts_only_in_import_and_in_a_folder(
    tmp_path: Path, content: str
) -> None:
    path = sound_with(tmp_path, content)
    said: list[str] = []
    (served,) = find_recordings([tmp_path], warn=said.append).values()
    (kept,) = import_calls(tmp_path / "library", [ImportJob((path,))], Reports(warn=said.append))
    assert (served.facts, kept.facts) == (kept.facts, served.facts)
    assert any("a.json" in line or "a.wav" in line for line in said)


def test_trunk_recorder_leaves_a_start_a_talkgroup_and_the_speakers(tmp_path: Path) -> None:
    for suffix in (".m4a", ".json"):
        shutil.copy(RADIO.with_suffix(suffix), tmp_path / f"call{suffix}")
    srt = tmp_path / "words.srt"
    srt.write_text("1\n00:00:01,000 --> 00:00:03,000\nSmoke\n\n2\n00:00:05 --> 00:00:06\nYes\n")
    call = ImportJob((tmp_path / "call.m4a",), words=(srt,), names={"Unit 5": "CallTaker"})
    said: list[str] = []
    (kept,) = import_calls(tmp_path / "library", [call], Reports(warn=said.append))
    assert kept.created_at == datetime(2025, 2, 16, 13, 53, 19, tzinfo=UTC)
    assert kept.facts.talkgroup == "11 EX Disp 1"
    assert kept.duration_s == pytest.approx(10.0, abs=0.001)
    with Library.open(tmp_path / "library") as library:
        words = library.words(kept.id)
    assert [(word.word, word.speaker) for word in words] == [
        ("Smoke", "Unknown"), ("Yes", "CallTaker"),
    ]  # fmt: skip
    assert said == []


def test_a_wav_and_an_m4a_of_one_call_are_one_incident(tmp_path: Path) -> None:
    shutil.copy(RADIO, tmp_path / "call.m4a")
    shutil.copy(RADIO.with_suffix(".json"), tmp_path / "call.json")
    with open_sound(RADIO) as sound:
        soundfile.write(tmp_path / "call.wav", sound.read(0, sound.frames), sound.rate_hz)
    said: list[str] = []
    (served,) = find_recordings([tmp_path], warn=said.append).values()
    assert served.path.name == "call.wav"
    assert said == ["call.m4a is the call of call.wav, and left out"]
    soundfile.write(tmp_path / "call.wav", np.zeros(80_000 * 3), 8_000)  # another one
    assert len(one_of_each([tmp_path / "call.wav", tmp_path / "call.m4a"], said.append)) == 2


def test_rdio_scanner_and_sdrtrunk(tmp_path: Path) -> None:
    rdio = {
        "dateTime": "2025-02-16T13:53:19.000Z", "talkgroup": 11, "talkgroupLabel": "EX Disp 1",
        "sources": [{"pos": 0, "src": 1500001}, {"pos": 4.2, "src": 1500002}],
    }  # fmt: skip
    found, said = beside(tmp_path, rdio)
    assert found.started_at == datetime(2025, 2, 16, 13, 53, 19, tzinfo=UTC)
    assert found.facts.talkgroup == "11 EX Disp 1"
    assert [(turn.start_s, turn.speaker) for turn in found.turns] == [
        (0.0, "1500001"), (4.2, "1500002"),
    ]  # fmt: skip
    assert said == []
    name = "20250228_234741North_Carolina_VIPER_Rutherford_T-Control__TO_52198_FROM_2150757.mp3"
    found = read_beside(tmp_path / name, said.append)
    assert found.started_at == datetime(2025, 3, 1, 4, 47, 41, tzinfo=UTC)
    assert (found.facts.talkgroup, found.turns[0].speaker) == ("52198", "2150757")
    tags = {"comment": "Date:2025-02-28 23:47:41.124;System:North Carolina VIPER;"}
    assert started_by_tags(tags) == datetime(2025, 3, 1, 4, 47, 41, 124_000, tzinfo=UTC)
    for none in ("2024-13-45 00:00:00", "9999-12-31 23:00:00", "0001-01-01 00:00:00"):
        assert started_by_tags({"comment": f"Date:{none};"}) is None


def test_a_broadcast_wave_has_a_date_and_else_the_file_was_closed_at_the_end(tmp_path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(24_000), 8_000)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (plain,) = find_recordings([path]).values()
    assert plain.created_at.timestamp() == 1_000_000_000 - 3
    content = path.read_bytes()
    bext = bytes(320) + b"2026-07-04" + b"14:03:11" + bytes(264)
    chunk = b"bext" + struct.pack("<I", len(bext)) + bext
    path.write_bytes(content[:12] + chunk + content[12:])
    (dated,) = find_recordings([path]).values()
    assert dated.created_at == datetime(2026, 7, 4, 18, 3, 11, tzinfo=UTC)  # New York, in summer
    chunk = chunk.replace(b"2026-07-04", b"9999-12-31").replace(b"14:03:11", b"23:00:00")
    path.write_bytes(content[:12] + chunk + content[12:])
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (undated,) = find_recordings([path]).values()
    assert undated.created_at == plain.created_at


def test_a_start_without_a_zone_is_this_machines_and_that_is_said() -> None:
    said: list[str] = []
    assert check_started_at("2026-07-04 14:03:11", said.append).hour == 18
    assert "this machine's, EDT (UTC-0400)" in said[0]
    assert check_started_at("2026-07-04 14:03:11 UTC", said.append).hour == 14
    assert check_started_at("1739713999", said.append).year == 2025
    assert len(said) == 1
    with pytest.raises(UsageError, match="is no time"):
        check_started_at("noon", said.append)


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    for name in ("missing", "missing.wav"):
        with pytest.raises(UsageError, match=f"There is no file .*{name}"):
            find_recordings([tmp_path / name])


def test_a_bad_file_costs_that_file_and_strict_refuses(tmp_path: Path) -> None:
    good, bad = sound_with(tmp_path, {}), tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    said: list[str] = []
    assert len(find_recordings([tmp_path], warn=said.append)) == 1
    assert "bad.wav is no sound file" in said[0]
    with pytest.raises(UsageError, match=r"bad\.wav"):
        find_recordings([tmp_path], strict=True)
    with pytest.raises(UsageError, match=r"bad\.wav"):
        find_recordings([bad])
    calls, folder = [ImportJob((good,)), ImportJob((bad,))], tmp_path / "library"
    with pytest.raises(UsageError, match=r"bad\.wav"):
        import_calls(folder, calls)
    (kept,) = import_calls(folder, calls, Reports(warn=said.append), skip_bad=True)
    assert kept.duration_s == 1.0
    assert "bad.wav" in said[-1]
    with pytest.raises(UsageError, match=r"bad\.wav"):
        import_calls(folder, [ImportJob((bad,))], skip_bad=True)


def test_the_caller_may_be_on_the_right_or_on_any_channel(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    levels = np.array([0.125, 0.25, 0.5])
    soundfile.write(path, np.tile(levels, (800, 1)), 8_000)

    def kept(layout: Layout) -> list[float]:
        (one,) = import_calls(tmp_path / "library", [ImportJob((path,), layout=layout)])
        return list(soundfile.read(one.path, always_2d=True)[0][0])

    assert kept(Layout(channels=(3, 1))) == [0.5, 0.125]
    assert kept(Layout(channels=(2,))) == [0.25]
    assert kept(Layout(channels=(1, 2), swap=True)) == [0.25, 0.125]
    for layout in (Layout(), Layout(channels=(4,)), Layout(channels=(1, 2, 3))):
        with pytest.raises(UsageError, match="3 channels"):
            kept(layout)
    with pytest.raises(UsageError, match="one channel"):
        kept(Layout(channels=(1,), swap=True))
    soundfile.write(path, np.tile(levels[:2], (800, 1)), 8_000)
    assert kept(Layout(swap=True)) == [0.25, 0.125]


def test_a_length_is_written_with_hours_from_an_hour_on() -> None:
    assert [duration_text(each) for each in (0, 59.6, 3599, 3600, 25_200)] == [
        "0:00", "1:00", "59:59", "1:00:00", "7:00:00",
    ]  # fmt: skip

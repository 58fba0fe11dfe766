"""The demo calls as they lie in the package: sound, words, and that they are plainly fiction."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from callplayer.vendor.times import parse_datetime

DEMO_CALLS = files("callplayer") / "demo_calls"
MIN_DURATION_S = {"kitchen-fire": 120.0, "fall-on-stairs": 60.0}
MAX_TOTAL_BYTES = 3_000_000
MIN_SEPARATION_DB = 25.0
RATE_HZ = 48_000
CHANNELS = {"Caller": 0, "CallTaker": 1}


@dataclass(frozen=True)
class DemoCall:
    """One call: its sound, shape (frames, 2), the sound's rate, and what its JSON says."""

    name: str
    sound: npt.NDArray[np.float32]
    rate_hz: int
    facts: dict[str, Any]

    @property
    def words(self) -> list[dict[str, Any]]:
        words: list[dict[str, Any]] = self.facts["words"]
        return words

    def words_of(self, speaker: str) -> list[dict[str, Any]]:
        return [word for word in self.words if word["speaker"] == speaker]


@pytest.fixture(scope="module", params=sorted(MIN_DURATION_S))
def call(request: pytest.FixtureRequest) -> DemoCall:
    name = request.param
    with (DEMO_CALLS / f"{name}.ogg").open("rb") as stream:
        sound, rate_hz = soundfile.read(stream, dtype="float32", always_2d=True)
    facts = json.loads((DEMO_CALLS / f"{name}.json").read_text(encoding="utf-8"))
    return DemoCall(name, sound, rate_hz, facts)


def speaking(call: DemoCall) -> npt.NDArray[np.bool_]:
    """Return for each frame whether each party speaks, by the word times; shape (frames, 2)."""
    on = np.zeros(call.sound.shape, bool)
    for word in call.words:
        first = round(word["start_offset"] * RATE_HZ)
        last = round((word["start_offset"] + word["duration"]) * RATE_HZ)
        on[first:last, CHANNELS[word["speaker"]]] = True
    return on


def mean_power_db(samples: npt.NDArray[np.float32]) -> float:
    assert len(samples) > RATE_HZ, "less than a second to measure"
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def test_the_folder_holds_these_calls_and_no_others() -> None:
    suffixes: dict[str, set[str]] = {}
    for entry in DEMO_CALLS.iterdir():
        stem, _, suffix = entry.name.rpartition(".")
        suffixes.setdefault(stem, set()).add(suffix)
    calls = {stem for stem, found in suffixes.items() if found & {"ogg", "json"}}
    assert calls == set(MIN_DURATION_S)
    assert all({"ogg", "json"} <= suffixes[stem] for stem in calls)


def test_all_files_of_the_calls_are_small_together() -> None:
    sizes = {
        entry.name: len(entry.read_bytes())
        for entry in DEMO_CALLS.iterdir()
        if entry.name.endswith((".ogg", ".json"))
    }
    assert len(sizes) == 2 * len(MIN_DURATION_S)
    assert sum(sizes.values()) < MAX_TOTAL_BYTES


def test_sound_is_stereo_at_48_khz_and_long_enough(call: DemoCall) -> None:
    assert call.rate_hz == RATE_HZ
    assert call.sound.shape[1] == 2
    duration_s = len(call.sound) / RATE_HZ
    assert duration_s >= MIN_DURATION_S[call.name]
    assert call.facts["duration_s"] == pytest.approx(duration_s, abs=0.001)
    assert call.facts["channels"] == ["caller", "callTaker"]


def test_sound_is_loud_enough_and_not_clipped(call: DemoCall) -> None:
    on = speaking(call)
    for channel in CHANNELS.values():
        assert -24.0 < mean_power_db(call.sound[on[:, channel], channel]) < -17.0
    assert np.abs(call.sound).max() < 0.9


@pytest.mark.parametrize("speaker", CHANNELS)
def test_each_party_is_on_a_channel_of_its_own(call: DemoCall, speaker: str) -> None:
    own, other = CHANNELS[speaker], 1 - CHANNELS[speaker]
    on = speaking(call)
    alone = call.sound[on[:, own] & ~on[:, other]]
    separation_db = mean_power_db(alone[:, own]) - mean_power_db(alone[:, other])
    assert separation_db >= MIN_SEPARATION_DB


@pytest.mark.parametrize("speaker", CHANNELS)
def test_words_stand_where_the_voice_is(call: DemoCall, speaker: str) -> None:
    channel = CHANNELS[speaker]
    on = speaking(call)
    inside_db = mean_power_db(call.sound[on[:, channel], channel])
    outside_db = mean_power_db(call.sound[~on[:, channel], channel])
    assert inside_db - outside_db >= 15.0


@pytest.mark.parametrize("speaker", CHANNELS)
def test_words_are_inside_the_call_and_follow_one_another(call: DemoCall, speaker: str) -> None:
    words = call.words_of(speaker)
    assert len(words) > 50
    end_s = 0.0
    for word in words:
        assert word["duration"] > 0, word
        assert word["start_offset"] >= end_s - 0.002, word  # each is rounded to 1 ms
        end_s = word["start_offset"] + word["duration"]
    assert end_s <= call.facts["duration_s"]


def test_words_carry_the_vendors_fields(call: DemoCall) -> None:
    starts = [word["start_offset"] for word in call.words]
    assert starts == sorted(starts)
    for word in call.words:
        assert word["diarized_speaker"] == CHANNELS[word["speaker"]]
        assert word["word"].strip() == word["word"] != ""
        assert 0.0 <= word["confidence"] <= 1.0
        assert word["language_code"] == "en-US"


def test_calls_are_marked_as_fiction(call: DemoCall) -> None:
    assert call.facts["fictional"] is True
    assert "fictional" in call.facts["title"]
    with (
        (DEMO_CALLS / f"{call.name}.ogg").open("rb") as stream,
        soundfile.SoundFile(stream) as file,
    ):
        assert file.title == call.facts["title"]
        assert "fictional" in file.comment


def test_telephone_numbers_are_from_the_range_kept_for_fiction(call: DemoCall) -> None:
    number = re.fullmatch(r"\+1[2-9]\d\d(55501\d\d)", call.facts["incident"]["caller_phone_number"])
    assert number is not None
    said = re.findall(r"\d{3}-?\d{4}", " ".join(word["word"] for word in call.words))
    assert [each.replace("-", "") for each in said] == [number[1]]


def test_incident_times_are_ones_the_player_reads(call: DemoCall) -> None:
    incident = call.facts["incident"]
    created = parse_datetime(incident["created_at"])
    located = parse_datetime(incident["caller_location"]["created_at"])
    assert created is not None
    assert located is not None
    assert created <= located


def test_the_command_that_makes_them_is_there() -> None:
    module = re.search(
        r"^    python -m (tests\.\S+)$", (DEMO_CALLS / "README.md").read_text(), re.M
    )
    assert module is not None
    assert find_spec(module[1]) is not None

"""A clip: private, whole or not at all, and a recording that plays again with its words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from callplayer.errors import UsageError
from callplayer.recordings.clip import Clip, ClipFormat, save_clip
from callplayer.recordings.containers.sound_file import open_sound
from callplayer.recordings.facts import IncidentFacts, read_beside
from callplayer.recordings.samples import Samples
from callplayer.recordings.words.names import Names
from callplayer.recordings.words.sidecar import parse_json
from callplayer.vendor.transcript import Word, word_at

BEGAN = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)


def _word(text: str, offset_s: float) -> Word:
    word = word_at(BEGAN, offset_s, 0.4, text, "Caller")
    assert word is not None
    return word


def _clip(**changes: Any) -> Clip:
    clip = Clip(
        incident_id="3f2a9c1e-0000-4000-8000-000000000001",
        start_ms=61_250,
        end_ms=63_750,
        parties=("caller", "callTaker"),
        call_started_at=BEGAN,
        facts=IncidentFacts(caller_phone_number="+15555550142"),
        words=(_word("before", 60.0), _word("Elm", 61.1), _word("street", 62.1), _word("on", 64.0)),
        gaps_ms=((62_000, 62_100),),
    )
    return replace(clip, **changes)


def _blocks(frames: int = 120_000) -> list[Samples]:
    rng = np.random.default_rng(3)
    sound = rng.integers(-9000, 9000, (frames, 2), dtype=np.int16)
    return [sound[first : first + 4800] for first in range(0, frames, 4800)]


def _written(path: Path) -> Samples:
    with open_sound(path) as sound:
        decoded = np.concatenate(list(sound.blocks()))
    return np.rint(decoded * 32768).astype(np.int16)


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_every_sample_is_saved_for_its_owner_only(tmp_path: Path, kind: ClipFormat) -> None:
    saved = save_clip(tmp_path / "clips", _clip(), _blocks(), kind=kind)
    np.testing.assert_array_equal(_written(saved.sound), np.concatenate(_blocks()))
    assert saved.sound.name == f"3f2a9c1e_01m01s250_01m03s750.{kind}"
    for path in (saved.sound, saved.sidecar):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(saved.sound.parent.stat().st_mode) == 0o700
    assert saved.sha256 == hashlib.sha256(saved.sound.read_bytes()).hexdigest()


def test_the_sidecar_says_what_the_clip_is(tmp_path: Path) -> None:
    saved = save_clip(tmp_path, _clip(), _blocks())
    content = msgspec.json.decode(saved.sidecar.read_bytes())
    assert content["clip"] == {
        "incident_id": "3f2a9c1e-0000-4000-8000-000000000001",
        "start_ms": 61_250,
        "end_ms": 63_750,
        "began_at": "2026-03-14T02:48:10.250Z",
        "ended_at": "2026-03-14T02:48:12.750Z",
        "channels": ["caller", "callTaker"],
        "gaps_ms": [[62_000, 62_100]],
        "unsure_ms": [],
        "file": saved.sound.name,
        "sha256": saved.sha256,
    }


def test_a_clip_is_read_again_as_a_recording_with_its_words(tmp_path: Path) -> None:
    saved, refused = save_clip(tmp_path, _clip(), _blocks()), list[str]()
    beside = read_beside(saved.sound, refused.append)
    began_at = BEGAN + timedelta(milliseconds=61_250)
    assert beside.started_at == began_at
    assert beside.facts.caller_phone_number == "+15555550142"
    words, _ = parse_json(saved.sidecar.read_bytes(), began_at, refused.append, Names())
    assert [(word.word, word.start_offset) for word in words] == [("Elm", 0.0), ("street", 0.85)]
    assert refused == []


def test_a_call_without_a_clock_time_is_saved_without_one(tmp_path: Path) -> None:
    saved = save_clip(tmp_path, _clip(call_started_at=None), _blocks())
    content = msgspec.json.decode(saved.sidecar.read_bytes())
    assert "began_at" not in content["clip"]
    assert "created_at" not in content["incident"]


def test_both_parties_in_one_channel_are_their_sum_and_do_not_overload(tmp_path: Path) -> None:
    quiet = np.full((4800, 2), 5000, dtype=np.int16)
    loud = np.full((4800, 2), 32_000, dtype=np.int16)
    saved = save_clip(tmp_path, _clip(), [quiet, loud], mixed=True)
    written = _written(saved.sound)
    assert written.shape == (9600, 1)
    assert set(written[:4800, 0]) == {10_000}
    assert 31_000 < int(written[4800:].min()) <= int(written[4800:].max()) <= 32_767


def test_a_second_clip_of_the_same_stretch_replaces_nothing(tmp_path: Path) -> None:
    first = save_clip(tmp_path, _clip(), _blocks(48_000))
    before = first.sound.read_bytes()
    second = save_clip(tmp_path, _clip(), _blocks())
    assert second.sound.name == "3f2a9c1e_01m01s250_01m03s750_2.flac"
    assert first.sound.read_bytes() == before


def test_where_nothing_can_be_written_nothing_stays(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be saved") as refused:
        save_clip(not_a_folder, _clip(), _blocks())
    assert "Name a folder" in refused.value.hint

    def full_disk() -> Iterator[Samples]:
        yield _blocks()[0]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UsageError, match="No space left"):
        save_clip(tmp_path / "full", _clip(), full_disk())
    assert list((tmp_path / "full").iterdir()) == []


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_a_disk_that_fills_up_is_said_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ClipFormat
) -> None:
    class SmallDisk(io.BytesIO):
        def write(self, content: Any) -> int:
            if self.tell() + len(content) > 20_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(content)

    monkeypatch.setattr(
        "callplayer.recordings.clip.private_file",
        lambda _path: contextlib.nullcontext(SmallDisk()),
    )
    noise = np.random.default_rng(1).integers(-9_000, 9_000, (48_000, 2), dtype=np.int16)
    with pytest.raises(UsageError, match="No space left"):
        save_clip(tmp_path, _clip(), [noise, noise], kind=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_whose_sidecar_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr("callplayer.recordings.clip.write_private", refuse)
    with pytest.raises(UsageError, match="quota"):
        save_clip(tmp_path, _clip(), _blocks())
    assert list(tmp_path.iterdir()) == []

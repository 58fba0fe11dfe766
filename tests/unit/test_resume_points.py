"""Where a call was left: private, only a position, and never in the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from callplayer.resume_points import (
    MAX_CALLS,
    keep_resume_ms,
    read_resume_ms,
)

INCIDENT = "3f2a91c0-77aa-4c1e"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "callplayer" / "resume_points.json"


def test_a_place_is_kept_privately_by_itself_and_can_be_forgotten(path: Path) -> None:
    assert read_resume_ms(path, INCIDENT) is None
    keep_resume_ms(path, INCIDENT, 83_000)
    keep_resume_ms(path, "other", 1_000)
    assert (read_resume_ms(path, INCIDENT), read_resume_ms(path, "other")) == (83_000, 1_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert INCIDENT not in path.read_text(), "it does not say which calls were heard"
    keep_resume_ms(path, INCIDENT, None)
    assert (read_resume_ms(path, INCIDENT), read_resume_ms(path, "other")) == (None, 1_000)


def test_a_call_that_was_never_left_writes_nothing(path: Path) -> None:
    keep_resume_ms(path, INCIDENT, None)
    assert not path.exists()


def test_only_the_calls_left_last_are_kept(path: Path) -> None:
    path.parent.mkdir()
    old = ",".join(f'"call{n}":{n}' for n in range(MAX_CALLS))
    path.write_text(f"{{{old}}}")
    keep_resume_ms(path, INCIDENT, 83_000)
    text = path.read_text()
    assert text.count(":") == MAX_CALLS
    assert '"call0"' not in text
    assert read_resume_ms(path, INCIDENT) == 83_000


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"null", b"[]", b'{"x": "y"}', b"[" * 9000])
def test_a_file_that_is_not_what_was_written_counts_as_empty(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert read_resume_ms(path, INCIDENT) is None
    keep_resume_ms(path, INCIDENT, 83_000)
    assert read_resume_ms(path, INCIDENT) == 83_000

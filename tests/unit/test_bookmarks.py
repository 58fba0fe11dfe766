"""Bookmarks: kept whole, kept private, never lost, and written so that others can read them."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer import bookmarks, paths
from callplayer.bookmarks import (
    Bookmark,
    BookmarkError,
    BookmarkStore,
    bookmarks_path,
    export,
    in_order,
    offset_text,
    read_bookmarks,
)

FIRST = Bookmark(position_ms=1_000, note="first", made_at="1")
SECOND = Bookmark(
    position_ms=83_400, clock="10:31:23 UTC", note="smoke", words="Caller: There is smoke"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bookmarks" / "i1.json"


def test_what_is_added_replaced_and_removed_is_there_for_the_next_player(path: Path) -> None:
    store = BookmarkStore("i1", path)
    store.add(SECOND)
    store.add(FIRST)
    assert read_bookmarks(path) == store.bookmarks == (FIRST, SECOND)
    noted = Bookmark(position_ms=1_000, note="changed", made_at="1")
    store.replace(FIRST, noted)
    store.remove(SECOND)
    again = BookmarkStore("i1", path)
    again.load()
    assert again.bookmarks == (noted,)


def test_two_players_of_one_call_keep_each_others_bookmarks(path: Path) -> None:
    one, other = BookmarkStore("i1", path), BookmarkStore("i1", path)
    one.add(FIRST)
    other.add(SECOND)
    assert read_bookmarks(path) == (FIRST, SECOND)


def test_file_and_folders_are_private(path: Path) -> None:
    BookmarkStore("i1", path).add(FIRST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["i1.json"]


def test_on_a_full_disk_nothing_is_lost_and_it_is_saved_with_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BookmarkStore("i1", path)
    store.add(FIRST)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(paths.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.add(SECOND)
    assert store.bookmarks == (FIRST, SECOND)
    assert read_bookmarks(path) == (FIRST,)
    assert [each.name for each in path.parent.iterdir()] == ["i1.json"]
    store.load()
    assert store.bookmarks == (FIRST, SECOND)
    third = Bookmark(position_ms=99_000)
    store.add(third)
    assert read_bookmarks(path) == store.bookmarks == (FIRST, SECOND, third)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"incident":1}', b"\xff", b"[" * 9000])
def test_a_file_that_is_not_what_was_written_is_reported_and_never_overwritten(
    content: bytes, path: Path
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store = BookmarkStore("i1", path)
    with pytest.raises(BookmarkError, match="holds no bookmarks"):
        store.load()
    with pytest.raises(BookmarkError):
        store.add(FIRST)
    assert path.read_bytes() == content
    assert store.bookmarks == (FIRST,)


def test_a_file_that_is_too_large_or_cannot_be_read_is_reported(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with path.open("wb") as stream:
        stream.truncate(bookmarks.MAX_BYTES + 1)
    with pytest.raises(BookmarkError, match="too large"):
        read_bookmarks(path)
    with pytest.raises(BookmarkError, match="directory"):
        read_bookmarks(path.parent)


@pytest.mark.parametrize("incident", ["../../etc/passwd", "", ".", "a/b", "x" * 300, "é", "\ud800"])
def test_an_id_of_the_network_names_no_file_of_its_own_choice(incident: str) -> None:
    path = bookmarks_path(incident)
    assert path.parent == bookmarks_path("i1").parent
    assert len(path.stem) == 64
    assert bookmarks_path("3f2a91c0-77aa").name == "3f2a91c0-77aa.json"


def test_markdown_has_offset_clock_note_and_words() -> None:
    assert export("i1", (FIRST, SECOND), "md") == (
        "# Bookmarks of i1\n\n"
        "- **0:00:01.0** first\n"
        "- **0:01:23.4** (10:31:23 UTC) smoke\n"
        "  > “Caller: There is smoke”\n"
    )


def test_csv_is_read_back_and_holds_no_formula() -> None:
    evil = Bookmark(position_ms=5_000, note='=HYPERLINK("http://x")', words="@sum, it, says")
    rows = list(csv.DictReader(io.StringIO(export("i1", (SECOND, evil), "csv"))))
    assert rows[0] == {
        "incident": "i1",
        "offset": "0:01:23.4",
        "position_ms": "83400",
        "clock": "10:31:23 UTC",
        "note": "smoke",
        "words": "Caller: There is smoke",
    }
    assert rows[1]["note"].startswith("'=")
    assert rows[1]["words"] == "'@sum, it, says"


TEXTS = st.text(max_size=80)
BOOKMARKS = st.builds(
    Bookmark,
    position_ms=st.integers(0, 10**8),
    clock=TEXTS,
    note=TEXTS,
    words=TEXTS,
    made_at=st.uuids().map(str),
)


@settings(deadline=None)
@given(st.lists(BOOKMARKS, max_size=8))
def test_json_is_what_was_kept_and_markdown_one_line_each(kept: list[Bookmark]) -> None:
    reported = json.loads(export("i1", kept, "json"))
    assert [each["note"] for each in reported["bookmarks"]] == [each.note for each in kept]
    lines = export("i1", kept, "md").splitlines()
    assert sum(line.startswith("- **") for line in lines) == len(kept)
    assert sum(line.startswith("  > “") for line in lines) == sum(bool(b.words) for b in kept)


@settings(deadline=None, max_examples=30)
@given(st.lists(BOOKMARKS, max_size=6))
def test_any_bookmarks_survive_being_kept(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Bookmark]
) -> None:
    path = tmp_path_factory.mktemp("kept") / "i1.json"
    store = BookmarkStore("i1", path)
    for each in kept:
        store.add(each)
    assert read_bookmarks(path) == in_order(kept) if kept else not path.exists()


def test_offsets_are_rounded_down() -> None:
    assert offset_text(3_723_999) == "1:02:03.9"

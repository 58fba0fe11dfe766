"""Bookmarks and citations on the screen."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC
from pathlib import Path

import pytest
from msgspec.structs import replace

from callplayer import paths
from callplayer.bookmarks import Bookmark, BookmarkStore, read_bookmarks
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.vendor.commands import Scrub
from tests.ui.scenes import SIZES, but
from tests.ui.scripted import FROZEN_S, INCIDENT, PLAYING, ScriptedEngine, screen_text
from tests.ui.talk import TALK


def scripted(folder: Path) -> tuple[PlayerApp, ScriptedEngine]:
    engine = ScriptedEngine(INCIDENT, PLAYING, *TALK)
    store = BookmarkStore("i1", folder / "kept" / "i1.json")
    likes = ScreenConfig(zone=UTC, store=store, citation_path=folder / "kept" / "citation.txt")
    return PlayerApp(engine, lambda: FROZEN_S, INCIDENT.id, likes), engine


async def test_a_bookmark_is_kept_at_once_with_time_and_words_and_the_key_again_notes(
    tmp_path: Path,
) -> None:
    app, _ = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("b")
        await pilot.pause()
        assert "Bookmark at 1:23.4" in screen_text(app)
        assert "▾" in screen_text(app) or "◆" in screen_text(app)
        (kept,) = read_bookmarks(tmp_path / "kept" / "i1.json")
        assert (kept.position_ms, kept.clock, kept.note) == (83_400, "10:31:23 UTC", "")
        assert kept.words.startswith("Caller: There is smoke")
        await pilot.press("b", *"[b]fire[/]", "enter")
        await pilot.pause()
    (kept,) = read_bookmarks(tmp_path / "kept" / "i1.json")
    assert kept.note == "[b]fire[/]"


async def test_bookmarks_are_there_again_listed_gone_to_changed_and_removed(tmp_path: Path) -> None:
    app, _ = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        for at_ms in (83_400, 98_000, 20_000):
            app.player.take(but(PLAYING, position_ms=at_ms, audible_ms=at_ms))
            app.player.control.view = replace(app.player.view, marked=None)
            await pilot.press("b")
    app, engine = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert screen_text(app).count("▾") >= 2
        other = BookmarkStore("i1", tmp_path / "kept" / "i1.json")
        other.load()
        other.add(Bookmark(position_ms=140_000))
        await pilot.press("v")
        await pilot.pause()
        assert "─ bookmarks 1 of 4" in screen_text(app)
        await pilot.press("end", "delete", "home")
        await pilot.pause()
        assert "─ bookmarks 1 of 3" in screen_text(app)
        assert "▸  1    0:20.0" in screen_text(app)
        await pilot.press("down", "down", "enter", "e", *"outside", "enter", "home", "delete")
        await pilot.pause()
        assert "─ bookmarks 1 of 2" in screen_text(app)
        assert "outside" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "─ bookmarks" not in screen_text(app)
        await pilot.press("n", "n", "N")
    assert engine.requests == [Scrub(98_000), Scrub(98_000), Scrub(98_000)]
    kept = read_bookmarks(tmp_path / "kept" / "i1.json")
    assert [(each.position_ms, each.note) for each in kept] == [(83_400, ""), (98_000, "outside")]


async def test_the_key_again_notes_what_was_just_set_and_nothing_else(tmp_path: Path) -> None:
    app, _ = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("b")
        app.player.take(but(PLAYING, position_ms=90_100, audible_ms=90_000))
        await pilot.press("b")
        await pilot.pause()
        assert "Bookmark at 1:30.0" in screen_text(app), "the cursor was moved in between"
        await pilot.press("v", "end", "delete")
        await pilot.pause()
        assert "The bookmark at 1:30.0 is removed." in screen_text(app)
        await pilot.press("b")
        await pilot.pause()
        assert "Note at" not in screen_text(app), "what it would note is gone"
        await pilot.press("b")
        await pilot.pause()
        assert "Note at 1:30.0" in screen_text(app)
    kept = read_bookmarks(tmp_path / "kept" / "i1.json")
    assert [each.position_ms for each in kept] == [83_400, 90_000]


async def test_in_the_open_list_n_goes_to_bookmarks_though_a_search_lasts(tmp_path: Path) -> None:
    app, engine = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        for at_ms in (20_000, 95_000, 98_000):
            app.player.take(but(PLAYING, position_ms=at_ms, audible_ms=at_ms))
            await pilot.press("b")
        app.player.take(PLAYING)
        await pilot.press("slash", *"smoke", "enter", "v")
        engine.requests.clear()
        await pilot.press("n")
        await pilot.pause()
        assert "▸  2    1:35.0" in screen_text(app)
        app.player.take(but(PLAYING, requested_ms=95_000))
        await pilot.press("n")
        await pilot.pause()
        assert "▸  3    1:38.0" in screen_text(app), "from where it was asked to go, not from here"
        app.player.take(but(PLAYING, requested_ms=98_000))
        await pilot.press("n")
        await pilot.pause()
        assert "There is no bookmark further on." in screen_text(app)
        await pilot.press("escape", "n")
    assert engine.requests == [Scrub(95_000), Scrub(98_000), Scrub(82_200)]


async def test_a_full_disk_is_reported_and_the_bookmark_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    app, _ = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        with monkeypatch.context() as patched:
            patched.setattr(paths.os, "fsync", full)
            await pilot.press("b")
            await pilot.pause()
            assert "Not saved yet: No space left on device." in screen_text(app)
        await pilot.press("v")
        await pilot.pause()
        assert "─ bookmarks 1" in screen_text(app)
        app.player.control.view = replace(app.player.view, marked=None)
        await pilot.press("escape", "b")
    assert len(read_bookmarks(tmp_path / "kept" / "i1.json")) == 2


async def test_a_file_of_bookmarks_that_cannot_be_read_is_reported_and_left(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "i1.json"
    path.parent.mkdir()
    path.write_text("not ours")
    app, _ = scripted(tmp_path)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        assert "holds no bookmarks" in screen_text(app)
        await pilot.press("b")
    assert path.read_text() == "not ours"


async def test_a_citation_goes_to_the_clipboard_and_into_a_private_file(tmp_path: Path) -> None:
    app, _ = scripted(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        await pilot.pause()
        assert "Copied for the clipboard" in screen_text(app)
        copied = app.clipboard
    assert copied == (
        f"Incident {INCIDENT.id}, 2026-01-15 10:31:23 UTC, 1:23.4 into the call. Caller: “There is"
        " smoke coming out of the kitchen and my father is still inside.”"
    )
    path = tmp_path / "kept" / "citation.txt"
    assert path.read_text() == copied + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_list_fits_every_size(size: str, tmp_path: Path) -> None:
    app, _ = scripted(tmp_path)
    async with app.run_test(size=SIZES[size]) as pilot:
        for place in range(30):
            at_ms = 3_000 * place
            app.player.take(but(PLAYING, position_ms=at_ms, audible_ms=at_ms))
            app.player.control.view = replace(app.player.view, marked=None)
            await pilot.press("b")
        await pilot.press("v", "end")
        await pilot.pause()
        text = screen_text(app)
        assert "─ bookmarks 30 of 30" in text
        assert "▸ 30    1:27.0" in text
        assert len(text.splitlines()) == SIZES[size][1]

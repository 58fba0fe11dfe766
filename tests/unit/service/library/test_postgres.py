"""What a library in PostgreSQL does beyond one on disk: news, a server that goes away, clocks."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.catalog import (
    CallEnded,
    Created,
    LibraryError,
    NewsMissed,
    Removed,
    WordsCame,
)
from callplayer.service.library import postgres as engine
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace, check_dsn
from callplayer.vendor.transcript import Word, word_at
from tests.rig.processes import soon

START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
END = datetime(2026, 3, 14, 2, 48, 9, tzinfo=UTC)


def recording(name: str) -> Recording:
    return Recording(
        id=name, path=Path(f"/x/{name}.wav"), parties=("call",), duration_s=60.0, created_at=START
    )


def word(text: str, offset_s: float) -> Word:
    made = word_at(START, offset_s, 0.2, text, "Caller")
    assert made is not None
    return made


def test_what_one_service_changes_the_other_publishes_at_once(postgres_place):
    reported = []
    with Library.open(postgres_place) as mine, Library.open(postgres_place) as other:
        other.subscribe(reported.append)
        added = recording("a")
        mine.add(added)
        live = mine.begin_live(IncidentFacts(), ("call",), Path("/x/live.wav"), START)
        long = tuple(word("much" * 50, number / 10) for number in range(100))  # no notice holds it
        mine.put_words(live.id, long)
        ended = mine.end_live(live.id, 60.0, END)
        mine.remove("a")

        def is_all_there() -> bool:
            other.take_news()
            return len(reported) >= 4

        assert soon(is_all_there)
        # What a notice is about is read when it comes: "a" is gone by then.
        assert reported == [
            Created(ended),
            WordsCame(live.id, long, is_own=False),
            CallEnded(ended),
            Removed("a"),
        ]
        other.look(0.0)
        assert len(reported) == 4


def test_a_change_that_is_undone_is_not_published(postgres_place):
    reported = []

    def refuse() -> None:
        raise OSError("the disk is full")

    with Library.open(postgres_place) as mine, Library.open(postgres_place) as other:
        other.subscribe(reported.append)
        with pytest.raises(OSError, match="full"):
            mine.add_all([(recording("a"), ())], before_commit=refuse)
        mine.add(recording("b"))

        def came() -> bool:
            other.take_news()
            return bool(reported)

        assert soon(came)
        assert reported == [Created(recording("b"))]
        assert other.get("a") is None


def test_a_server_that_goes_away_fails_each_request_and_is_found_again(postgres, postgres_place):
    reported = []
    with Library.open(postgres_place) as mine, Library.open(postgres_place) as other:
        mine.add(recording("a"))
        other.look(0.0)
        other.subscribe(reported.append)
        postgres.kill()
        for act in (lambda: mine.get("a"), lambda: mine.add(recording("b"))):
            with pytest.raises(LibraryError, match="does not answer"):
                act()
        began_s = time.monotonic()
        for _ in range(20):
            with pytest.raises(LibraryError):
                other.look(0.0)
        assert time.monotonic() - began_s < 2.0
        postgres.start()

        def answers() -> bool:
            try:
                return mine.get("a") is not None
            except LibraryError:
                return False

        assert soon(answers)
        assert mine.get("b") is None
        mine.add(recording("c"))

        def is_found() -> bool:  # although the notice came while nothing listened
            try:
                other.take_news()  # as a service does, ten times as often as it looks
                other.look(0.0)
            except LibraryError:
                return False
            return Created(recording("c")) in reported

        assert soon(is_found)
        assert reported == [NewsMissed(), Created(recording("c"))]


def test_no_text_that_postgresql_cannot_hold_is_an_id(postgres_place):
    with Library.open(postgres_place) as library:
        for text in ("a\0b", "a\ud800b"):
            assert library.get(text) is None
            assert library.clients.get(text) is None


def test_the_clock_of_the_database_counts_and_a_difference_is_reported(
    postgres_place, monkeypatch, caplog
):
    real = time.time
    monkeypatch.setattr(engine.time, "time", lambda: real() + 30.0)
    with caplog.at_level(logging.WARNING), Library.open(postgres_place) as library:
        assert abs(library.now_s() - real()) < 2.0
    assert "clock is 30 s ahead of the database's" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda dsn: dsn.replace("callplayer@", "nobody-here@"), "does not exist"),
        (lambda dsn: dsn + "-not", "does not exist"),
        (lambda dsn: dsn.replace("127.0.0.1", "127.0.0.1:1").rpartition(":")[0], "refused|cannot"),
        (lambda dsn: dsn + "?wrong=1", "understands"),
    ],
)
def test_a_wrong_name_is_a_clear_error(postgres_place, change, said):
    place = PostgresPlace(change(postgres_place.dsn), postgres_place.recordings)
    with pytest.raises((ServiceError, UsageError), match=said) as raised:
        Library.open(place)
    assert "\n" not in raised.value.what


@pytest.mark.parametrize(
    "dsn", ["postgresql://me:secret@host/db", "postgresql://host/db?password=secret"]
)
def test_a_name_that_holds_a_password_is_refused_without_showing_it(dsn):
    with pytest.raises(UsageError, match="password") as raised:
        check_dsn(dsn)
    assert "secret" not in raised.value.what + raised.value.hint


@pytest.mark.parametrize("dsn", ["postgresql://host", "postgresql://host/", "postgresql://[/db"])
def test_a_name_without_a_database_is_refused(dsn):
    with pytest.raises(UsageError, match="names no database"):
        check_dsn(dsn)

"""The library: what is put in comes out, also after a restart, and changes are published."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callplayer.errors import ServiceError
from callplayer.recordings.facts import CallerLocation, IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.catalog import CallEnded, Created, LibraryError, Removed, WordsCame
from callplayer.service.library.database import Database
from callplayer.service.library.engines import open_database
from callplayer.service.library.library import Library
from callplayer.service.library.schema import STEPS, migrate
from callplayer.vendor.transcript import Transcript, Word, word_at
from tests.rig.processes import soon

START = datetime(2026, 3, 14, 2, 47, 9, 123_456, tzinfo=UTC)


@pytest.fixture
def library(place) -> Iterator[Library]:
    with Library.open(place) as library:
        yield library


@contextlib.contextmanager
def made_by(place, steps: Sequence[str]) -> Iterator[Database]:
    """The database of a library whose callplayer knew these steps."""
    database, *_ = open_database(place, durable=False)
    with contextlib.closing(database):
        migrate(database, steps)
        yield database


def recording(name: str, *, hours: float = 0.0, **changes) -> Recording:
    facts = IncidentFacts("+15555550142", caller_location=CallerLocation(36.0, -125.5))
    reported = {"duration_s": 60.0, "created_at": START + timedelta(hours=hours), "facts": facts}
    parties = ("caller", "callTaker")
    return Recording(
        **{"id": name, "path": Path(f"/x/{name}.wav"), "parties": parties, **reported} | changes
    )


def word(text: str, offset_s: float, speaker: str = "Caller") -> Word:
    made = word_at(START, offset_s, 0.2, text, speaker)
    assert made is not None
    return made


def test_what_is_added_is_there_also_when_it_is_opened_again(tmp_path):
    kept = recording("a", path=tmp_path / "library" / "recordings" / "a.flac")
    elsewhere = recording("b", hours=1)
    words = (word("hello", 1.0), word("yes", 0.5, "CallTaker"))
    with Library.open(tmp_path / "library") as library:
        library.add(kept, words)
        library.add(elsewhere)
    (tmp_path / "library").rename(tmp_path / "moved")
    with Library.open(tmp_path / "moved") as library:
        assert library.get("b") == elsewhere
        found = library.get("a")
        assert found is not None
        assert found.path == tmp_path / "moved" / "recordings" / "a.flac"
        assert (found.facts, found.created_at) == (kept.facts, kept.created_at)
        assert library.words("a") == (words[1], words[0])
        assert library.words("b") == ()
        assert library.get("c") is None


def test_other_users_cannot_read_it(tmp_path):
    with Library.open(tmp_path / "library") as library:
        library.add(recording("a"))
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert len(modes) == 5  # the folder, its recordings, the database, -wal and -shm
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_one_id_is_one_incident(library):
    library.add(recording("a"))
    with pytest.raises(LibraryError):
        library.add(recording("a"), [word("late", 1.0)])
    assert library.words("a") == ()


def test_the_list_is_newest_first_paged_and_filtered(library):
    for number in range(205):
        library.add(recording(f"{number:03}", hours=number))
    library.add(recording("live", hours=-1, live_from_s=990.0))
    library.begin_live(IncidentFacts(), ("call",), Path("x"), START - timedelta(hours=2), "growing")
    pages = [library.list(page=page, now_s=1000.0) for page in (1, 2, 3, 4)]
    assert [len(page.recordings) for page in pages] == [100, 100, 7, 0]
    assert [page.next_page for page in pages] == [2, 3, None, None]
    ids = [each.id for page in pages for each in page.recordings]
    assert ids == [f"{number:03}" for number in reversed(range(205))] + ["live", "growing"]

    def ids_of(**filters) -> list[str]:
        return [each.id for each in library.list(**{"now_s": 1000.0, **filters}).recordings]

    assert ids_of(is_audio_live=True) == ["live", "growing"]
    assert ids_of(is_audio_live=True, now_s=1051.0) == ["growing"]
    assert "live" in ids_of(is_audio_live=False, now_s=1051.0, until=START)
    since, until = START + timedelta(hours=3), START + timedelta(hours=6)
    assert ids_of(since=since, until=until) == ["005", "004", "003"]
    assert ids_of(since=since, until=until, is_audio_live=True) == []


def test_a_live_call_begins_and_ends(library):
    reported = []
    library.subscribe(reported.append)
    begun = library.begin_live(IncidentFacts("+1"), ("call",), Path("/x/live.wav"), START)
    assert begun.is_live(0.0)
    assert library.get(begun.id) == begun
    ended_at = START + timedelta(seconds=61)
    ended = library.end_live(begun.id, 60.5, ended_at)
    assert not ended.is_live(0.0)
    assert (ended.duration_s, ended.ended_at, ended.path) == (60.5, ended_at, begun.path)
    assert library.get(begun.id) == ended
    assert reported == [Created(begun), CallEnded(ended)]


def test_changes_are_published_until_the_subscription_ends(tmp_path, library):
    reported = []
    leave = library.subscribe(reported.append)
    added = recording("a")
    library.add(added)
    library.put_words("a", [word("yes", 1.0)])
    library.remove("a")
    assert reported == [Created(added), WordsCame("a", (word("yes", 1.0),)), Removed("a")]
    leave()
    leave()
    library.add(added)
    assert len(reported) == 3


def test_what_is_removed_is_gone_with_its_words_and_its_sound(tmp_path, library, caplog):
    inside, outside = library.recordings_folder / "a.flac", tmp_path / "b.flac"
    for name, path in (("a", inside), ("b", outside)):
        path.write_bytes(b"sound")
        library.add(recording(name, path=path), [word("yes", 1.0)])
        library.remove(name)
        assert library.get(name) is None
        assert library.words(name) == ()
    assert not inside.exists()
    assert outside.exists()  # it was never ours
    inside.mkdir()  # as a disk that cannot be written refuses
    library.add(recording("a", path=inside))
    library.remove("a")
    assert f"{inside} stays until the next import" in caplog.text


@pytest.mark.parametrize("act", ["remove", "end_live", "put_words"])
def test_an_id_that_is_not_there_is_a_key_error(act, library):
    reported = []
    library.subscribe(reported.append)
    arguments = {"end_live": (1.0, START), "put_words": ([word("x", 1.0)],)}
    with pytest.raises(KeyError):
        getattr(library, act)("none", *arguments.get(act, ()))
    assert reported == []


messages = st.lists(
    st.tuples(
        st.sampled_from(["Caller", "CallTaker"]),
        st.lists(st.integers(0, 20), min_size=1, max_size=5),
    ),
    max_size=12,
)


def test_what_another_process_adds_is_published_at_the_next_look(place):
    reported = []
    with Library.open(place) as library, Library.open(place) as other:
        library.subscribe(reported.append)
        library.add(recording("own"))
        other.add(recording("theirs"))
        library.add(recording("own too"))
        assert [change.recording.id for change in reported[:2]] == ["own", "own too"]

        def is_reported() -> bool:
            library.look(0.0)
            return len(reported) > 2

        assert soon(is_reported)
        assert [change.recording.id for change in reported[2:]] == ["theirs"]
        library.look(0.0)
        assert len(reported) == 3


def test_a_recording_played_as_if_live_ends_once(library):
    reported = []
    played = recording("a", live_from_s=1000.0)
    library.add(played)
    library.subscribe(reported.append)
    library.look(1059.0)
    assert reported == []
    library.look(1060.0)
    library.look(1061.0)
    assert reported == [CallEnded(played)]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages)
def test_words_replace_as_the_contract_says(library, reported):
    if library.get("a") is not None:
        library.remove("a")
    library.add(recording("a"))
    expected = Transcript()
    for number, (speaker, offsets) in enumerate(reported):
        message = [word(f"{number}-{place}", place / 4, speaker) for place in sorted(offsets)]
        library.put_words("a", message)
        expected = expected.apply(message)
    assert sorted(map(repr, library.words("a"))) == sorted(map(repr, expected.in_order()))


def test_a_library_of_a_newer_version_is_left_alone(place):
    with made_by(place, STEPS) as database:
        database.set_version(len(STEPS) + 1)
    with pytest.raises(ServiceError, match="newer"):
        Library.open(place)


@pytest.mark.parametrize("steps", range(1, len(STEPS)))
def test_an_older_library_is_brought_up_to_date(place, steps):
    with made_by(place, STEPS[:steps]) as database:
        Library(database, None).add(recording("a"), [word("hello", 1.0)])
    for _ in range(2):
        with Library.open(place) as library:
            assert library.get("a") == recording("a")
            assert [each.word for each in library.words("a")] == ["hello"]
            assert library.clients.rows() == []
            assert library.count() == (1, 0)


def test_a_library_that_kept_webhooks_keeps_them_no_more(tmp_path):
    with made_by(tmp_path, (*STEPS[:3], "CREATE TABLE webhooks (number INTEGER) STRICT")):
        pass
    with Library.open(tmp_path) as library:
        library.add(recording("a"))
    with contextlib.closing(sqlite3.connect(tmp_path / "library.sqlite3")) as database:
        assert not database.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = 'webhooks'"
        ).fetchall()


def test_a_step_that_fails_leaves_the_version_before_it(place):
    Library.open(place).close()
    broken = (*STEPS, "CREATE TABLE more (x TEXT);\nCREATE TABLE words (x TEXT)")
    with pytest.raises(LibraryError, match=r'words"? already exists'), made_by(place, broken):
        pass
    with made_by(place, STEPS) as database:  # and today's version goes on with it
        Library(database, None).add(recording("a"))
        with pytest.raises(LibraryError):
            database.execute("SELECT x FROM more")


def test_a_full_disk_is_said_as_such(tmp_path):
    with Library.open(tmp_path / "library") as library:
        library._db.execute("PRAGMA max_page_count = 30")
        many = [(recording(f"{number}-" + "x" * 500), ()) for number in range(2_000)]
        library.add_all(many[:1])
        with pytest.raises(LibraryError, match="full"):
            library.add_all(many[1:])
        assert library.get(f"0-{'x' * 500}") is not None


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ServiceError, match="cannot be opened"):
        Library.open(tmp_path / "file")

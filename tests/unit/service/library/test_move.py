"""A library goes to PostgreSQL and back with all that is in it, or does not go at all."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

import pytest

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.clients import digest
from callplayer.service.library import folder
from callplayer.service.library.library import Library
from callplayer.service.library.move import move
from callplayer.vendor.transcript import word_at

START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
WORD = word_at(START, 1.0, 0.2, "help", "Caller")


@pytest.fixture
def filled(tmp_path):
    """A library in a folder with sound of its own, sound from elsewhere, words and a client."""
    place = tmp_path / "filled"
    with Library.open(place, durable=True) as library:
        inside, outside = place / "recordings" / "a.flac", tmp_path / "b.flac"
        for name, path in (("a", inside), ("b", outside)):
            path.write_bytes(name.encode())
            facts = IncidentFacts("+15555550142")
            entry = Recording(name, path, ("call",), 60.0, START, facts=facts)
            library.add(entry, [WORD] if name == "a" else [])
        library.clients.add("desk", may_listen=False)
        library.clients.rotate("desk", grace_s=3600.0)
    return place


def sound(recording, library):
    if not recording.bucket:
        return recording.path.read_bytes()
    with tempfile.TemporaryFile() as file:
        library.bucket.read_into(recording.path.name, file.fileno())
        file.seek(0)
        return file.read()


def contents(place):
    with Library.open(place) as library:
        recordings = library.list().recordings
        return (
            [(each.id, sound(each, library), each.facts) for each in recordings],
            [library.words(each.id) for each in recordings],
            library.clients.rows(),
        )


@pytest.mark.parametrize("there", ["postgres_place", "bucket_place"])
def test_it_goes_there_and_back(tmp_path, filled, there, request):
    other = request.getfixturevalue(there)
    assert move(filled, other) == 2
    assert contents(other) == contents(filled)
    back = tmp_path / "back"
    assert move(other, back) == 2
    assert contents(back) == contents(filled)
    with Library.open(back) as library:
        assert library.get("a").path == back / "recordings" / "a.flac"
        assert library.get("b").path == tmp_path / "b.flac"


def test_a_secret_is_good_in_the_new_library(tmp_path, postgres_place):
    with Library.open(tmp_path / "old") as library:
        secret = library.clients.add("desk").reveal()
    move(tmp_path / "old", postgres_place)
    with Library.open(postgres_place) as library:
        assert library.clients.good_hashes("desk") == (digest(secret),)


@pytest.mark.parametrize("there", ["postgres_place", "bucket_place"])
def test_what_breaks_off_leaves_nothing(filled, there, request):
    place = request.getfixturevalue(there)
    (filled / "recordings" / "a.flac").unlink()
    with pytest.raises(ServiceError, match=r"a\.flac cannot be copied"):
        move(filled, place)
    with Library.open(place) as library:
        assert library.count() == (0, 0)
        assert library.clients.rows() == []
    assert list(place.folder.iterdir()) == []


def test_it_is_refused_where_something_could_be_lost(tmp_path, filled, postgres_place):
    move(filled, postgres_place)
    with pytest.raises(UsageError, match="not empty"):
        move(filled, postgres_place)
    with pytest.raises(ServiceError, match="Another service"), folder.serving(filled):
        move(filled, tmp_path / "new")
    with Library.open(filled) as library:
        library.begin_live(IncidentFacts(), ("call",), tmp_path / "live.wav", START)
    with pytest.raises(UsageError, match="is live"):
        move(filled, tmp_path / "new")

"""What concerns the library is tested against SQLite and a real PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callplayer.service.library.place import LibraryPlace, PostgresPlace
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.versitygw import S3Server, s3_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_place(postgres: PostgresServer, tmp_path: Path) -> PostgresPlace:
    """A new and empty library in PostgreSQL."""
    return PostgresPlace(postgres.new_database(), tmp_path / "shared")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket_place(
    postgres: PostgresServer, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PostgresPlace:
    """A new and empty library in PostgreSQL, with its sound in a bucket."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    dsn = postgres.new_database()
    name = dsn.rpartition("/")[2]
    s3.bucket(name)
    return PostgresPlace(dsn, f"s3://{name}/calls")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LibraryPlace:
    """A new and empty library of each kind."""
    if request.param == "sqlite":
        return tmp_path / "library"
    return request.getfixturevalue("postgres_place")

"""Which engine keeps a library, and where the sound is beside it."""

from __future__ import annotations

from pathlib import Path

from callplayer.errors import ServiceError
from callplayer.service.library import folder as library_folder
from callplayer.service.library.database import Database, SqliteDatabase
from callplayer.service.library.place import LibraryPlace, PostgresPlace


def open_database(place: LibraryPlace | None, *, durable: bool) -> tuple[Database, Path | None]:
    """Return the database at `place`, and the folder of the sound; None: both in memory.

    Raise OSError, LibraryError, or ServiceError if it cannot be opened.
    """
    if place is None:
        return SqliteDatabase(None), None
    if isinstance(place, PostgresPlace):
        try:
            from callplayer.service.library.postgres import PostgresDatabase
        except ImportError:
            raise ServiceError(
                "A library in PostgreSQL needs a package that is not installed: psycopg.",
                "Run: pip install 'callplayer[cluster]' (from a clone: pip install '.[cluster]')",
            ) from None

        place.recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
        return PostgresDatabase(place), place.recordings
    library_folder.make(place)
    database = SqliteDatabase(place / library_folder.DATABASE, durable=durable)
    return database, place / library_folder.RECORDINGS

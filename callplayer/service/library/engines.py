"""Which engine keeps a library, and where the sound is beside it."""

from __future__ import annotations

from pathlib import Path

from callplayer.errors import ServiceError
from callplayer.paths import make_private_folder
from callplayer.recordings.bucket import Bucket
from callplayer.service.library import folder as library_folder
from callplayer.service.library.database import Database, SqliteDatabase
from callplayer.service.library.place import LibraryPlace, PostgresPlace


def open_database(
    place: LibraryPlace | None, *, durable: bool
) -> tuple[Database, Path | None, Bucket | None]:
    """Return the database at `place`, and folder and bucket of the sound; None: all in memory.

    Raise OSError, LibraryError, or ServiceError if it cannot be opened.
    """
    if place is None:
        return SqliteDatabase(None), None, None
    if isinstance(place, PostgresPlace):
        try:
            from callplayer.service.library.postgres import PostgresDatabase
        except ImportError:
            raise ServiceError(
                "A library in PostgreSQL needs a package that is not installed: psycopg.",
                "Run: pip install 'callplayer[cluster]' (from a clone: pip install '.[cluster]')",
            ) from None

        bucket = Bucket(place.recordings) if isinstance(place.recordings, str) else None
        make_private_folder(place.folder)
        return PostgresDatabase(place), place.folder, bucket
    library_folder.make(place)
    database = SqliteDatabase(place / library_folder.DATABASE, durable=durable)
    return database, place / library_folder.RECORDINGS, None

"""Where a library is: in a folder, or in PostgreSQL with its sound elsewhere. Imports little."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from callplayer.errors import UsageError
from callplayer.paths import data_path

SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True)
class PostgresPlace:
    """A library in PostgreSQL: `dsn` names the database.

    `recordings` is the folder of the sound, or a bucket's address, which all services reach.
    """

    dsn: str
    recordings: Path | str

    @property
    def folder(self) -> Path:
        """The folder of what is being written: with a bucket one of this machine's own."""
        if isinstance(self.recordings, Path):
            return self.recordings
        name = f"{self.dsn} {self.recordings}".encode()
        return data_path() / "unsent" / hashlib.sha256(name).hexdigest()[:16]

    def __str__(self) -> str:
        """Return what may be shown of it: the server and the database."""
        parts = urlsplit(self.dsn)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


LibraryPlace = Path | PostgresPlace


def is_postgres(text: str) -> bool:
    """Return whether a library's name is that of a database."""
    return text.startswith(SCHEMES)


def check_dsn(text: str) -> str:
    """Return a name of a database; raise UsageError if it is none, or holds a password."""
    try:
        parts = urlsplit(text)
        has_password = parts.password is not None or "password" in dict(parse_qsl(parts.query))
        is_name = re.fullmatch(r"/[^/]+", parts.path) is not None
    except ValueError:
        has_password = is_name = False
    if has_password:
        raise UsageError(
            "The name of the database holds a password, which others on this machine can read.",
            "Leave it out; put it in ~/.pgpass, or in PGPASSWORD.",
        )
    if not is_name:
        raise UsageError(
            "--library names no database.",
            "Write it as postgresql://USER@HOST/DATABASE, or give a folder.",
        )
    return text

"""A real PostgreSQL of the tests' own, in a temporary folder, on loopback.

PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.rig.anycable import free_port
from tests.rig.processes import end, soon

_numbers = itertools.count()


class PostgresServer:
    """A server that is killed, started again, and asked for databases. `start` it first."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(folder, "nobody")
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._run("initdb", "-D", str(self._data), "-U", "callplayer", "--auth=trust", "--no-sync")

    def dsn(self, database: str) -> str:
        """Return how a database is named."""
        return f"postgresql://callplayer@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it; return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                 "-c", "fsync=off", "-c", "shared_buffers=16MB"],
                stdout=log, stderr=log, env={"LC_ALL": "C.UTF-8"}, cwd="/", **self._user,
            )  # fmt: skip
        if not soon(self._answers):
            raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """End it at once, as a power cut would for those who are connected."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            end(self._process)

    def new_database(self) -> str:
        """Make an empty database; return how it is named."""
        name = f"library{next(_numbers)}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")  # type: ignore[arg-type]
        return self.dsn(name)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"}, cwd="/", **self._user,
        )  # fmt: skip


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Give a server that runs."""
    with tempfile.TemporaryDirectory(prefix="callplayer-postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.close()

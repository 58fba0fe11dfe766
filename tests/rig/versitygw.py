"""A real S3 server, versitygw, over a temporary folder on loopback."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.rig.anycable import free_port
from tests.rig.go_program import go_program
from tests.rig.processes import soon

VERSION = "1.8.0"
PROGRAM = "github.com/versity/versitygw/cmd/versitygw"


def versitygw_server() -> Path:
    """Return the server's program, built now if it is not there: that takes minutes."""
    return go_program(PROGRAM, VERSION)


class S3Server:
    """A server that is killed, started again, and looked into: a bucket is a folder of `root`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "buckets"
        self._facts = folder / "facts"
        for each in (self.root, self._facts):
            each.mkdir()
        self.port = free_port()
        self._log = folder / "versitygw.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(24),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it; return when it answers."""
        keys = {
            "ROOT_ACCESS_KEY": self.environment["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(versitygw_server()), "--port", f"127.0.0.1:{self.port}",
                 "posix", "--sidecar", str(self._facts), str(self.root)],
                env=os.environ | keys, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        if not soon(self._answers):
            raise RuntimeError(f"versitygw did not start: {self._log.read_text()}")

    def bucket(self, name: str) -> Path:
        """Make a bucket; return its folder."""
        folder = self.root / name
        folder.mkdir()
        return folder

    def kill(self) -> None:
        """End it at once, as a crash does: asked to, it waits for connections that are kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Have it stand still, as a server that hangs does."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it run again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            httpx.get(self.environment["AWS_ENDPOINT_URL"], timeout=2.0)
        except httpx.HTTPError:
            return False
        return True


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """Give a server that runs."""
    with tempfile.TemporaryDirectory(prefix="callplayer-s3-") as folder:
        server = S3Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()

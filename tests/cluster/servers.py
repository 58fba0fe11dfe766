"""The servers of the page "Two machines", started on loopback with the files that stand there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.documents import ROOT
from tests.rig.processes import end, soon

PAGE = ROOT / "docs" / "two-machines.md"
START_S = 10.0


def file_of_page(kind: str, places: Mapping[str, str]) -> str:
    """Return the file that stands under this name in the page, with other addresses."""
    (text,) = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for there, here in places.items():
        if there not in text:
            raise LookupError(f"{kind} of the page has no {there}")
        text = text.replace(there, here)
    return str(text)


class Server:
    """A program that listens on a port of loopback: killed, started again, ended."""

    def __init__(
        self,
        argv: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._argv, self._port, self._log = argv, port, log
        self._environment = os.environ | dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._argv, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if not soon(self._listens, START_S):
            raise RuntimeError(f"{self._argv[0]} does not come up: {self._log.read_text()}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it, if it runs."""
        if self.process is not None:
            end(self.process)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1.0).close()
        except OSError:
            return False
        return True

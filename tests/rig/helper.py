"""Programs of the rig's own: they take lines of JSON on stdin and answer in lines on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Helper:
    """A program of the rig that takes and answers lines of JSON, and ends with its stdin.

    `ready` is the line with which it said that it is.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ready = self.listen()

    def talk(self, line: dict[str, Any]) -> dict[Any, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return self.listen()

    def listen(self) -> dict[Any, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} has ended by itself")
        reported: dict[Any, Any] = json.loads(line)
        return reported


@contextlib.contextmanager
def helper(argv: list[str], **environment: str) -> Iterator[Helper]:
    """Run a program of the rig for as long as the block lasts, from when it says it is ready."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )
    try:
        yield Helper(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

"""A log that nobody can flood: one line a kind a second, and how many more there were."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Hashable
from pathlib import Path

EVERY_S = 1.0
MOST_KINDS = 500
MOST_BYTES = 10_000_000


def put_aside(path: Path) -> None:
    """Begin a log anew that has grown too long; what it held is kept as `….1`, until the next time.

    A program that has it open writes on into that.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > MOST_BYTES:
            os.replace(path, path.with_name(f"{path.name}.1"))


class OnceASecond(logging.Filter):
    """Lets one record of a kind through in EVERY_S; the next one tells how many were left out.

    Records of one kind have the same logger and the same text before their values are put in;
    `clock` gives s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[Hashable, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is to be written; add to its text how many were not."""
        kind, now_s = _kind_of(record), self._clock()
        told_s, left_out = self._told.get(kind, (float("-inf"), 0))
        if now_s - told_s < EVERY_S:
            self._told[kind] = (told_s, left_out + 1)
            return False
        if len(self._told) >= MOST_KINDS:
            self._told.clear()
        self._told[kind] = (now_s, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it)", ()
        return True


def _kind_of(record: logging.LogRecord) -> Hashable:
    # The SDK's native lines share one text: what tells them apart is where they come from.
    args = record.args
    place = args[:2] if isinstance(args, tuple) and record.name.startswith("livekit") else ()
    return record.name, record.levelno, record.msg, *map(str, place)

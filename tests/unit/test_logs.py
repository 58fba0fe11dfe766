"""A log that cannot be flooded."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from callplayer.logs import MOST_BYTES, MOST_KINDS, OnceASecond, put_aside


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.lines: list[str] = []
        self.once = OnceASecond(lambda: self.now_s)
        self.addFilter(self.once)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def log(self, text: str, *values: Any, name: str = "callplayer.x") -> None:
        self.handle(logging.LogRecord(name, logging.INFO, "", 0, text, values, None))


def test_of_one_kind_one_line_a_second_is_written_and_the_rest_counted() -> None:
    log = Kept()
    for number in range(1000):
        log.log("ignored: %s", number)
    log.log("another kind")
    log.now_s += 0.9
    log.log("ignored: %s", "still the same second")
    log.now_s += 0.2
    log.log("ignored: %s", "later")
    log.now_s += 5.0
    log.log("ignored: %s", "last")
    assert log.lines == [
        "ignored: 0",
        "another kind",
        "ignored: later (1000 more like it)",
        "ignored: last",
    ]


def test_lines_of_the_sdk_differ_by_where_they_come_from() -> None:
    log = Kept()
    for line in (12, 13, 12):
        log.log("%s:%s:%s - %s", "livekit::rtc", line, "mod", "text", name="livekit")
    assert len(log.lines) == 2


def test_it_remembers_so_many_kinds_only() -> None:
    log = Kept()
    for number in range(3 * MOST_KINDS):
        log.log(f"kind {number}")
    assert len(log.lines) == 3 * MOST_KINDS
    log.log("kind 0")
    assert log.lines[3 * MOST_KINDS :] == ["kind 0"], "it is not remembered"
    log.log("kind 0")
    assert len(log.lines) == 3 * MOST_KINDS + 1


def test_a_log_that_has_grown_too_long_is_put_aside(tmp_path: Path) -> None:
    log, aside = tmp_path / "callplayer.log", tmp_path / "callplayer.log.1"
    put_aside(log)
    log.write_bytes(b"x" * MOST_BYTES)
    put_aside(log)
    assert not aside.exists()
    log.write_bytes(b"y" * (MOST_BYTES + 1))
    log.chmod(0o600)
    put_aside(log)
    assert not log.exists()
    assert aside.stat().st_size == MOST_BYTES + 1
    assert aside.stat().st_mode & 0o777 == 0o600

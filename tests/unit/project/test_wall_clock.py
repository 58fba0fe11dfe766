"""The wall clock can jump: nothing that moves goes by it."""

from __future__ import annotations

import ast
from pathlib import Path

import callplayer

PACKAGE = Path(callplayer.__file__).parent
CALLS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"),
         ("datetime", "today"), ("date", "today")}  # fmt: skip
ALLOWED = {
    "vendor/answers.py": "a Retry-After that is a date; the wait is capped (retry.LONGEST_ASKED_S)",
    "engine/transcript/subscription.py": "the same, when a cable asks for patience",
    "engine/session/connection.py": "since when a stream is waited for: shown, never reckoned with",
    "engine/room/room.py": "when a packet came; only its phase counts, inside one packet",
    "ui/screens/picker.py": "how long ago an incident was made, to a second: shown only",
    "ui/actions/control.py": "when a bookmark was made: shown, never reckoned with",
}


def reads_of_the_wall_clock(source: str) -> int:
    return sum(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CALLS
        for node in ast.walk(ast.parse(source))
    )


def test_the_player_reads_the_wall_clock_only_where_a_jump_does_no_harm() -> None:
    reading = {
        str(path.relative_to(PACKAGE))
        for part in ("engine", "ipc", "ui", "vendor")
        for path in (PACKAGE / part).rglob("*.py")
        if reads_of_the_wall_clock(path.read_text())
    }
    assert reading == set(ALLOWED)


def test_a_read_of_the_wall_clock_is_seen() -> None:
    assert reads_of_the_wall_clock("import time\nnow = time.time\n") == 1
    assert reads_of_the_wall_clock("import time\nnow = time.monotonic()\n") == 0

"""Calls that play through it, and what becomes of them when a part is killed.

Each is the real player, headless and without a sound device. What is lost is read from its cursor,
which `tests.faults` holds against recorded sound.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import Event, HeadlessEngine, soon

AFTER_S = 2.0
BACK_S = 60.0
LATE_NOTICE_S = 3.0
"""A fault that no call has noticed for so long is one that none notices."""


@dataclass(frozen=True)
class Outcome:
    """One line of the table; times in s from the fault on. None: no call broke off.

    `off_ms` is the worst: over 0 was never heard, under 0 was heard twice. `back` calls of `calls`
    play at the end.
    """

    row: str
    calls: int
    broke_off: int
    back: int
    noticed_s: float | None
    again_s: float | None
    off_ms: float | None
    said: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its line."""
        lost = "nothing" if self.off_ms is None else f"{self.off_ms / 1000:+.1f} s"
        return (
            self.row,
            f"{self.broke_off} of {self.calls}",
            "" if self.noticed_s is None else f"{self.noticed_s:.1f} s",
            "plays on" if self.again_s is None else f"{self.again_s:.1f} s",
            lost,
            "; ".join(self.said),
            f"{self.back} of {self.calls}",
        )


class Calls:
    """Players of one incident, all at once."""

    def __init__(self, home: Path, environment: dict[str, str], incident: str, count: int) -> None:
        self._engines: list[HeadlessEngine] = []
        for number in range(count):
            folder = home / f"player-{number}"
            folder.mkdir()
            self._engines.append(HeadlessEngine(folder, environment, incident, "--no-audio"))

    def wait_playing(self, timeout_s: float = 60.0) -> None:
        """Return when all of them play."""
        for engine in self._engines:
            engine.wait_for(_plays, timeout_s)

    def close(self) -> None:
        """End them."""
        for engine in self._engines:
            if engine.process.poll() is None:
                engine.process.terminate()
        for engine in self._engines:
            engine.finish(20.0)

    def through(self, row: str, fault: Callable[[], None]) -> Outcome:
        """Have a fault happen; return what became of the calls. `fault` returns when it is over."""
        from_s = time.monotonic()
        fault()
        time.sleep(max(from_s + LATE_NOTICE_S - time.monotonic(), 0.0))
        soon(lambda: all(_plays(engine.last("state")) for engine in self._engines), BACK_S)
        time.sleep(AFTER_S)
        breaks = [each for each in (_break(engine, from_s) for engine in self._engines) if each]
        said = [text for each in breaks for text in each.said]
        offs_ms = [each.off_ms for each in breaks if each.off_ms is not None]
        again_s = [each.again_s for each in breaks if each.again_s is not None]
        return Outcome(
            row,
            len(self._engines),
            len(breaks),
            sum(_plays(engine.last("state")) for engine in self._engines),
            max((each.noticed_s for each in breaks), default=None),
            max(again_s, default=None),
            max(offs_ms, key=abs, default=None),
            tuple(dict.fromkeys(said)),
        )


@dataclass(frozen=True)
class _Break:
    noticed_s: float
    again_s: float | None
    off_ms: float | None
    said: tuple[str, ...]


def _plays(event: Event) -> bool:
    return bool(
        event["event"] == "state"
        and event["phase"] == "playing"
        and event["advancing"]
        and not event["detail"]
    )


def _break(engine: HeadlessEngine, from_s: float) -> _Break | None:
    """Return how one call broke off and went on since then; None if it played on."""
    states = [
        (at_s, e) for at_s, e in list(engine.events) if e["event"] == "state" and at_s >= from_s
    ]
    gone = next((n for n, (_, e) in enumerate(states) if not _plays(e)), None)
    if gone is None:
        return None
    back = next((n for n in range(gone, len(states)) if _plays(states[n][1])), None)
    said = tuple(dict.fromkeys(e["detail"] for _, e in states[gone:back] if e["detail"]))
    noticed_s = states[gone][0] - from_s
    if back is None:
        return _Break(noticed_s, None, None, said)
    stood_ms = states[gone][1]["audible_ms"]
    off_ms = states[back][1]["audible_ms"] - stood_ms
    return _Break(noticed_s, states[back][0] - from_s, off_ms, said)

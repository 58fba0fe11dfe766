"""Calls that play through it, and what becomes of them when a part is killed.

The first are real players, headless and without a sound device. What is lost is read from their
cursors, which `tests.faults` holds against recorded sound. A player takes a good part of a core:
calls beyond `PLAYERS` have a listener of `tests.cluster.listeners` each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.rig.documents import ROOT
from tests.rig.processes import Event, HeadlessEngine, clean_environment, end, soon

PLAYERS = 2

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


class _Call(Protocol):
    """What shows how one call goes: its states, each dated on arrival."""

    events: list[tuple[float, Event]]

    def last(self, kind: str) -> Event:
        """Return the latest event of a kind."""


class _Listener:
    """A call of the process of listeners."""

    def __init__(self) -> None:
        self.events: list[tuple[float, Event]] = []

    def last(self, kind: str) -> Event:
        """Return the latest state; there is no other kind."""
        return self.events[-1][1] if self.events else {"event": "none"}


class _Listeners:
    """The process of listeners."""

    def __init__(self, home: Path, environment: dict[str, str], incident: str, count: int) -> None:
        self.calls = [_Listener() for _ in range(count)]
        with (home / "listeners.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.listeners", incident, str(count)],
                env=clean_environment(home) | environment | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End it."""
        end(self._process)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                number, event = json.loads(line)
                self.calls[number].events.append((time.monotonic(), event))


class Calls:
    """Calls of one incident, all at once."""

    def __init__(self, home: Path, environment: dict[str, str], incident: str, count: int) -> None:
        self._engines: list[HeadlessEngine] = []
        for number in range(min(count, PLAYERS)):
            folder = home / f"player-{number}"
            folder.mkdir()
            self._engines.append(HeadlessEngine(folder, environment, incident, "--no-audio"))
        self._listeners = _Listeners(home, environment, incident, max(count - PLAYERS, 0))
        self._calls: list[_Call] = [*self._engines, *self._listeners.calls]

    def wait_playing(self, timeout_s: float = 60.0) -> None:
        """Return when all of them play."""
        for engine in self._engines:
            engine.wait_for(_plays, timeout_s)
        if not soon(self._all_play, timeout_s):
            raise AssertionError(f"{sum(map(self._is_playing, self._calls))} calls play")

    def close(self) -> None:
        """End them."""
        self._listeners.close()
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
        soon(self._all_play, BACK_S)
        time.sleep(AFTER_S)
        breaks = [each for each in (_break(call, from_s) for call in self._calls) if each]
        said = [text for each in breaks for text in each.said]
        offs_ms = [each.off_ms for each in breaks if each.off_ms is not None]
        again_s = [each.again_s for each in breaks if each.again_s is not None]
        return Outcome(
            row,
            len(self._calls),
            len(breaks),
            sum(map(self._is_playing, self._calls)),
            max((each.noticed_s for each in breaks), default=None),
            max(again_s, default=None),
            max(offs_ms, key=abs, default=None),
            tuple(dict.fromkeys(said)),
        )

    def _all_play(self) -> bool:
        return all(map(self._is_playing, self._calls))

    @staticmethod
    def _is_playing(call: _Call) -> bool:
        return _plays(call.last("state"))


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


def _break(call: _Call, from_s: float) -> _Break | None:
    """Return how one call broke off and went on since then; None if it played on."""
    states = [
        (at_s, e) for at_s, e in list(call.events) if e["event"] == "state" and at_s >= from_s
    ]
    gone = next((n for n, (_, e) in enumerate(states) if not _plays(e)), None)
    if gone is None:
        return None
    back = next((n for n in range(gone, len(states)) if _plays(states[n][1])), None)
    said = tuple(dict.fromkeys(e["detail"] for _, e in states[gone:back] if e["detail"]))
    noticed_s = states[gone][0] - from_s
    if back is None:
        return _Break(noticed_s, None, None, said)
    stood_ms, at_ms = states[gone][1]["audible_ms"], states[back][1]["audible_ms"]
    off_ms = None if stood_ms is None else at_ms - stood_ms
    return _Break(noticed_s, states[back][0] - from_s, off_ms, said)

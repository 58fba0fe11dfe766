"""Quits under load: a player that plays is asked to quit while all cores are busy.

What must hold each time: exit code 0, `bye` as the last line, no line cut off, and a screen's
terminal as it was before.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.rig.processes import CALLPLAYER, HeadlessEngine, clean_environment
from tests.rig.pulse import Sink
from tests.rig.recorded import RecordedTerminal
from tests.vendors.rig import Rig
from tests.vendors.variant import Variant

AT_ONCE = 3
"""So many sessions run at the same time: a quit meets the starts and the sound of others."""

BURNERS = 2
SCREEN_EVERY = 10
"""The first session of so many is one with a screen."""

LONGEST_WAIT_S = 0.6
START_S = 60.0
STARTS = 2
QUIT_S = 30.0
LEAVES_ALTERNATE_SCREEN = b"\x1b[?1049l"
SHOWS_CURSOR = b"\x1b[?25h"


@contextlib.contextmanager
def busy_cores(processes: int = BURNERS) -> Iterator[None]:
    """Keep all cores busy with `processes` that compute."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def quit_under_load(rig: Rig, sink: Sink, count: int, seed: int = 0) -> list[str]:
    """Run `count` sessions to their quit; return what was wrong, one text a session that was."""
    rig.become(Variant())
    with busy_cores(), ThreadPoolExecutor(AT_ONCE) as sessions:
        outcomes = sessions.map(lambda number: _tried(rig, sink, number, seed), range(count))
        return [f"session {number}: {wrong}" for number, wrong in enumerate(outcomes) if wrong]


def _tried(rig: Rig, sink: Sink, number: int, seed: int) -> str:
    """Run a session; one that does not come to play, so that it cannot quit, is run once more."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(AssertionError):
            return _session(rig, sink, number, seed)
    try:
        return _session(rig, sink, number, seed)
    except AssertionError:
        return "it never came to play"


def _session(rig: Rig, sink: Sink, number: int, seed: int) -> str:
    wait_s = random.Random(seed + number).uniform(0.0, LONGEST_WAIT_S)
    if number % SCREEN_EVERY == 0:
        return _screen_session(rig, sink, wait_s)
    engine = HeadlessEngine(rig.home, rig.environment | sink.environment, rig.incident)
    try:
        engine.wait_state(timeout_s=START_S, phase="playing")
        time.sleep(wait_s)
        engine.send(cmd="quit")
    finally:
        code = engine.finish(QUIT_S)
    reported = [event for _, event in engine.events]
    if code != 0:
        return f"exit code {code}, after {reported[-2:]}"
    if reported[-2] != {"event": "bye", "exit_code": 0}:
        return f"the last line is {reported[-2]}"
    return ""


def _screen_session(rig: Rig, sink: Sink, wait_s: float) -> str:
    environment = clean_environment(rig.home) | rig.environment | sink.environment
    terminal = RecordedTerminal([*CALLPLAYER, rig.incident], environment)
    try:
        terminal.until("PLAYING", START_S)
        terminal.read_for(wait_s)
        terminal.type("q")
        code = terminal.until_ended(QUIT_S)
    finally:
        terminal.close()
    if code != 0:
        return f"the screen's exit code is {code}"
    missing = [
        name
        for name, sequence in (
            ("the alternate screen is left", LEAVES_ALTERNATE_SCREEN),
            ("the cursor is shown", SHOWS_CURSOR),
        )
        if sequence not in terminal.output
    ]
    return f"not seen at the end: {missing}" if missing else ""

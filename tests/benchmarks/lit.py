"""When a word is lit on the screen, and what is heard at that moment, at each speed."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.rig.dated_screen import DatedScreen
from tests.rig.processes import CALLPLAYER, clean_environment
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import PERIOD_S, heard_position_s, write_sweep_call

CALL_S = 60.0
WORD_S = 0.4
REMEMBERED_S = 20.0
LISTEN_CALL_S = 8.0
"""So much of the call is heard at each speed: one period of its sweep."""

SETTLE_S = 0.7
HALF_READ_S = 0.02
EDGE_S = 0.15
KEYS = {0.5: "{", 0.7: "[[[", 1.0: "", 1.5: "]]]", 2.0: "}"}
"""What makes each speed of 1×."""

LIT = re.compile(rb"\x1b\[([0-9;]*)m(w\d{3})")


class LitWatch:
    """Notes when another word is lit: without colours it is drawn reversed."""

    def __init__(self) -> None:
        self.lit: list[tuple[float, int]] = []
        self._lock = threading.Lock()

    def wrote(self, output: bytes, now_s: float) -> None:
        """Look at what was written."""
        for found in LIT.finditer(output):
            number = int(found[2][1:])
            is_lit = b"7" in found[1].split(b";")
            with self._lock:
                if is_lit and (not self.lit or self.lit[-1][1] != number):
                    self.lit.append((now_s, number))

    def since(self, from_s: float) -> Sequence[tuple[float, int]]:
        """Return (when, number) of the words that were lit after the one before them."""
        with self._lock:
            lit = [each for each in self.lit if each[0] >= from_s]
        return [each for before, each in itertools.pairwise(lit) if each[1] == before[1] + 1]


def measure() -> dict[float, list[float]]:
    """Return by speed how long after its beginning was heard each word was lit, in ms."""
    late_ms: dict[float, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        path = home / "sweep.wav"
        write_sweep_call(path, CALL_S)
        words = [
            {"word": f"w{number:03}", "start": number * WORD_S, "end": (number + 0.9) * WORD_S}
            for number in range(int(CALL_S / WORD_S) - 1)
        ]
        segment = {"start": 0.0, "end": CALL_S, "text": "", "words": words}
        path.with_suffix(".json").write_text(json.dumps({"segments": [segment]}))
        sink, watch = Sink(server, "lit"), LitWatch()
        environment = clean_environment(home) | sink.environment | {"NO_COLOR": "1"}
        screen = DatedScreen(
            [*CALLPLAYER, str(path)], environment, wrote=watch.wrote, columns=100, rows=30
        )
        try:
            screen.wait_for("PLAYING")
            time.sleep(REMEMBERED_S)
            for speed, keys in KEYS.items():
                screen.type("1")
                time.sleep(0.3)
                for key in keys:
                    screen.type(key)
                    time.sleep(0.1)
                time.sleep(SETTLE_S)
                from_s = time.monotonic()
                time.sleep(LISTEN_CALL_S / speed)
                late_ms[speed] = _late_ms(watch.since(from_s), sink, speed)
                screen.type("\x7f")
                time.sleep(0.3)
            screen.quit()
        finally:
            screen.close()
            sink.close()
    return late_ms


def _late_ms(lit: Sequence[tuple[float, int]], sink: Sink, speed: float) -> list[float]:
    late_ms = []
    for at_s, number in lit:
        begins_s = number * WORD_S % PERIOD_S
        if not EDGE_S < begins_s < PERIOD_S - EDGE_S:
            continue
        sound = sink.heard(at_s - HALF_READ_S, at_s + HALF_READ_S)
        heard_s = heard_position_s(sound[: round(2 * HALF_READ_S * RATE_HZ)])
        if heard_s is not None:
            off_s = (heard_s - begins_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
            late_ms.append(1000 * off_s / speed)
    return late_ms


def report(late_ms: dict[float, list[float]]) -> None:
    """Print a row for each speed."""
    for speed, each_ms in late_ms.items():
        near = sum(abs(each) <= 25.0 for each in each_ms)
        if each_ms:
            print(
                f"words lit at {speed:g}×: {near} of {len(each_ms)} within 25 ms of the sound,"
                f" {min(each_ms):+.0f} to {max(each_ms):+.0f} ms"
            )
        else:
            print(f"words lit at {speed:g}×: none was seen")

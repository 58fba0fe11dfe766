"""Key → new sound, key → silence, and old sound that comes through: callplayer beside its peers."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks import clients
from tests.benchmarks.heard import Jump, differ_clearly, read_jump
from tests.rig.processes import Service, build_at
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import write_sweep_call

CALL_S = 606.0  # tenths of it are 60.6 s apart, so jumps land at different phases of the sweep
SETTLE_S = 4.0
LISTEN_S = 0.5
SLOW_LISTEN_S = 3.5

Start = Callable[[Path, Service, Sink], AbstractContextManager[clients.Client]]


@dataclass(frozen=True)
class Latency:
    """One client's jumps and pauses; times in ms."""

    name: str
    jumps: list[Jump]
    pauses_ms: list[float]


def measure(sessions: int, jumps: int, pauses: int, beside: Path | None = None) -> list[Latency]:
    """Measure every client with the same service and the same kind of sink, in turns.

    `beside` is the checkout of another build, measured as one more client.

    A jitter buffer settles somewhere within 20 ms and stays there, so each client starts anew for
    each of the sessions, of so many jumps and pauses.
    """
    measured: dict[str, Latency] = {}
    starts = [(_callplayer(), LISTEN_S), (clients.chromium, LISTEN_S)]
    starts += [(_callplayer(beside), LISTEN_S)] if beside else []
    starts += [(clients.output_player, SLOW_LISTEN_S)]
    chance = random.Random(911)
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", CALL_S)
        with _service(home) as service:
            for session in range(sessions):
                for place, (start, listen_s) in enumerate(starts):
                    number = f"{session}-{place}"
                    sink = Sink(server, number)
                    client_home = home / number
                    client_home.mkdir()
                    # A player that is seconds behind is listened to for longer, and less often.
                    share = 1 if listen_s == LISTEN_S else 5
                    with start(client_home, service, sink) as client:
                        one = measured.setdefault(client.name, Latency(client.name, [], []))
                        measure_client(
                            one, client, sink, jumps // share, pauses // share, listen_s, chance
                        )
                    sink.close()
    return list(measured.values())


@contextlib.contextmanager
def _service(home: Path) -> Iterator[Service]:
    service = Service(home, home / "sweep.wav")
    try:
        yield service
    finally:
        service.stop()


def _callplayer(checkout: Path | None = None) -> Start:
    named = {} if checkout is None else {"program": build_at(checkout), "name": checkout.name}
    return partial(clients.callplayer, duration_ms=round(CALL_S * 1000), **named)


def measure_client(
    one: Latency,
    client: clients.Client,
    sink: Sink,
    jumps: int,
    pauses: int,
    listen_s: float,
    chance: random.Random,
) -> None:
    """Add a session's jumps and pauses, each listened to for `listen_s`, to `one`."""
    time.sleep(SETTLE_S)
    tenth = 0
    asked_s, place_s = time.monotonic() - SETTLE_S, 0.0
    for _ in range(jumps):
        while True:
            choice = chance.randint(1, 9)
            target_s = choice * CALL_S / 10
            now_place_s = place_s + time.monotonic() - asked_s
            if choice != tenth and differ_clearly(now_place_s, target_s, listen_s):
                break
            time.sleep(0.02)
        tenth = choice
        now_s = client.jump(round(target_s * 1000))
        old_place_s = place_s + now_s - asked_s
        asked_s, place_s = now_s, target_s
        time.sleep(listen_s)
        sound = sink.heard(now_s, now_s + listen_s)
        one.jumps.append(read_jump(sound, old_place_s, target_s))
        time.sleep(chance.uniform(0.2, 0.6))
    for _ in range(pauses):
        now_s = client.pause()
        time.sleep(listen_s)
        sound = np.abs(sink.heard(now_s, now_s + listen_s))
        loud = np.flatnonzero(sound > 0.01)
        one.pauses_ms.append(float(loud[-1]) * 1000 / RATE_HZ if len(loud) else 0.0)
        client.resume()
        time.sleep(1.0 + chance.uniform(0.0, 0.3))

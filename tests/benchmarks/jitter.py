"""Jitter, loss and a stall between service and player: callplayer beside Chromium on one link.

Both play the same call at once, each with a stream of its own, and both streams cross the same
impaired link (tests/rig/impaired_link.py), so both meet the same machine and the same weather.
Packets are impaired both ways. Each condition starts with new players on a clean link; once their
buffers are settled, the last seconds before the impairment say what delay each player had, and
everything is counted from the moment the impairment sets in: learning to live with it is part of
it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import clients
from tests.benchmarks.continuity import back_after_s, broken_ms_per_min, read_delays
from tests.rig.impaired_link import ImpairedLink, impaired_link
from tests.rig.packet_relay import Impairment
from tests.rig.processes import Event, HeadlessEngine, Service
from tests.rig.pulse import RATE_HZ, PulseServer, Sink, pulse_server
from tests.rig.signals import write_sweep_call

BEFORE_S = 4.0
AFTER_S = 1.5
"""The engine emits its counts once a second, and a clean link shows where the cursor really is."""

WITHIN_MS = 10.0
STALL_MS = 300.0


@dataclass(frozen=True)
class Condition:
    """What happens to the link; `stall_ms` once, when the impairment sets in."""

    name: str
    impairment: Impairment = Impairment()  # noqa: RUF009 - frozen
    stall_ms: float = 0.0


CONDITIONS = (
    Condition("clean"),
    *(Condition(f"{ms} ms jitter", Impairment(jitter_ms=ms)) for ms in (20, 50, 100)),
    *(Condition(f"{percent} % loss", Impairment(loss_percent=percent)) for percent in (1, 5, 10)),
    Condition(f"a stall of {STALL_MS:.0f} ms", stall_ms=STALL_MS),
)


@dataclass(frozen=True)
class Played:
    """How one player fared in one condition.

    `concealed_ms_per_min` is the player's own count, the sum of its two tracks. The others are read
    at the monitor: `broken_ms_per_min` (continuity.py), and the delay from the service's cursor to
    the ear, on the clean link before (`before_ms`) and after. `back_s`: after the stall's end until
    the delay stays within 10 ms of what it was; None if it did not in the time listened.
    `slipped_ms`: by how much the service itself fell behind meanwhile, which no player can help.
    """

    condition: str
    player: str
    concealed_ms_per_min: float
    broken_ms_per_min: float
    before_ms: float
    delay_p50_ms: float
    delay_p95_ms: float
    jitter_buffer_ms: float
    slipped_ms: float
    underruns: int | None = None
    trimmed_ms: float | None = None
    ring_target_ms: float | None = None
    back_s: float | None = None
    stalled: bool = False


@dataclass(frozen=True)
class _Run:
    """The moments of one condition, by the monotonic clock: from settled to the end."""

    condition: Condition
    before_s: float
    set_in_s: float
    end_s: float


def measure(
    settle_s: float, listen_s: float, conditions: tuple[Condition, ...] = CONDITIONS
) -> Iterator[Played]:
    """Play each condition for `listen_s`; give both players' results as they come."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pulse_server() as server,
        impaired_link() as link,
    ):
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", settle_s + listen_s + 60)
        service = Service(home, home / "sweep.wav", prefix=link.prefix("server"))
        try:
            link.forward(service.api_url, service.environment["CALLPLAYER_STREAM_URL"])
            for condition in conditions:
                yield from _play(home, server, service, link, condition, settle_s, listen_s)
        finally:
            service.stop()


def _play(
    home: Path,
    server: PulseServer,
    service: Service,
    link: ImpairedLink,
    condition: Condition,
    settle_s: float,
    listen_s: float,
) -> list[Played]:
    with contextlib.ExitStack() as stack:
        ours, theirs = (_sink(server, name, stack) for name in ("callplayer", "chromium"))
        # The browser first: its start is a load that the other's jitter buffer would remember.
        browser = stack.enter_context(clients.chromium(home, service, theirs, link))
        engine = stack.enter_context(_engine(home, service, ours, link))
        time.sleep(settle_s)
        before_s = time.monotonic()
        time.sleep(BEFORE_S)
        counts = [_browser_counts(browser)]
        set_in_s = time.monotonic()
        link.impair(condition.impairment)
        if condition.stall_ms:
            link.stall(condition.stall_ms)
        time.sleep(listen_s)
        run = _Run(condition, before_s, set_in_s, time.monotonic())
        counts.append(_browser_counts(browser))
        link.impair(Impairment())
        time.sleep(AFTER_S)
        counts.append(_browser_counts(browser))
        events = list(engine.events)
        return [_ours(run, ours, events), _theirs(run, theirs, browser, counts)]


def _sink(server: PulseServer, name: str, stack: contextlib.ExitStack) -> Sink:
    sink = Sink(server, name)
    stack.callback(sink.close)
    return sink


@contextlib.contextmanager
def _engine(
    home: Path, service: Service, sink: Sink, link: ImpairedLink
) -> Iterator[HeadlessEngine]:
    environment = service.environment | sink.environment
    engine = HeadlessEngine(home, environment, service.incidents[0], prefix=link.prefix("client"))
    try:
        engine.wait_state(phase="playing", advancing=True)
        yield engine
        engine.quit()
    finally:
        engine.close()


def _ours(run: _Run, sink: Sink, events: list[tuple[float, Event]]) -> Played:
    stats = [(at_s, event) for at_s, event in events if event["event"] == "stats"]
    first_s, first = next((at_s, e) for at_s, e in reversed(stats) if at_s <= run.set_in_s)
    last_s, last = next((at_s, e) for at_s, e in stats if at_s >= run.end_s)
    during = [event for at_s, event in stats if run.set_in_s < at_s <= run.end_s]
    concealed_ms = last["concealed_ms"] - first["concealed_ms"]
    return Played(
        player="callplayer",
        concealed_ms_per_min=concealed_ms * 60 / (last_s - first_s),
        jitter_buffer_ms=float(np.mean([event["jitter_buffer_ms"] for event in during])),
        underruns=last["underruns"] - first["underruns"],
        trimmed_ms=(last["trimmed_frames"] - first["trimmed_frames"]) * 1000 / RATE_HZ,
        ring_target_ms=max(event["target_ms"] for event in during),
        **_heard(run, sink, _began_s(events, run.before_s), _began_s(events, run.end_s)),
    )


def _began_s(events: list[tuple[float, Event]], from_s: float) -> float:
    """Return when the service's cursor began, by the engine's states of some seconds."""
    began_s = [
        event["as_of_s"] - event["position_ms"] / 1000
        for at_s, event in events
        if event["event"] == "state" and event["advancing"] and from_s <= at_s < from_s + BEFORE_S
    ]
    return min(began_s)


def _theirs(
    run: _Run,
    sink: Sink,
    browser: clients.PipedClient,
    counts: list[tuple[float, Event]],
) -> Played:
    (first_s, was), (last_s, became), (_, after) = counts
    concealed_ms, waited_ms, emitted = (
        became[name] - was[name]
        for name in ("concealedSamples", "jitterBufferDelay", "jitterBufferEmittedCount")
    )
    concealed_ms, waited_ms = concealed_ms * 1000 / RATE_HZ, waited_ms * 1000
    return Played(
        player="Chromium",
        concealed_ms_per_min=concealed_ms * 60 / (last_s - first_s),
        jitter_buffer_ms=waited_ms / max(1, emitted),
        **_heard(run, sink, browser.began_s(was), browser.began_s(after)),
    )


def _browser_counts(browser: clients.PipedClient) -> tuple[float, Event]:
    return time.monotonic(), browser.talk({"stats": True})


def _heard(run: _Run, sink: Sink, began_s: float, began_after_s: float) -> dict[str, Any]:
    """Return what the monitor says, by the names of Played's fields."""
    delays = read_delays(sink.heard(run.before_s, run.end_s), run.before_s, began_s)
    before_ms = float(np.median(delays.between(run.before_s, run.set_in_s)))
    during_ms = delays.between(run.set_in_s, run.end_s)
    stall_s = run.condition.stall_ms / 1000
    back_s = back_after_s(delays, run.set_in_s + stall_s, before_ms, WITHIN_MS)
    return {
        "condition": run.condition.name,
        "broken_ms_per_min": broken_ms_per_min(sink.heard(run.set_in_s, run.end_s)),
        "before_ms": before_ms,
        "delay_p50_ms": float(np.median(during_ms)),
        "delay_p95_ms": float(np.percentile(during_ms, 95)),
        "slipped_ms": (began_after_s - began_s) * 1000,
        "stalled": bool(stall_s),
        "back_s": back_s if stall_s else None,
    }

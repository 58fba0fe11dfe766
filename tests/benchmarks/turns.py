"""A loop of sound seen from outside: each turn beside the first, sample by sample, and its seams.

Every turn is made of the same stored samples. So the recordings of two turns are the same but for
what the device, its server or the recorder did to them: a turn that differs is looked at closer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import RATE_HZ, Samples, Sink

START_MS, END_MS = 6_000, 7_500
PERIOD = (END_MS - START_MS) * RATE_HZ // 1000
SAME = 1e-3
"""Samples that differ by less are the same: 32 steps of 16 bits."""

SEARCHED = RATE_HZ // 10
CLICK_HZ = 8_000
PIECE = RATE_HZ // 400
"""Clicks are looked for in pieces of 2.5 ms."""

NEAR_S = 0.025
"""The place told is off by less."""

AROUND_S = 0.2
EDGES = 4
"""Pieces at the edges of what is cut out are left out: it is taken to go round."""


@dataclass
class Turns:
    """`lags` of each turn to the first, in samples; `silent_ms` where the first was not.

    `clicks_db` is the loudest piece above CLICK_HZ at each seam, less the loudest around it and
    where it begins and ends as it was heard at first: a jitter buffer's own clicks stay in a loop.
    `dry` is how often the device ran out of sound meanwhile, by the engine's count.
    """

    lags: list[int] = field(default_factory=list)
    silent_ms: float = 0.0
    clicks_db: list[float] = field(default_factory=list)
    dry: int = 0


def measure_turns(engine: HeadlessEngine, sink: Sink, turns: int) -> Turns:
    """Loop over speech that is remembered."""
    before = engine.last("stats")["device_underflows"]
    began_s = engine.send(cmd="set-loop", start_ms=START_MS, end_ms=END_MS)
    first_s = began_s + 0.5
    last_s = first_s + (turns + 1) * PERIOD / RATE_HZ
    time.sleep(last_s - began_s + 0.3)
    sound = sink.heard(first_s, last_s)
    engine.send(cmd="end-loop")
    time.sleep(1.1)
    measured = Turns(dry=engine.last("stats")["device_underflows"] - before)
    _compare(sound, turns, measured)
    told = [event for at_s, event in engine.events if event["event"] == "state" and at_s < last_s]
    states = [each for each in told if each["from_memory"] and each["as_of_s"] > first_s]
    own = max(_own_power(told, place_ms, began_s, sink) for place_ms in (START_MS, END_MS))
    for number in range(turns):
        seam_s = _seam_s(states, first_s + number * PERIOD / RATE_HZ)
        if seam_s is not None:
            measured.clicks_db.append(_click_db(sound, seam_s - first_s, own))
    return measured


def _compare(sound: Samples, turns: int, measured: Turns) -> None:
    one, shift = sound[:PERIOD], 0
    for turn in range(1, turns):
        at = turn * PERIOD + shift
        other = sound[at : at + PERIOD]
        if len(other) < PERIOD:
            break
        if float(np.abs(other - one).max()) < SAME:
            measured.lags.append(0)
            continue
        half = PERIOD // 2
        searched = sound[max(at + half - SEARCHED, 0) :][: half + 2 * SEARCHED]
        lag = _best_lag(one[half:], searched) - SEARCHED
        measured.lags.append(lag)
        shift += lag
        steps = np.abs(other[: PERIOD // 48 * 48]).reshape(-1, 48).max(axis=1)
        was = np.abs(one[: PERIOD // 48 * 48]).reshape(-1, 48).max(axis=1)
        measured.silent_ms += float(np.sum((steps < SAME / 10) & (was > SAME)))


def _best_lag(piece: Samples, searched: Samples) -> int:
    size = 1 << (len(searched) + len(piece)).bit_length()
    spectrum = np.fft.rfft(searched, size) * np.conj(np.fft.rfft(piece, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(searched) - len(piece) + 1]))


def _seam_s(states: list[dict[str, float]], near_s: float) -> float | None:
    """Return when the first turn after a moment was heard, by the place told next to it."""
    state = next((each for each in states if each["as_of_s"] > near_s), None)
    if state is None:
        return None
    turn_s = PERIOD / RATE_HZ
    seam_s = state["as_of_s"] + (END_MS - state["audible_ms"]) / 1000
    return seam_s - turn_s if seam_s - turn_s > near_s + AROUND_S else seam_s


def _own_power(states: list[dict[str, float]], place_ms: int, until_s: float, sink: Sink) -> float:
    """Return the loudest piece near a place as it was heard at first."""
    before = [each for each in states if each["advancing"] and each["as_of_s"] < until_s]
    near = min(before, key=lambda each: abs(each["audible_ms"] - place_ms))
    at_s = near["as_of_s"] + (place_ms - near["audible_ms"]) / 1000
    powers = _powers(sink.heard(at_s - 2 * NEAR_S, at_s + 2 * NEAR_S))
    return float(powers[EDGES:-EDGES].max())


def _click_db(sound: Samples, at_s: float, own: float) -> float:
    around = sound[round((at_s - AROUND_S) * RATE_HZ) :][: round(2 * AROUND_S * RATE_HZ)]
    if len(around) < round(2 * AROUND_S * RATE_HZ):
        return 0.0
    powers = _powers(around)
    near = np.abs((np.arange(len(powers)) + 0.5) * PIECE / RATE_HZ - AROUND_S) <= NEAR_S
    there, others = powers[near].max(), powers[EDGES:-EDGES][~near[EDGES:-EDGES]].max()
    return float(10 * np.log10(max(there, 1e-12) / max(others, own, 1e-12)))


def _powers(sound: Samples) -> Samples:
    """Return the power above CLICK_HZ, by pieces."""
    spectrum = np.fft.rfft(sound)
    spectrum[: round(CLICK_HZ * len(sound) / RATE_HZ)] = 0.0
    high = np.fft.irfft(spectrum, len(sound))
    powers: Samples = np.square(high[: len(high) // PIECE * PIECE]).reshape(-1, PIECE).mean(axis=1)
    return powers


def report(measured: Turns) -> None:
    """Print the row."""
    if not measured.lags:
        return
    print(
        f"loop, {len(measured.lags) + 1} turns: off by {max(map(abs, measured.lags))} samples"
        f" at most, in {sum(map(bool, measured.lags))} of them; silent for"
        f" {measured.silent_ms:.0f} ms; the device ran dry {measured.dry} times"
    )
    print(
        f"at its turns, above 8 kHz: {max(measured.clicks_db, default=0.0):+.1f} dB"
        " over the loudest around, at most"
    )

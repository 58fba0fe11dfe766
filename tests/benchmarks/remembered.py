"""What is heard where the memory ends and the server goes on; places told and speeds beside it."""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.match import find_match
from tests.benchmarks.turns import Turns, measure_turns
from tests.benchmarks.turns import report as report_turns
from tests.faults.heard import quiet_spans
from tests.faults.rig import Rig
from tests.rig.processes import Event, HeadlessEngine, Service
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import PERIOD_S, heard_position_s, write_sweep_call

SPEECH = Path(__file__).resolve().parents[2] / "callplayer/demo_calls/kitchen-fire.ogg"
STORED_S = 6.0
BACK_S = 4.5
LISTEN_S = 5.8
ALIKE_S = 2.7
"""So long after a scrub the server's sound is as old as where a handback joins it."""

AROUND_S = 0.9
"""The jitter buffer moves places by up to 12 ms by itself: what counts is around the seam."""

WIDE_MS = 600.0
"""What a scrub and the device may take: so far off the first place is looked for."""

ENDS_PIECES, LOUD = 8, 1_500
"""The memory ends, and the seam is, in the last so many pieces of 50 ms before the server's place;
where their peaks are higher somebody speaks."""

BESIDE_S = 0.015
"""The place told is off by less."""

SEAMS = re.compile(r" joined (to the sample|by the reported places): (.*)")
SEAM_AT = re.compile(r" at (\d+) ms")
PROBE_S = 0.06
EVERY_S = 0.04
ELSEWHERE_MS = 150_000
SPEEDS = (0.5, 0.7, 1.5, 2.0)


@dataclass
class Remembered:
    """Steps of the heard place and errors of the place told, in ms; `rates` by speed.

    Each with whether the device ran out of sound in that turn: what it inserts moves both.
    """

    steps_ms: list[tuple[float, bool]] = field(default_factory=list)
    live_steps_ms: list[tuple[float, bool]] = field(default_factory=list)
    """The same without a handback, as long after a scrub: what WebRTC moves by itself."""

    seams_ms: list[tuple[float, bool]] = field(default_factory=list)
    live_seams_ms: list[tuple[float, bool]] = field(default_factory=list)
    """The step from right before the seams of all lanes to right after them, of both."""

    to_the_sample: int = 0
    """How often the sound itself showed where what comes goes on."""

    told_errors_ms: list[tuple[float, bool]] = field(default_factory=list)
    rates: dict[float, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)


def measure(times: int, turns: int) -> Remembered:
    """Loop and hand back to the server so many times on speech; play a sweep at each speed."""
    measured = Remembered()
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", 120.0)
        for recording, work in ((SPEECH, _hand_back), (home / "sweep.wav", _speeds)):
            place = home / recording.stem
            place.mkdir()
            service = Service(place, recording)
            sink = Sink(server, recording.stem.replace("-", ""))
            try:
                engine = HeadlessEngine(
                    place, service.environment | sink.environment, service.incidents[0]
                )
                engine.wait_state(phase="playing", advancing=True)
                if recording == SPEECH and turns:
                    time.sleep(10.0)
                    measured.turns = measure_turns(engine, sink, turns)
                work(engine, sink, measured, times, place)
                engine.quit()
            finally:
                sink.close()
                service.stop()
    return measured


def _hand_back(
    engine: HeadlessEngine, sink: Sink, measured: Remembered, times: int, home: Path
) -> None:
    lanes, _ = soundfile.read(SPEECH, dtype="float32", always_2d=True)
    call = np.asarray(np.clip(lanes.sum(axis=1), -1, 1) * 32_767, np.int16)
    for from_ms in _starts_ms(call)[:times]:
        dry = engine.last("stats")["device_underflows"]
        scrubbed_s = engine.send(cmd="scrub", position=from_ms)
        time.sleep(STORED_S)
        sound = sink.heard(scrubbed_s + ALIKE_S - AROUND_S, scrubbed_s + ALIKE_S + AROUND_S)
        live_from_ms = from_ms + (ALIKE_S - AROUND_S) * 1000
        live = _places_ms(sound, call, live_from_ms)
        live_step_ms = _seam_ms(sound, call, live_from_ms, (AROUND_S, AROUND_S))
        engine.send(cmd="scrub", position=ELSEWHERE_MS)
        time.sleep(1.2)
        back_ms = from_ms + round((STORED_S - BACK_S) * 1000)
        asked_s = engine.send(cmd="seek-to", position_ms=back_ms)
        time.sleep(LISTEN_S)
        ended_s = time.monotonic()
        states = [
            e
            for at_s, e in engine.events
            if asked_s + 0.3 < at_s < ended_s and e["event"] == "state"
        ]
        if not any(e["from_memory"] for e in states):
            continue
        was_dry = engine.last("stats")["device_underflows"] > dry
        _keep(measured.live_steps_ms, _largest_step_ms(live), was_dry)
        _keep(measured.live_seams_ms, live_step_ms, was_dry)
        begins_s = asked_s + BACK_S - AROUND_S
        sound = sink.heard(begins_s, begins_s + 2 * AROUND_S)
        begins_ms = back_ms + (BACK_S - AROUND_S) * 1000
        _keep(measured.steps_ms, _largest_step_ms(_places_ms(sound, call, begins_ms)), was_dry)
        joined = _last_seams(home)
        if joined is not None:
            how, seams_ms = joined
            measured.to_the_sample += how == "to the sample"
            at_s = [_heard_s(states, each) - begins_s for each in seams_ms]
            step_ms = _seam_ms(sound, call, begins_ms, (min(at_s), max(at_s)))
            _keep(measured.seams_ms, step_ms, was_dry)
        for state in states:
            if state["from_memory"] and state["advancing"] and not state["audible_in_ms"]:
                sound = sink.heard(state["as_of_s"], state["as_of_s"] + PROBE_S)
                heard_ms = _place_ms(sound, call, state["audible_ms"])
                if heard_ms is not None:
                    error_ms = state["audible_ms"] - heard_ms
                    measured.told_errors_ms.append((error_ms, was_dry))


def _starts_ms(call: Pcm) -> list[int]:
    """Return where to scrub to, so that somebody speaks where the memory ends later."""
    piece = RATE_HZ // 20
    levels = np.abs(call[: len(call) // piece * piece].astype(float)).reshape(-1, piece).max(axis=1)
    starts_ms: list[int] = []
    for from_ms in range(2_000, len(call) * 1000 // RATE_HZ - 10_000, 50):
        end = (from_ms + round(STORED_S * 1000)) // 50
        is_heard = levels[end - ENDS_PIECES : end].min() > LOUD
        is_free = abs(from_ms - ELSEWHERE_MS) > 10_000
        if is_heard and is_free and (not starts_ms or from_ms >= starts_ms[-1] + 6_400):
            starts_ms.append(from_ms)
    return starts_ms


def _keep(steps: list[tuple[float, bool]], step_ms: float | None, was_dry: bool) -> None:
    if step_ms is not None:
        steps.append((step_ms, was_dry))


def _pcm(sound: np.ndarray) -> Pcm:
    return np.asarray(np.clip(sound, -1, 1) * 32_767, np.int16)


def _place_ms(
    sound: np.ndarray, call: Pcm, near_ms: float, within_ms: float = 150.0
) -> float | None:
    start = max(round((near_ms - within_ms) * RATE_HZ / 1000), 0)
    searched = call[start : start + round((2 * within_ms) * RATE_HZ / 1000) + len(sound)]
    found = find_match(_pcm(sound), searched)
    return None if found is None else (start + found.offset) * 1000 / RATE_HZ


def _places_ms(sound: np.ndarray, call: Pcm, begins_ms: float) -> list[tuple[float, float]]:
    """Return when, in s, and the heard place less the place by the clock, in ms: every EVERY_S
    where it can be known."""
    begins_ms = _begins_ms(sound, call, begins_ms)
    places = []
    for at in range(0, len(sound) - RATE_HZ // 10, round(EVERY_S * RATE_HZ)):
        by_clock_ms = begins_ms + at * 1000 / RATE_HZ
        probe = sound[at : at + round(PROBE_S * RATE_HZ)]
        place_ms = _place_ms(probe, call, by_clock_ms)
        if place_ms is not None:
            places.append((at / RATE_HZ, place_ms - by_clock_ms))
    return places


def _begins_ms(sound: np.ndarray, call: Pcm, about_ms: float) -> float:
    """Return the place where a recording begins, by the first that can be known."""
    for at in range(0, len(sound) - RATE_HZ // 10, RATE_HZ // 10):
        at_ms = at * 1000 / RATE_HZ
        probe = sound[at : at + round(PROBE_S * RATE_HZ)]
        place_ms = _place_ms(probe, call, about_ms + at_ms, WIDE_MS)
        if place_ms is not None:
            return float(place_ms - at_ms)
    return about_ms


def _last_seams(home: Path) -> tuple[str, list[int]] | None:
    """Return how the player joined last, and the place of each lane's seam, by its log."""
    logs = [path.read_text() for path in home.rglob("callplayer.log")]
    found = [each for log in logs for each in SEAMS.findall(log)]
    return (found[-1][0], [int(each) for each in SEAM_AT.findall(found[-1][1])]) if found else None


def _heard_s(states: list[Event], place_ms: float) -> float:
    """Return when a place was heard, by what was told of another one shortly before."""
    told = [e for e in states if e["from_memory"] and e["advancing"] and e["audible_ms"] < place_ms]
    state = max(told, key=lambda each: each["audible_ms"])
    return float(state["as_of_s"] + (place_ms - state["audible_ms"]) / 1000)


def _seam_ms(
    sound: np.ndarray, call: Pcm, begins_ms: float, seams_s: tuple[float, float]
) -> float | None:
    """Return the change from right before the first seam to right after the last one."""
    begins_ms = _begins_ms(sound, call, begins_ms)

    def off_ms(starts_s: list[float]) -> list[float]:
        found = []
        for at_s in starts_s:
            by_clock_ms = begins_ms + at_s * 1000
            probe = sound[round(at_s * RATE_HZ) :][: round(PROBE_S * RATE_HZ)]
            place_ms = _place_ms(probe, call, by_clock_ms)
            found += [] if place_ms is None else [place_ms - by_clock_ms]
        return found

    first_s, last_s = seams_s[0] - BESIDE_S - PROBE_S, seams_s[1] + BESIDE_S
    before = off_ms([first_s - each for each in (0.0, 0.01, 0.02)])
    after = off_ms([last_s + each for each in (0.0, 0.01, 0.02)])
    if not (before and after):
        return None
    return float(np.median(after) - np.median(before))


def _largest_step_ms(timed: list[tuple[float, float]]) -> float | None:
    """Return the largest lasting change: of medians of five before and after."""
    places = [each for _, each in timed]
    if len(places) < 20:
        return None
    steps = [
        float(np.median(places[at : at + 5]) - np.median(places[at - 5 : at]))
        for at in range(5, len(places) - 5)
    ]
    return max(steps, key=abs)


def _speeds(
    engine: HeadlessEngine, sink: Sink, measured: Remembered, _times: int, _home: Path
) -> None:
    time.sleep(14.0)
    for speed in SPEEDS:
        engine.send(cmd="seek-to", position_ms=1_000)
        time.sleep(0.3)
        engine.send(cmd="set-speed", speed=speed)
        time.sleep(0.6)
        from_s = time.monotonic()
        time.sleep(4.0)
        sound = sink.heard(from_s, from_s + 3.8)
        at_s = np.arange(0.0, 3.7, 0.05)
        size = round(0.04 * RATE_HZ)
        heard = [heard_position_s(sound[round(at * RATE_HZ) :][:size]) for at in at_s]
        known = [(at, place) for at, place in zip(at_s, heard, strict=True) if place is not None]
        times, places = np.array(known).T
        lasting = np.unwrap(places, period=PERIOD_S)
        measured.rates[speed] = float(np.polyfit(times, lasting, 1)[0])


def link_down(down_s: float) -> tuple[float, list[float]]:
    """Loop over what is remembered while the link is down, then go on.

    Return the silence heard until the loop ends, and the silences after the link is back, in s.
    """
    rig = Rig()
    try:
        with rig.play_far() as play:
            time.sleep(8.0)
            play.engine.send(cmd="set-loop", start_ms=2_000, end_ms=4_000)
            time.sleep(1.0)
            broke_s = time.monotonic()
            rig.link.set_up(False)
            time.sleep(down_s)
            back_s = time.monotonic()
            rig.link.set_up(True)
            play.engine.send(cmd="end-loop")
            time.sleep(20.0)
            during = quiet_spans(play.sink.heard(broke_s, back_s), broke_s)
            after = quiet_spans(play.sink.heard(back_s, back_s + 19.0), back_s)
            return sum(end - start for start, end in during), [end - start for start, end in after]
    finally:
        rig.close()


def report(measured: Remembered) -> None:
    """Print the table."""
    report_turns(measured.turns)
    for what, is_calm in (("", False), (", where the device did not run dry", True)):
        errors = np.array([each for each, dry in measured.told_errors_ms if not (dry and is_calm)])
        for name, each in (
            ("handback, its seam", measured.seams_ms),
            ("no handback, as long after a scrub, there", measured.live_seams_ms),
            ("handback, within 0.9 s", measured.steps_ms),
            ("no handback, as long after a scrub, within 0.9 s", measured.live_steps_ms),
        ):
            found = np.abs([step_ms for step_ms, dry in each if not (dry and is_calm)])
            if len(found):
                print(
                    f"{name}, on speech{what}: {len(found)} times, gap or repeat ≤ 1 ms in"
                    f" {int(np.sum(found <= 1.0))}, most {found.max():.1f} ms"
                )
        if len(errors):
            bias_ms = float(np.median(errors))
            p99_ms = float(np.percentile(np.abs(errors - bias_ms), 99))
            print(
                f"place told less heard, from memory{what}: n {len(errors)},"
                f" bias {bias_ms:+.1f} ms, p99 {p99_ms:.1f} ms"
            )
    print(f"joined by the sound itself: {measured.to_the_sample} times")
    for speed, rate in measured.rates.items():
        print(f"speed {speed:g}: heard at {rate:.4f}, {100 * (rate / speed - 1):+.2f} %")

"""The sound device unplugged, suspended, standing still, and back; and the one a user picks.

Each test has a sound server of its own, for it is stopped and killed. A null sink that was loaded a
moment ago sleeps for up to 2 s before it plays: that is the sink's, not the player's.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pulsectl
import pytest

from callplayer.engine.session.pipeline import OPEN_TIMEOUT_S
from tests.e2e.conftest import SWEEP_S
from tests.faults.heard import nearest, place_s, quiet_spans
from tests.rig.processes import CALLPLAYER, Event, HeadlessEngine, Service, clean_environment
from tests.rig.pulse import (
    RATE_HZ,
    PulseServer,
    Recording,
    Sink,
    SoundServer,
    pulse_server,
    until_heard,
)
from tests.rig.signals import PERIOD_S, heard_position_s, rms_db, write_sweep_call
from tests.rig.terminal import Terminal

pytestmark = pytest.mark.plays

SILENT_DB = -70.0
REPORTED_WITHIN_S = 1.0
HANGS_WITHIN_S = 2.6
"""A device that stands still is waited for so long before it is lost."""

REPEATED_AT_MOST_S = 0.3
"""How much before the place where sound broke off it may go on."""

READ_FRAMES = RATE_HZ // 25
BREAK_FRAMES = EDGE_FRAMES = RATE_HZ // 50
"""Fades bend the first and the last of a stretch of sound; its place is read beside them."""

MONITOR_KEEPS_S = 0.03
"""A recorder of 5 ms has not got what a null sink played so shortly before it was removed."""

MOVED_S = 0.035
"""PulseAudio moves a stream without the last blocks that the removed sink had taken of it: that
was 0 to 26 ms in eleven runs."""

STOPPED_S = 20.0
LASTS_S = 0.4
"""Sound that is shorter is what a device or a queue still held."""

WIDE = 100
"""So many columns leave room for a device's whole name beside a delay of three digits."""

Start = Callable[..., HeadlessEngine]
AddSink = Callable[..., Sink]


@pytest.fixture
def server() -> Iterator[PulseServer]:
    with pulse_server() as server:
        yield server
        server.go_on()


@pytest.fixture
def add_sink(server: PulseServer) -> Iterator[AddSink]:
    """Plug devices in."""
    sinks: list[Sink] = []

    def add_sink(name: str, *parameters: str, at: PulseServer = server) -> Sink:
        sinks.append(Sink(at, name, *parameters))
        return sinks[-1]

    yield add_sink
    server.go_on()
    for sink in sinks:
        sink.close()


@pytest.fixture
def start(sweep_service: Service, tmp_path: Path) -> Iterator[Start]:
    """Start engines that play; end those that are left."""
    engines: list[HeadlessEngine] = []

    def start(environment: dict[str, str], *flags: str) -> HeadlessEngine:
        engine = HeadlessEngine(
            tmp_path,
            sweep_service.environment | environment,
            sweep_service.incidents[0],
            *flags,
        )
        engines.append(engine)
        engine.wait_state(phase="playing", advancing=True)
        time.sleep(0.8)
        return engine

    yield start
    for engine in engines:
        engine.close()


def add_two(add_sink: AddSink) -> tuple[Sink, Sink]:
    """Plug in `first`, which becomes the default, and `other`; each sleeps for 2 s at first."""
    with ThreadPoolExecutor() as pool:
        first = pool.submit(add_sink, "first")
        time.sleep(0.1)
        other = pool.submit(add_sink, "other")
        return first.result(), other.result()


def is_loss(event: Event) -> bool:
    return event["event"] == "error" and event["code"] == "device-lost"


def position_s(sound: np.ndarray, at: int) -> float:
    """Return the call's position in the 40 ms of sound from frame `at`."""
    heard_s = heard_position_s(sound[at : at + READ_FRAMES])
    assert heard_s is not None, "nothing is heard"
    return heard_s


def broke_off_s(sink: Recording, since_s: float, until_s: float) -> float:
    """Return the position of the last sound that a sink played between two moments."""
    return last_position_s(sink.heard(since_s, until_s))


def broke_off_by_s(sink: Recording, lost_s: float, keeps_s: float = MONITOR_KEEPS_S) -> float:
    """Return the position that a sink removed at `lost_s` had played by then.

    Its monitor ends with it, and keeps the last of it to itself.
    """
    return broke_off_s(sink, lost_s - 0.5, lost_s - keeps_s) + keeps_s


def last_position_s(sound: np.ndarray) -> float:
    """Return the position of the last sound in a recording."""
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    assert len(loud), "nothing was heard"
    start = max(int(loud[-1]) - READ_FRAMES - EDGE_FRAMES, 0)
    return position_s(sound, start) + (loud[-1] - start) / RATE_HZ


def went_on_s(sink: Recording, since_s: float, lasts_s: float = READ_FRAMES / RATE_HZ) -> float:
    """Return the position of the first sound of so long that a sink plays since then."""
    deadline_s = time.monotonic() + 6.0
    least_frames = EDGE_FRAMES + round(lasts_s * RATE_HZ)
    while True:
        sound = sink.heard(since_s, time.monotonic() - 0.05)
        loud = np.flatnonzero(np.abs(sound) > 0.05)
        for part in np.split(loud, np.flatnonzero(np.diff(loud) > BREAK_FRAMES) + 1):
            if len(part) and part[-1] - part[0] > least_frames:
                return position_s(sound, int(part[0]) + EDGE_FRAMES) - EDGE_FRAMES / RATE_HZ
        assert time.monotonic() < deadline_s, "no sound came"
        time.sleep(0.1)


def shown_less_heard_s(engine: HeadlessEngine, sink: Recording) -> float:
    """Return by how much the place reported is ahead of the one heard in the last second."""
    began_s, state = time.monotonic() - 1.0, engine.last("state")
    assert state["advancing"], state
    place = place_s(sink.heard(began_s, began_s + 1.0), began_s, began_s, began_s + 1.0)
    assert place is not None, "nothing is heard"
    return nearest(state["audible_ms"] / 1000 - state["as_of_s"] - place)


def nothing_lost(before_s: float, after_s: float, most_s: float = 0.02) -> bool:
    """Return whether sound went on where it broke off, but for `most_s`, or a little before."""
    gap_s = (after_s - before_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
    return -REPEATED_AT_MOST_S < gap_s < most_s


def remove(server: SoundServer, sink: Sink) -> float:
    """Unplug a sink; return when: what it has played by then is all that it can be sure to play.

    Not by pactl: a slow machine takes 30 ms and more to start a program.
    """
    with pulsectl.Pulse("tests", server=server.environment["PULSE_SERVER"]) as client:
        now_s = time.monotonic()
        client.module_unload(int(sink.module))
    return now_s


def test_a_sink_removed_while_another_is_there_and_back_again(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    first, other = add_two(add_sink)
    engine = start(first.environment)
    until_heard(first)
    lost_s = remove(server, first)
    reported_s, reported = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    assert "first" in reported["message"]
    engine.wait_for(lambda e: "is lost: sound comes from" in e.get("detail", ""), since_s=lost_s)
    assert nothing_lost(broke_off_by_s(first, lost_s), went_on_s(other, lost_s), MOVED_S)
    time.sleep(0.5)

    added_s = time.monotonic()
    back = add_sink("first")
    returned = engine.wait_state(since_s=added_s, detail="", advancing=True)
    assert "first" in returned["device"]
    assert nothing_lost(broke_off_s(other, lost_s, time.monotonic() - 0.1), went_on_s(back, lost_s))
    assert engine.quit() == 0


def test_a_suspended_device_is_left_for_another_and_taken_again_when_it_wakes(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    first, other = add_two(add_sink)
    engine = start(first.environment)
    lost_s = time.monotonic()
    server.control("suspend-sink", "first", "1")
    reported_s, _ = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    at_once = engine.wait_state(since_s=lost_s, device=None)
    assert (at_once["phase"], at_once["held"]) == ("paused", True)
    assert nothing_lost(broke_off_s(first, lost_s - 0.5, lost_s - 0.02), went_on_s(other, lost_s))
    time.sleep(0.5)
    woken_s = time.monotonic()
    server.control("suspend-sink", "first", "0")
    state = engine.wait_state(since_s=woken_s, detail="", advancing=True)
    assert "first" in state["device"]
    assert engine.quit() == 0


def test_the_only_device_suspended_while_the_call_is_paused_and_while_it_plays(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    """One of six channels."""
    around = add_sink("around", "channels=6", "channel_map=surround-51")
    engine = start(around.environment)
    until_heard(around)
    for request in ("pause", "resume"):
        asked_s = engine.send(cmd=request)
        plays = request == "resume"
        engine.wait_state(since_s=asked_s, paused=not plays, requested_ms=None, advancing=plays)
        if plays:
            until_heard(around)
        suspended_s = time.monotonic()
        server.control("suspend-sink", "around", "1")
        reported_s, _ = engine.wait_for(is_loss, since_s=suspended_s)
        assert reported_s - suspended_s < REPORTED_WITHIN_S
        lost = engine.wait_state(
            since_s=reported_s, device=None, held=plays, advancing=False, requested_ms=None
        )
        time.sleep(0.5)
        woken_s = time.monotonic()
        server.control("suspend-sink", "around", "0")
        back = engine.wait_state(
            since_s=woken_s, device="Null Output", detail="", paused=not plays, advancing=plays
        )
        assert back["position_ms"] == pytest.approx(lost["position_ms"], abs=100)
        if plays:
            time.sleep(4.0)  # nothing is recorded of a suspended sink: it is dated anew
            until_heard(around, 1.0)
            assert abs(shown_less_heard_s(engine, around)) < 0.1
    assert engine.quit() == 0


def test_without_any_device_the_call_waits_and_goes_on_with_the_next_one(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    first = add_sink("first")
    engine = start(server.environment)
    lost_s = remove(server, first)
    reported_s, _ = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    state = engine.wait_state(since_s=lost_s, device=None, requested_ms=None)
    assert (state["phase"], state["held"], state["advancing"]) == ("paused", True, False)
    # What a person asks meanwhile counts, and nothing plays unheard.
    engine.send(cmd="toggle-pause")
    engine.wait_state(since_s=lost_s, device=None, held=False)
    asked_s = engine.send(cmd="resume")
    engine.wait_state(since_s=asked_s, device=None, held=True, advancing=False)
    time.sleep(0.5)
    assert engine.last("state")["position_ms"] == state["position_ms"]
    other = add_sink("other")
    engine.wait_state(since_s=asked_s, phase="playing", advancing=True)
    assert nothing_lost(broke_off_by_s(first, lost_s), went_on_s(other, asked_s))
    assert engine.quit() == 0


def test_a_pause_that_is_asked_for_lasts_until_it_is_ended_by_hand(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    first, other = add_two(add_sink)
    engine = start(first.environment, "--on-device-loss=pause")
    lost_s = remove(server, first)
    reported_s, reported = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    assert "paused" in reported["hint"]
    engine.wait_state(since_s=lost_s, phase="paused", held=False, requested_ms=None)
    time.sleep(0.5)
    assert rms_db(other.heard(lost_s + 0.25, time.monotonic() - 0.05)) < SILENT_DB
    back = add_sink("first")
    engine.wait_state(since_s=lost_s, phase="paused", detail="")
    resumed_s = engine.send(cmd="resume")
    engine.wait_state(since_s=resumed_s, phase="playing", advancing=True)
    assert nothing_lost(broke_off_by_s(first, lost_s), went_on_s(back, resumed_s))
    assert engine.quit() == 0


def test_a_sound_server_that_dies_and_comes_again(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    first = add_sink("first")
    engine = start(server.environment)
    lost_s = time.monotonic()
    server.kill()
    reported_s, _ = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    engine.wait_state(since_s=lost_s, device=None, held=True, requested_ms=None)
    before_s = broke_off_s(first, lost_s - 0.5, lost_s - 0.05)
    again = PulseServer(server.folder)
    try:
        sink = add_sink("again", at=again)
        engine.wait_state(since_s=lost_s, phase="playing", advancing=True)
        after_s = went_on_s(sink, lost_s)
        gap_s = (after_s - before_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
        assert -REPEATED_AT_MOST_S < gap_s < 0.1
        assert engine.quit() == 0
    finally:
        again.stop()


def left_out_s(sink: Recording, broke_off_s: float) -> float:
    """Return what was left out from the first silence since then to the first sound that lasts.

    In s; below 0 so much was heard again. What little was heard in between does not count, nor does
    a silence later on: on a busy machine a device that runs dry is opened anew.
    """
    began_s, now_s = broke_off_s - 0.9, time.monotonic()
    sound = sink.heard(began_s, now_s)
    spans = [span for span in quiet_spans(sound, began_s) if span[1] > broke_off_s]
    assert spans, "the sound did not break off"
    from_s = spans[0][0]
    until_s = [*(each_s for each_s, _ in spans[1:]), now_s]
    lasting = [
        (to_s, each_s)
        for (_, to_s), each_s in zip(spans, until_s, strict=True)
        if each_s - to_s >= LASTS_S
    ]
    assert lasting, "no sound lasts"
    to_s, ends_s = lasting[0]
    before = place_s(sound, began_s, from_s - 0.6, from_s - 0.02)
    after = place_s(sound, began_s, to_s + 0.05, ends_s)
    assert before is not None
    assert after is not None
    return nearest(after + to_s - before - from_s)


@pytest.mark.records
def test_a_sound_server_that_stands_still_for_a_second_is_waited_for(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    sink = add_sink("first")
    engine = start(sink.environment)
    until_heard(sink)
    stopped_s = time.monotonic()
    server.stand_still()
    _, held = engine.wait_for(
        lambda e: e.get("held", False) and "stands still" in e["detail"], since_s=stopped_s
    )
    assert held["device"] is not None
    time.sleep(max(stopped_s + 1.2 - time.monotonic(), 0.0))
    server.go_on()
    back_s = time.monotonic()
    engine.wait_state(since_s=back_s, phase="playing", advancing=True, held=False, detail="")
    assert time.monotonic() - back_s < 1.0
    time.sleep(1.0)
    assert -REPEATED_AT_MOST_S < left_out_s(sink, stopped_s) < 0.02
    assert not [event for _, event in engine.events if event["event"] == "error"]
    assert engine.quit() == 0


@pytest.mark.records
def test_engines_that_were_stopped_go_on_where_they_were_heard_last(
    server: PulseServer, add_sink: AddSink, start: Start, tmp_path: Path
) -> None:
    """The room server gives up the one that plays a room; the other one plays a file."""
    recording = tmp_path / "sweep.wav"
    write_sweep_call(recording, SWEEP_S)
    sinks = add_two(add_sink)
    engines = (
        start(sinks[0].environment),
        HeadlessEngine(tmp_path, sinks[1].environment, str(recording)),
    )
    try:
        for sink in sinks:
            until_heard(sink)
        stopped_s = time.monotonic()
        for engine in engines:
            engine.process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        for engine in engines:
            engine.process.send_signal(signal.SIGCONT)
        woken_s = time.monotonic()
        for engine, sink in zip(engines, sinks, strict=True):
            _, reported = engine.wait_for(
                lambda e: e["event"] == "error" and e["code"] == "stood-still", since_s=woken_s
            )
            assert reported["message"] == f"The player stood still for {STOPPED_S:.0f} s."
            engine.wait_state(since_s=woken_s, phase="playing", advancing=True, detail="")
            until_heard(sink)
            assert -REPEATED_AT_MOST_S < left_out_s(sink, stopped_s) < 0.02
            assert engine.quit() == 0
    finally:
        engines[1].process.kill()
        engines[1].finish()


def test_a_sound_server_that_answers_late_holds_a_call_that_has_begun(
    server: PulseServer, add_sink: AddSink, tmp_path: Path
) -> None:
    """The device takes longer to open than a call that begins would wait for it."""
    recording = tmp_path / "sweep.wav"
    write_sweep_call(recording, SWEEP_S)
    sink = add_sink("first")
    server.stand_still()
    engine = HeadlessEngine(tmp_path, sink.environment, str(recording), "--wait-for-device")
    try:
        waiting = engine.wait_state(phase="paused", held=True, device=None)
        time.sleep(OPEN_TIMEOUT_S + 2.0)
        server.go_on()
        gone_on_s = time.monotonic()
        begun = engine.wait_state(since_s=gone_on_s, phase="playing", advancing=True)
        assert waiting["position_ms"] == 0
        assert begun["position_ms"] < 100
        until_heard(sink, 1.0)
        assert abs(shown_less_heard_s(engine, sink)) < 0.1
        assert engine.quit() == 0
    finally:
        engine.process.kill()
        engine.finish()


def test_a_driver_that_hangs_ends_the_engine_with_code_6(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    engine = start(add_sink("first").environment)
    stopped_s = time.monotonic()
    server.stand_still()
    reported_s, _ = engine.wait_for(is_loss, since_s=stopped_s)
    assert reported_s - stopped_s < HANGS_WITHIN_S
    ended_s, error = engine.wait_for(lambda e: e["event"] == "error" and e["exit_code"] is not None)
    assert (error["code"], error["exit_code"]) == ("device-hangs", 6)
    assert ended_s - stopped_s < 5.6
    assert engine.finish() == 6
    assert engine.last("bye")["exit_code"] == 6


@pytest.fixture
def open_player(
    sweep_service: Service, tmp_path: Path
) -> Iterator[Callable[[dict[str, str]], Terminal]]:
    terminals: list[Terminal] = []

    def open_player(environment: dict[str, str], *flags: str) -> Terminal:
        folder = tmp_path / f"terminal{len(terminals)}"
        folder.mkdir()
        terminal = Terminal(
            folder,
            [*CALLPLAYER, *flags, sweep_service.incidents[0]],
            clean_environment(tmp_path) | sweep_service.environment | environment,
            columns=WIDE,
        )
        terminals.append(terminal)
        terminal.wait_for("PLAYING")
        return terminal

    yield open_player
    for terminal in terminals:
        terminal.close()


def test_on_the_screen_a_driver_that_hangs_costs_nothing_of_the_call(
    server: PulseServer, add_sink: AddSink, open_player: Callable[..., Terminal]
) -> None:
    sink = add_sink("first")
    screen = open_player(sink.environment)
    time.sleep(1.0)
    stopped_s = time.monotonic()
    server.stand_still()
    screen.wait_for("stands still", "WAITING", timeout_s=REPORTED_WITHIN_S)
    screen.wait_for("has stopped", "WAITING", "no device", timeout_s=HANGS_WITHIN_S)
    screen.wait_for("hangs in the sound device; starting it again", timeout_s=4.0)
    # A new engine's start is measured in the benchmarks.
    screen.wait_until(lambda text: "PAUSED" in text or "WAITING" in text)
    woken_s = time.monotonic()
    server.go_on()
    before_s = broke_off_s(sink, stopped_s - 0.5, stopped_s - 0.02)
    screen.wait_for("PLAYING", "♪ Null Output", timeout_s=4.0)
    # Dated by frames counted, and none were while the server stood still. It plays at first what
    # it held of the stream that hung.
    stood_s = woken_s - stopped_s
    after_s = went_on_s(sink, stopped_s + 0.1, lasts_s=LASTS_S)
    gap_s = (after_s - before_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
    assert -REPEATED_AT_MOST_S < gap_s < 0.1, stood_s
    screen.type("q")
    assert screen.wait_end() == 0


def test_a_device_is_picked_with_d_and_the_choice_lasts(
    server: PulseServer, add_sink: AddSink, open_player: Callable[..., Terminal], tmp_path: Path
) -> None:
    first, other = add_two(add_sink)
    screen = open_player(server.environment)
    screen.wait_for("♪ Null Output (first)")
    time.sleep(0.5)
    screen.type("d")
    screen.wait_for("▸ ● System default", "○ Null Output (first)  plays now")
    picked_s = screen.type("Down", "Down", "Enter")
    screen.wait_for("♪ Null Output (other)", "PLAYING")
    after_s = went_on_s(other, picked_s)
    assert nothing_lost(broke_off_s(first, picked_s - 0.5, time.monotonic() - 0.1), after_s)
    screen.type("q")
    assert screen.wait_end() == 0
    kept = tmp_path / ".local/state/callplayer/choices.json"
    assert json.loads(kept.read_text()) == {"output_device": "other"}

    again = open_player(server.environment)
    again.wait_for("♪ Null Output (other)")
    again.type("q")
    assert again.wait_end() == 0
    flagged = open_player(server.environment, "--output-device=first")
    flagged.wait_for("♪ Null Output (first)")
    flagged.type("q")
    assert flagged.wait_end() == 0
    remove(server, other)
    missing = open_player(server.environment)
    missing.wait_for("The sound device other is not there.", "♪ Null Output")


def test_devices_are_reported_and_set_by_name(add_sink: AddSink, start: Start) -> None:
    first, other = add_two(add_sink)
    engine = start(first.environment)
    asked_s = engine.send(cmd="list-devices")
    _, reported = engine.wait_for(lambda e: e["event"] == "devices", since_s=asked_s)
    assert [device["name"] for device in reported["devices"]] == ["first", "other"]
    assert (reported["current"], reported["chosen"]) == ("first", "")
    for name in ("nonsense", "x" * 201):
        asked_s = engine.send(cmd="set-output-device", name=name)
        _, error = engine.wait_for(lambda e: e["event"] == "error", since_s=asked_s)
        assert error["code"] in ("no-such-device", "bad-request")
    asked_s = engine.send(cmd="set-output-device", name="Null Output (other)")
    _, reported = engine.wait_for(lambda e: e["event"] == "devices", since_s=asked_s)
    assert reported["current"] == "other"
    assert nothing_lost(
        broke_off_s(first, asked_s - 0.5, time.monotonic() - 0.05), went_on_s(other, asked_s)
    )
    assert engine.quit() == 0


def test_a_call_that_needs_no_device_plays_silently_until_the_first_one_comes(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    engine = start(server.environment, "--silent-without-device")
    state = engine.last("state")
    assert (state["device"], state["held"]) == (None, False)
    assert "callplayer doctor" in state["detail"]
    added_s = time.monotonic()
    first = add_sink("first")
    until_heard(first)
    heard = engine.wait_state(since_s=added_s, phase="playing", detail="")
    assert heard["device"]
    now_s = time.monotonic()
    now = engine.wait_state(since_s=now_s, advancing=True)
    heard_s = heard_position_s(first.heard(now_s - 0.04, now_s))
    assert heard_s is not None
    assert (now["audible_ms"] / 1000 - heard_s + 4) % PERIOD_S - 4 == pytest.approx(0.0, abs=0.4)
    assert engine.quit() == 0


def test_a_call_that_needs_no_device_takes_up_sound_from_a_sound_server_that_starts_later(
    server: PulseServer, add_sink: AddSink, start: Start
) -> None:
    server.kill()
    engine = start(server.environment, "--silent-without-device")
    assert "callplayer doctor" in engine.last("state")["detail"]
    later = PulseServer(server.folder)
    try:
        until_heard(add_sink("first", at=later))
        assert engine.last("state")["device"]
        assert engine.quit() == 0
    finally:
        later.stop()

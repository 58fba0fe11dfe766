"""The sound device on PipeWire, as most desktops have it, and what the desktop does to it.

Each test has a session of PipeWire's own. Through `alsa` the way is ALSA's plugin of PipeWire's,
through `pulse` the one for PulseAudio.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.e2e.conftest import SWEEP_S
from tests.e2e.test_device_life import (
    REPEATED_AT_MOST_S,
    SILENT_DB,
    broke_off_by_s,
    broke_off_s,
    is_loss,
    last_position_s,
    remove,
    shown_less_heard_s,
    went_on_s,
)
from tests.faults.heard import nearest
from tests.rig.pipewire import Layer, PipeWireServer, pipewire_server
from tests.rig.processes import CALLPLAYER, HeadlessEngine, clean_environment, soon
from tests.rig.pulse import RATE_HZ, PulseServer, Sink, SoundServer, until_heard
from tests.rig.signals import rms_db, write_sweep_call

pytestmark = pytest.mark.records

REPORTED_WITHIN_S = 1.0
KEPT_WITHIN_S = 0.5
QUIET_DB = -30.0
DROPPED_S = 0.15
MONITOR_KEEPS_S = 0.1
SHOWN_OFF_S = 0.06
"""The place shown is off by up to 17 ms where the delay is found and where it is looked at, the
step is 10 ms, and a stream that is opened anew may wait for a quantum of PipeWire's, 21 ms."""

LOOPBACK_HOLDS_S = 0.1
"""A loopback adds a quantum at either end to its delay of 0.2 s, and one for a stream's start."""

LAYERS: tuple[Layer, ...] = ("alsa", "pulse")

Start = Callable[..., HeadlessEngine]
AddSink = Callable[..., Sink]


@pytest.fixture
def pipewire() -> Iterator[PipeWireServer]:
    with pipewire_server() as server:
        yield server


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call whose sound carries its position."""
    path = tmp_path_factory.mktemp("sweep") / "sweep.wav"
    write_sweep_call(path, SWEEP_S)
    return path


@pytest.fixture
def add_sink(pipewire: PipeWireServer) -> Iterator[AddSink]:
    """Plug devices in."""
    sinks: list[Sink] = []

    def add_sink(name: str, *parameters: str, at: SoundServer = pipewire) -> Sink:
        sinks.append(Sink(at, name, *parameters))
        return sinks[-1]

    yield add_sink
    for sink in sinks:
        sink.close()


@pytest.fixture
def start(sweep: Path, tmp_path: Path) -> Iterator[Start]:
    """Start engines that play the file; end those that are left."""
    engines: list[HeadlessEngine] = []

    def start(environment: dict[str, str], *flags: str) -> HeadlessEngine:
        engines.append(HeadlessEngine(tmp_path, environment, str(sweep), *flags))
        engines[-1].wait_state(phase="playing", advancing=True)
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def at(sink: Sink, pipewire: PipeWireServer, layer: Layer) -> dict[str, str]:
    """Return what leads a program to a sink, through a layer."""
    return sink.environment | pipewire.through(layer)


def nothing_lost(before_s: float, after_s: float) -> bool:
    """Return whether sound went on where it broke off, but for what PipeWire drops.

    It holds some blocks for a sink, and drops them with the link to it.
    """
    return -REPEATED_AT_MOST_S < nearest(after_s - before_s) < DROPPED_S


def played_until_s(sink: Sink, lost_s: float) -> float:
    """Return the last position that a sink removed at `lost_s` is known to have played.

    It plays on until PipeWire has heard of it. Its monitor ends with it, and keeps the last blocks
    to itself.
    """
    by_then_s = broke_off_by_s(sink, lost_s, MONITOR_KEEPS_S)
    return by_then_s + max(nearest(last_position_s(sink.last(0.5)) - by_then_s), 0.0)


def stream_number(server: SoundServer) -> str:
    (stream,) = server.control("list", "short", "sink-inputs").splitlines()
    return stream.split()[0]


def run(environment: dict[str, str], home: Path, *words: str) -> tuple[int, str]:
    """Run a command of callplayer's; return its exit code and what it prints."""
    done = subprocess.run(
        [*CALLPLAYER, *words],
        check=False,
        env=clean_environment(home) | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("layer", LAYERS)
def test_a_sink_removed_while_another_is_there_and_back_again(
    layer: Layer, pipewire: PipeWireServer, add_sink: AddSink, start: Start
) -> None:
    first, other = add_sink("first"), add_sink("other")
    engine = start(at(first, pipewire, layer))
    until_heard(first)
    lost_s = remove(pipewire, first)
    reported_s, reported = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    assert "first" in reported["message"]
    assert nothing_lost(played_until_s(first, lost_s), went_on_s(other, lost_s))
    time.sleep(0.5)
    added_s = time.monotonic()
    back = add_sink("first")
    returned = engine.wait_state(since_s=added_s, detail="", advancing=True)
    assert "first" in returned["device"]
    assert nothing_lost(broke_off_s(other, lost_s, time.monotonic() - 0.1), went_on_s(back, lost_s))
    assert engine.quit() == 0


def test_the_last_sink_removed_holds_the_call_until_the_next_one(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start
) -> None:
    first = add_sink("first")
    engine = start(pipewire.through("alsa"))
    until_heard(first)
    lost_s = remove(pipewire, first)
    reported_s, _ = engine.wait_for(is_loss, since_s=lost_s)
    assert reported_s - lost_s < REPORTED_WITHIN_S
    state = engine.wait_state(since_s=lost_s, device=None, held=True, advancing=False)
    other = add_sink("other")
    engine.wait_state(since_s=lost_s, phase="playing", advancing=True)
    assert nothing_lost(played_until_s(first, lost_s), went_on_s(other, lost_s)), state
    assert engine.quit() == 0


def test_with_pause_on_loss_nothing_plays_aloud_elsewhere(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start
) -> None:
    first, other = add_sink("first"), add_sink("other")
    engine = start(at(first, pipewire, "alsa"), "--on-device-loss=pause")
    until_heard(first)
    lost_s = remove(pipewire, first)
    engine.wait_state(since_s=lost_s, phase="paused", held=False)
    time.sleep(0.5)
    assert rms_db(other.heard(lost_s + 0.3, time.monotonic() - 0.05)) < SILENT_DB
    assert engine.quit() == 0


def test_what_only_the_sound_server_hears_is_no_device(
    pipewire: PipeWireServer, sweep: Path, tmp_path: Path
) -> None:
    for layer in LAYERS:
        environment = pipewire.through(layer)
        code, said = run(environment, tmp_path, "--headless", str(sweep))
        assert (code, "There is no sound device" in said) == (6, True), said
    code, said = run(pipewire.through("alsa"), tmp_path, "devices")
    assert (code, "There is no sound device" in said) == (6, True), said
    code, said = run(pipewire.through("alsa"), tmp_path, "doctor")
    assert (code, "There is no sound device" in said) == (6, True), said


def on_sink(server: SoundServer) -> str:
    """Return the sink on which the only stream plays, as the server sees it; "" for none."""
    streams = [line.split() for line in server.control("list", "short", "sink-inputs").splitlines()]
    sinks = [line.split() for line in server.control("list", "short", "sinks").splitlines()]
    return next((name for number, name, *_ in sinks for s in streams if s[1] == number), "")


@pytest.mark.parametrize("system", ["alsa", "pulseaudio"])
def test_the_chosen_device_stays_when_the_default_changes_and_a_hand_may_move_it(
    system: Literal["alsa", "pulseaudio"],
    pipewire: PipeWireServer,
    pulse: PulseServer,
    add_sink: AddSink,
    start: Start,
) -> None:
    on_pipewire = system != "pulseaudio"
    server: SoundServer = pipewire if on_pipewire else pulse
    environment = pipewire.through(system) if system != "pulseaudio" else pulse.environment
    first, other = add_sink("first", at=server), add_sink("other", at=server)
    server.control("set-default-sink", "first")
    engine = start(environment, "--output-device=first")
    until_heard(first)
    changed_s = time.monotonic()
    server.control("set-default-sink", "other")
    # PipeWire lets a stream stay that was moved by hand once, in an earlier test too.
    kept_by_callplayer = soon(lambda: on_sink(server) != "first", 0.2)
    if kept_by_callplayer:
        kept_s, _ = engine.wait_for(lambda e: e.get("code") == "device-kept", since_s=changed_s)
        assert kept_s - changed_s < KEPT_WITHIN_S
    assert soon(lambda: on_sink(server) == "first", 2.0)
    if on_pipewire:  # PulseAudio's null sink, left for a moment, sleeps for 2 s at a time
        until_heard(first)
        now_s = time.monotonic()
        assert rms_db(other.heard(now_s - 0.2, now_s)) < SILENT_DB
        went_on = went_on_s(first, changed_s + 0.2)
        assert nothing_lost(broke_off_s(first, changed_s - 0.5, changed_s), went_on)

    time.sleep(max(changed_s + 1.0 - time.monotonic(), 0.0))  # a hand comes later
    engine.wait_state(since_s=changed_s + 0.5, timeout_s=5.0, phase="playing", advancing=True)
    server.control("set-default-sink", "first")
    time.sleep(1.0)
    # A stream that runs dry just then is opened anew where it was: the hand has to move it again.
    for _ in range(3):
        with contextlib.suppress(subprocess.CalledProcessError):
            server.control("move-sink-input", stream_number(server), "other")
        if soon(lambda: "other" in (engine.last("state")["device"] or ""), 3.0):
            break
    assert "other" in engine.last("state")["device"]
    if on_pipewire:
        until_heard(other)
        now_s = time.monotonic()
        assert rms_db(first.heard(now_s - 0.2, now_s)) < SILENT_DB
    assert engine.quit() == 0


def test_what_the_desktops_mixer_takes_away_is_reported_and_given_back(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start, sweep: Path, tmp_path: Path
) -> None:
    first = add_sink("first")
    engine = start(pipewire.through("alsa"))
    until_heard(first)
    listed = pipewire.control("list", "sink-inputs")
    assert 'application.name = "callplayer"' in listed
    loud_db = rms_db(first.heard(time.monotonic() - 0.3, time.monotonic()))
    pipewire.control("set-sink-input-volume", stream_number(pipewire), "20%")
    engine.wait_state(desktop_percent=20, desktop_muted=False)
    pipewire.control("set-sink-mute", "first", "1")
    engine.wait_state(desktop_percent=20, desktop_muted=True)
    time.sleep(1.5)  # the session manager writes down what it remembers after a second
    assert engine.quit() == 0

    code, said = run(pipewire.through("alsa"), tmp_path, "doctor")
    assert (code, "muted in the desktop's mixer" in said) == (6, True), said
    again = start(pipewire.through("alsa"))
    again.wait_state(desktop_percent=20, desktop_muted=True)
    asked_s = again.send(cmd="make-audible")
    again.wait_state(desktop_percent=100, desktop_muted=False, since_s=asked_s)
    until_heard(first)
    assert rms_db(first.heard(time.monotonic() - 0.3, time.monotonic())) > loud_db - 1.0
    code, said = run(pipewire.through("alsa"), tmp_path, "doctor")
    assert "PipeWire" in said, said
    assert "through pipewire-alsa" in said, said
    assert " ms delay" in said, said
    assert again.quit() == 0


def test_a_sink_of_six_channels_that_is_suspended_before_and_while_it_plays(
    pipewire: PipeWireServer, start: Start
) -> None:
    """By the session manager before, by hand later; a recorder would keep it awake.

    Suspended while any program plays, PipeWire 0.3.65 links only the first channel again, until the
    program opens its stream anew: that is what picking the device does.
    """
    module = pipewire.control(
        "load-module", "module-null-sink", "sink_name=around", "channels=6",
        "channel_map=surround-51",
    )  # fmt: skip
    try:
        assert soon(lambda: "SUSPENDED" in pipewire.control("list", "short", "sinks"))
        engine = start(pipewire.through("alsa"))
        assert soon(lambda: "RUNNING" in pipewire.control("list", "short", "sinks"))
        assert loud(record(pipewire, "around", 0.5)) >= {"left", "right"}
        for request in ("pause", "resume"):  # a stream that runs wakes its sink at once
            asked_s = engine.send(cmd=request)
            engine.wait_state(since_s=asked_s, paused=request == "pause", requested_ms=None)
            pipewire.control("suspend-sink", "around", "1")
            assert soon(lambda: "RUNNING" in pipewire.control("list", "short", "sinks"))
        assert "left" in loud(record(pipewire, "around", 0.5))
        assert not [event for _, event in engine.events if is_loss(event)]
        asked_s = engine.send(cmd="set-output-device", name="")
        engine.wait_for(lambda e: e["event"] == "devices", since_s=asked_s)
        engine.wait_state(since_s=asked_s, phase="playing", advancing=True)
        assert loud(record(pipewire, "around", 0.5)) >= {"left", "right"}
        assert engine.quit() == 0
    finally:
        pipewire.control("unload-module", module)


def test_a_delay_that_the_sink_does_not_report_is_made_up_for_and_kept(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start
) -> None:
    """A loopback of 0.2 s, as before a loudspeaker that is far away."""
    first = add_sink("first")
    loopback = subprocess.Popen(
        ["pw-loopback", "--delay=0.2", "--playback=first",
         "--capture-props=media.class=Audio/Sink node.name=late node.description=Late"],
        env=os.environ | pipewire.environment,
    )  # fmt: skip
    try:
        assert soon(lambda: "late" in pipewire.control("list", "short", "sinks"))
        engine = start(pipewire.through("alsa"), "--output-device=late")
        until_heard(first)
        ahead_s = shown_less_heard_s(engine, first)
        assert 0.1 < ahead_s < 0.2 + LOOPBACK_HOLDS_S
        missing_ms = 10 * round(ahead_s * 100)
        paused_s = engine.send(cmd="pause")
        engine.wait_state(since_s=paused_s, phase="paused", requested_ms=None)
        time.sleep(0.5)
        asked_s = engine.send(cmd="adjust-output-delay", delta_ms=missing_ms)
        _, listed = engine.wait_for(
            lambda e: e.get("output_delay_ms") == missing_ms, since_s=asked_s
        )
        clicks = first.heard(asked_s, asked_s + 2.0)
        clicked_s = asked_s + np.flatnonzero(np.abs(clicks) > 0.1)[0] / RATE_HZ
        assert abs((clicked_s - listed["click_s"] + 0.5) % 1.0 - 0.5) < SHOWN_OFF_S
        resumed_s = engine.send(cmd="resume")
        engine.wait_state(since_s=resumed_s, phase="playing", advancing=True)
        until_heard(first)
        assert abs(shown_less_heard_s(engine, first)) < SHOWN_OFF_S
        assert engine.quit() == 0
        again = start(pipewire.through("alsa"), "--output-device=late")
        until_heard(first)
        assert abs(shown_less_heard_s(again, first)) < SHOWN_OFF_S
        assert again.quit() == 0
    finally:
        loopback.terminate()
        loopback.wait()


def test_a_sink_that_another_program_holds_for_itself(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start, sweep: Path, tmp_path: Path
) -> None:
    held = pipewire.control("load-module", "module-null-sink", "sink_name=first")
    greedy = subprocess.Popen(
        ["pw-cat", "-p", "--target=first", "-P", "{ node.exclusive=true application.name=Greedy }",
         str(sweep)],
        env=os.environ | pipewire.environment,
    )  # fmt: skip
    try:
        assert soon(lambda: on_sink(pipewire) == "first")
        for words in (("doctor",), ("--headless", str(sweep))):
            code, said = run(pipewire.through("alsa"), tmp_path, *words)
            assert (code, "Greedy holds the sound device first for itself." in said) == (6, True)
        other = add_sink("other")
        engine = start(pipewire.through("alsa"), "--output-device=other")
        until_heard(other)
        assert engine.quit() == 0
    finally:
        greedy.terminate()
        greedy.wait()
        pipewire.control("unload-module", held)


def record(server: SoundServer, sink: str, seconds: float) -> np.ndarray:
    """Return the last part of what a sink of six channels plays in so long, as (frames, 6)."""
    command = [
        "timeout", f"{1 + seconds}", "parec", "-d", f"{sink}.monitor", "--latency-msec=20",
        "--format=float32le", "--channels=6", f"--rate={RATE_HZ}", "--raw",
        "--channel-map=surround-51", "--property=node.dont-reconnect=true",
    ]  # fmt: skip
    done = subprocess.run(
        command, env=os.environ | server.environment, stdout=subprocess.PIPE, check=False
    )
    return np.frombuffer(done.stdout, dtype=np.float32).reshape(-1, 6)[-round(seconds * RATE_HZ) :]


def loud(sound: np.ndarray) -> set[str]:
    """Return which of the two front loudspeakers gives sound."""
    return {side for i, side in enumerate(("left", "right")) if rms_db(sound[:, i]) > QUIET_DB}


def test_pipewire_restarted_while_it_plays(
    pipewire: PipeWireServer, add_sink: AddSink, start: Start
) -> None:
    first = add_sink("first")
    engine = start(pipewire.through("alsa"))
    until_heard(first)
    time.sleep(2.5)  # an engine that has lived for less is not replaced
    ended_s = time.monotonic()
    pipewire.end_daemons()
    reported_s, _ = engine.wait_for(is_loss, since_s=ended_s)
    assert reported_s - ended_s < REPORTED_WITHIN_S
    engine.wait_state(since_s=reported_s, device=None, held=True)
    pipewire.start()
    again = add_sink("first")
    assert nothing_lost(played_until_s(first, ended_s), went_on_s(again, ended_s))
    engine.wait_state(since_s=reported_s, phase="playing", advancing=True)
    assert engine.quit() == 0

"""Faults of this machine, and of the transcript: said at once, survived, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from callplayer.bookmarks import read_bookmarks
from callplayer.ui.model.marks import NOTE_S
from tests.e2e.test_demo_recovers import command_line
from tests.e2e.test_device_life import broke_off_s, position_s
from tests.e2e.test_program import processes_of
from tests.rig.outcome import note_outcome
from tests.rig.processes import (
    CALLPLAYER,
    HeadlessEngine,
    Service,
    clean_environment,
    is_running,
    soon,
)
from tests.rig.pulse import RATE_HZ, Sink, until_heard
from tests.rig.recorded import RecordedTerminal
from tests.rig.relay import Relay
from tests.rig.signals import PERIOD_S, heard_position_s, rms_db
from tests.rig.terminal import Terminal
from tests.rig.vendor import Script, Vendor

pytestmark = pytest.mark.plays

SILENT_DB = -60.0
DEMO_CALL = Path(__file__).parents[2] / "callplayer/demo_calls/kitchen-fire.ogg"
BUSY_S = 45.0
"""An engine is started anew in 2 s; on a busy machine that takes its time."""

REPEATED_AT_MOST_S = 1.5
"""How much may be heard again: the engine's last word on its place may be so old."""


def engine_of(home: Path) -> int:
    """Return the id of the engine that a screen with that home has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"HOME={home}".encode() in variables and "--headless" in command_line(int(folder.name)):
            return int(folder.name)
    raise AssertionError("there is no engine")


def sound_again_s(sink: Sink, since_s: float, timeout_s: float = BUSY_S) -> tuple[float, float]:
    """Return when sound came again after it broke off at `since_s`, and its place in the call."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        now_s = time.monotonic() - 0.05
        sound = sink.heard(since_s, now_s)
        blocks = sound[: len(sound) // 480 * 480].reshape(-1, 480)
        is_loud = np.sqrt(np.mean(np.square(blocks), axis=1)) > 0.03
        silent = np.flatnonzero(~is_loud)
        after = np.flatnonzero(is_loud[silent[0] :]) + silent[0] if len(silent) else []
        if len(after) and len(sound) > after[0] * 480 + RATE_HZ // 5:
            start = int(after[0]) * 480 + RATE_HZ // 25
            return since_s + after[0] * 0.01, position_s(sound, start) - 0.04
        assert time.monotonic() < deadline_s, "no sound came again"
        time.sleep(0.1)


def gap_s(before_s: float, after_s: float) -> float:
    """Return what of the call was lost between two places; negative: heard twice."""
    return (after_s - before_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2


def lost_text(lost_s: float) -> str:
    return f"nothing; {-lost_s:.1f} s heard twice" if lost_s < 0.02 else f"{lost_s:.2f} s"


@pytest.fixture
def screen(sweep_service: Service, sink: Sink, tmp_path: Path) -> Iterator[Terminal]:
    environment = clean_environment(tmp_path) | sweep_service.environment | sink.environment
    terminal = Terminal(tmp_path, [*CALLPLAYER, sweep_service.incidents[0]], environment)
    terminal.wait_for("PLAYING", timeout_s=BUSY_S)
    yield terminal
    terminal.close()


# --- the engine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "reported"),
    [(signal.SIGKILL, "died"), (signal.SIGSTOP, "fell silent")],
    ids=["killed", "stopped"],
)
def test_a_lost_engine_is_replaced_and_all_is_as_it_was(
    number: signal.Signals, reported: str, screen: Terminal, sink: Sink, tmp_path: Path
) -> None:
    screen.wait_for("PLAYING", "0 dB")
    screen.type("Down", "Down", "Tab", "Up")
    screen.wait_for("−2 dB", "+1 dB")
    until_heard(sink)
    engine = engine_of(tmp_path)
    lost_s = time.monotonic()
    os.kill(engine, number)
    screen.wait_for("RECONNECTING", f"The audio engine {reported}", timeout_s=BUSY_S)
    noticed_s = time.monotonic() - lost_s
    again_s, place_s = sound_again_s(sink, lost_s)
    before_s = broke_off_s(sink, lost_s - 0.5, lost_s + 0.3)
    seen = screen.wait_for("PLAYING", "−2 dB", "+1 dB", timeout_s=BUSY_S)
    assert "RECONNECTING" not in seen
    lost = gap_s(before_s, place_s)
    assert -REPEATED_AT_MOST_S < lost < 0.15
    assert not is_running(engine)
    assert engine_of(tmp_path) != engine
    note_outcome(f"engine {reported}", noticed_s, again_s - lost_s, lost_text(lost))

    screen.type("Space")
    screen.wait_for("PAUSED")
    os.kill(engine_of(tmp_path), signal.SIGKILL)
    screen.wait_for("RECONNECTING", timeout_s=BUSY_S)
    screen.wait_for("PAUSED", "−2 dB", "+1 dB", timeout_s=BUSY_S)
    screen.type("q")
    assert screen.wait_end() == 0


# --- the terminal ---------------------------------------------------------------------------------


def test_a_terminal_that_is_closed_takes_all_of_it_along(
    sweep_service: Service, sink: Sink, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path) | sweep_service.environment | sink.environment
    terminal = RecordedTerminal([*CALLPLAYER, sweep_service.incidents[0]], environment)
    try:
        terminal.until("PLAYING")
        assert len(processes_of(tmp_path)) >= 2
        closed_s = time.monotonic()
        terminal.hang_up()
        assert soon(lambda: not processes_of(tmp_path)), processes_of(tmp_path)
        gone_s = time.monotonic() - closed_s
        time.sleep(0.3)
        now_s = time.monotonic()
        assert rms_db(sink.heard(now_s - 0.2, now_s)) < SILENT_DB
        note_outcome("terminal closed (SIGHUP)", None, gone_s, "all ended, nothing left running")
    finally:
        terminal.close()


def test_a_player_that_is_suspended_gives_the_terminal_back_and_comes_back_to_where_it_is(
    screen: Terminal, sink: Sink, tmp_path: Path
) -> None:
    screen.wait_for("PLAYING")
    (player,) = (
        int(folder.name) for folder in Path("/proc").glob("[0-9]*") if is_player(folder, tmp_path)
    )
    time.sleep(1.0)
    os.kill(player, signal.SIGTSTP)
    screen.wait_until(lambda seen: "PLAYING" not in seen)
    assert soon(lambda: state_of(player) == "T")
    assert screen.is_restored()
    time.sleep(4.0)
    woken_s = time.monotonic()
    os.kill(player, signal.SIGCONT)
    screen.wait_for("PLAYING")
    noticed_s = time.monotonic() - woken_s
    time.sleep(1.0)
    now_s = time.monotonic()
    heard_s = heard_position_s(sink.heard(now_s - 0.04, now_s))
    assert heard_s is not None, "the sound goes on while the screen is away"
    shown = screen.screen()
    place = shown_place_s(shown)
    assert abs(gap_s(heard_s, place)) < 0.6
    screen.type("Space")
    screen.wait_for("PAUSED")
    screen.type("q")
    assert screen.wait_end() == 0
    note_outcome("suspend (SIGTSTP, 4 s, SIGCONT)", noticed_s, None, "nothing: the call plays on")


def is_player(folder: Path, home: Path) -> bool:
    try:
        variables = (folder / "environ").read_bytes().split(b"\0")
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    is_ours = f"HOME={home}".encode() in variables and words[0] == sys.executable.encode()
    return is_ours and b"--headless" not in words


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def shown_place_s(seen: str) -> float:
    from tests.benchmarks.shown import read_clock_ms

    lines = [line.ljust(80) for line in seen.splitlines()]
    shown_ms = read_clock_ms(lines)
    assert shown_ms is not None, seen
    return shown_ms / 1000


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """All that a player keeps goes to a file system of 256 KB."""
    folder = tmp_path / ".local"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    path = folder / "filling"
    with path.open("ab", buffering=0) as stream:
        for size in (4096, 64, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue
    return path


def test_on_a_full_disk_it_is_said_playing_goes_on_and_nothing_is_corrupted(
    small_disk: Path, screen: Terminal, sink: Sink, tmp_path: Path, sweep_service: Service
) -> None:
    screen.wait_for("PLAYING")
    screen.type("b")
    screen.wait_for("Bookmark at")
    filling = fill(small_disk)
    screen.type("5")  # the key soon after adds a note, but for another place
    time.sleep(1.0)  # until that place is heard
    full_s = time.monotonic()
    screen.type("b")
    screen.wait_for("Not saved yet: No space left on device.")
    noticed_s = time.monotonic() - full_s
    screen.type("c")
    screen.wait_for("Copied for the clipboard, not into a file: No space left")
    screen.type("y")
    screen.wait_for("cannot be remembered: No space left")
    os.kill(engine_of(tmp_path), signal.SIGKILL)
    screen.wait_for("RECONNECTING", timeout_s=BUSY_S)
    screen.wait_for("PLAYING", timeout_s=BUSY_S)
    (path,) = small_disk.rglob("bookmarks/*.json")
    assert len(read_bookmarks(path)) == 1
    time.sleep(NOTE_S)  # from then on the key sets another bookmark
    filling.unlink()
    screen.type("7")
    time.sleep(1.0)
    screen.type("b")
    screen.wait_for("Bookmark at")
    screen.type("q")
    assert screen.wait_end() == 0
    assert len(read_bookmarks(path)) == 3, "what could not be saved was saved with the next"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    (log,) = small_disk.rglob("callplayer.log")
    log.read_bytes().decode()
    note_outcome("disk full", noticed_s, None, "nothing: saved with the next bookmark")


def test_a_disk_that_is_full_from_the_start_does_not_stop_the_call(
    small_disk: Path, sweep_service: Service, sink: Sink, tmp_path: Path
) -> None:
    fill(small_disk)
    environment = clean_environment(tmp_path) | sweep_service.environment | sink.environment
    terminal = RecordedTerminal([*CALLPLAYER, sweep_service.incidents[0]], environment)
    try:
        terminal.until("PLAYING")
        terminal.type("b")
        terminal.until("Not saved yet: No space left on device.")
        terminal.type("q")
        assert terminal.until_ended() == 0
    finally:
        terminal.close()


# --- the transcript's cable -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose call has words."""
    service = Service(tmp_path_factory.mktemp("talking"), DEMO_CALL)
    yield service
    assert service.stop() == 0


@pytest.fixture
def line(talking: Service) -> Iterator[Relay]:
    """The line that the words come over."""
    address = urlsplit(talking.api_url)
    assert address.hostname is not None
    assert address.port is not None
    relay = Relay((address.hostname, address.port))
    yield relay
    relay.close()


Start = Callable[..., HeadlessEngine]


def hears_on(engine: HeadlessEngine, since_s: float) -> None:
    """The sound did not suffer: it goes on in the same room."""
    began = engine.wait_state(since_s=since_s)
    engine.wait_for(
        lambda e: e["event"] == "state" and e["position_ms"] > began["position_ms"] + 1000,
        since_s=since_s,
    )
    reported = {e["phase"] for at_s, e in engine.events if at_s > since_s and e["event"] == "state"}
    assert not reported & {"reconnecting", "failed", "connecting"}


@pytest.mark.parametrize("fault", ["cable cut", "cable stale"])
def test_a_cable_that_is_lost_is_restored_and_the_sound_goes_on(
    fault: str, talking: Service, line: Relay, sink: Sink, tmp_path: Path
) -> None:
    engine = HeadlessEngine(
        tmp_path,
        talking.environment | sink.environment,
        talking.incidents[0],
        f"--cable-url=ws://127.0.0.1:{line.port}/cable",
    )
    try:
        engine.wait_state(phase="playing", advancing=True)
        engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "open")
        engine.wait_for(lambda e: e["event"] == "words")
        lost_s = line.cut() if fault == "cable cut" else line.go_dead()
        noticed_s, reported = engine.wait_for(
            lambda e: e["event"] == "transcript" and e["state"] == "reconnecting", 12.0, lost_s
        )
        assert reported["detail"]
        line.revive()
        again_s, _ = engine.wait_for(
            lambda e: e["event"] == "transcript" and e["state"] == "open", 15.0, noticed_s
        )
        hears_on(engine, lost_s)
        assert engine.quit() == 0
        words = f"nothing; words again after {again_s - lost_s:.1f} s"
        note_outcome(fault, noticed_s - lost_s, None, words)
    finally:
        engine.close()


def test_a_cable_that_rejects_is_said_and_the_sound_goes_on(sink: Sink, tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, Script(folder=str(tmp_path), sound_s=30.0, rejects=True))
    engine = HeadlessEngine(tmp_path, vendor.environment | sink.environment, "i1")
    try:
        engine.wait_state(phase="playing", advancing=True)
        _, reported = engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "none")
        assert reported["detail"] == "This call has no transcript."
        hears_on(engine, time.monotonic())
        assert engine.quit() == 0
        note_outcome("cable rejects", None, None, "the words, which this client may not have")
    finally:
        engine.close()
        vendor.stop()


# --- the clock ------------------------------------------------------------------------------------

SMALLEST_JUMP_MS = 1_900
"""A bot on a busy machine is late by some of that itself."""

CLOCK_THAT_JUMPS = """
import random, sys, time
real, chance, state = time.time, random.Random(7), [0.0, 0.0]
def jumping():
    if time.monotonic() > state[0]:
        state[:] = [time.monotonic() + 0.3, chance.choice([-86400.0, -3600.0, -2.0, 2.0, 1e6])]
    return real() + state[1]
time.time = jumping
from callplayer.cli import run
run()
"""


def test_a_wall_clock_that_jumps_moves_nothing(
    sweep_service: Service, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.rig.processes.CALLPLAYER", (sys.executable, "-P", "-c", CLOCK_THAT_JUMPS)
    )
    environment = sweep_service.environment | sink.environment
    engine = HeadlessEngine(tmp_path, environment, sweep_service.incidents[0])
    try:
        engine.wait_state(phase="playing", advancing=True)
        time.sleep(1.0)
        since_s = time.monotonic()
        engine.send(cmd="scrub", position=20_000)
        state = engine.wait_state(since_s=since_s, requested_ms=None, phase="playing")
        assert 20_000 <= state["position_ms"] < 21_500
        time.sleep(3.0)
        reported = [
            e
            for at_s, e in engine.events
            if at_s > since_s + 1.0 and e["event"] == "state" and e["requested_ms"] is None
        ]
        starts = [e["position_ms"] - 1000 * e["as_of_s"] for e in reported]
        assert max(starts) - min(starts) < SMALLEST_JUMP_MS
        now_s = time.monotonic()
        heard = sink.heard(since_s + 1.0, now_s)
        assert rms_db(heard[-RATE_HZ // 10 :]) > -30
        assert engine.quit() == 0
        note_outcome("clock jumps", None, None, "nothing: no position comes from the wall clock")
    finally:
        engine.close()

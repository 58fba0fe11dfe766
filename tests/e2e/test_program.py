"""The whole program in a terminal: keys pressed, the screen read, the sound measured."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import CALLER_HZ, TAKER_HZ
from tests.rig.processes import CALLPLAYER, Service, clean_environment
from tests.rig.pulse import RATE_HZ, Sink
from tests.rig.recorded import RecordedTerminal
from tests.rig.signals import heard_position_s, rms_db, tone_db
from tests.rig.terminal import Terminal

SIZES = [(60, 16), (200, 60)]


def processes_of(home: Path) -> list[str]:
    """Return the command lines of living processes that were started with that home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"HOME={home}".encode() in variables and line:
            found.append(line)
    return found


@pytest.fixture
def screen(tone_service: Service, sink: Sink, tmp_path: Path) -> Iterator[Terminal]:
    environment = clean_environment(tmp_path) | tone_service.environment | sink.environment
    terminal = Terminal(tmp_path, [*CALLPLAYER, tone_service.incidents[0]], environment)
    yield terminal
    terminal.close()


@contextlib.contextmanager
def demo(home: Path, sink: Sink, *flags: str) -> Iterator[Terminal]:
    """`callplayer demo` on a terminal; it is left at the end, and nothing of it may be there."""
    environment = clean_environment(home) | sink.environment
    terminal = Terminal(home, [*CALLPLAYER, "demo", *flags], environment)
    try:
        yield terminal
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()
    time.sleep(0.2)  # the terminal's own server leaves by itself
    assert not processes_of(home)


@pytest.mark.records
def test_keys_change_what_is_seen_and_heard(screen: Terminal, sink: Sink, tmp_path: Path) -> None:
    screen.wait_for("PLAYING", "Caller", "Call taker", "0 dB")
    time.sleep(1.0)
    now_s = time.monotonic()
    before = sink.heard(now_s - 0.5, now_s)
    assert tone_db(before, CALLER_HZ) > -18
    assert tone_db(before, TAKER_HZ) > -18

    paused_s = screen.type("Space")
    screen.wait_for("PAUSED")
    time.sleep(0.5)
    assert rms_db(sink.heard(paused_s + 0.15, paused_s + 0.5)) < -70
    screen.type("k")
    screen.wait_for("PLAYING")

    screen.type(*["Down"] * 12)
    screen.wait_for("−12 dB")
    time.sleep(1.2)
    now_s = time.monotonic()
    quieter = sink.heard(now_s - 0.5, now_s)
    change_db = tone_db(quieter, CALLER_HZ) - tone_db(before, CALLER_HZ)
    assert change_db == pytest.approx(-12.0, abs=1.0)

    screen.type("=")
    screen.type("Tab", "m")
    time.sleep(0.8)
    now_s = time.monotonic()
    muted = sink.heard(now_s - 0.4, now_s)
    assert tone_db(muted, TAKER_HZ) < -60
    assert tone_db(muted, CALLER_HZ) > -18
    screen.type("m")

    screen.type("End")
    screen.wait_for("AT END")
    screen.type("5")
    screen.wait_for("PLAYING", "0:3")
    screen.type("?")
    screen.wait_for("play and move")
    screen.type("Escape")
    screen.wait_for("Caller")
    assert any("--headless" in line for line in processes_of(tmp_path))
    screen.type("q")
    assert screen.wait_end() == 0
    assert not [line for line in processes_of(tmp_path) if "--headless" in line]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_every_size_shows_what_matters(screen: Terminal, columns: int, rows: int) -> None:
    screen.wait_for("PLAYING")
    screen.resize(columns, rows)
    seen = screen.wait_for("PLAYING", "Caller", "Call taker", "1:00")
    lines = seen.splitlines()
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns
    screen.type("C-c")
    assert screen.wait_end() == 0


@pytest.mark.plays
def test_the_demo_plays_with_one_command_and_leaves_nothing_behind(
    sink: Sink, tmp_path: Path
) -> None:
    with demo(tmp_path, sink) as terminal:
        seen = terminal.wait_for("PLAYING", "of 2:41", timeout_s=30)
        assert "+1" in seen
        assert "555" in seen
        started = processes_of(tmp_path)
        assert any("livekit-server" in line for line in started)
        assert any("callplayer serve" in line for line in started)
        time.sleep(4.0)
        now_s = time.monotonic()
        assert rms_db(sink.heard(now_s - 3.0, now_s)) > -45, "the call taker is not heard"
        terminal.wait_for("─ transcript", "Call taker ┊ 911, what is the address")
        terminal.type("/", *"smoke", "Enter")
        terminal.wait_for("“smoke” 1 of 2", "any smoke on the stairs?", "0:5")
        time.sleep(1.0)  # until that place is heard
        terminal.type("b")
        terminal.wait_until(lambda seen: bool(re.search("Bookmark at (0:5|1:0)", seen)))


def test_words_of_a_live_call_come_as_they_are_said(sink: Sink, tmp_path: Path) -> None:
    with demo(tmp_path, sink, "--live") as terminal:
        early = terminal.wait_for("─ transcript", "911", timeout_s=40)
        assert "smoke" not in early
        assert "behind" in early
        terminal.wait_for("my kitchen is on fire", timeout_s=20)
        for _ in range(3):
            terminal.type("r")
            back = terminal.wait_for("▶ PLAYING", "s behind")
            if "from memory" in back:
                break
            # The sound had a break: the server has been asked, and nothing is ahead.
            terminal.type("End")
            terminal.wait_for("● LIVE")
            time.sleep(3.0)
        time.sleep(0.5)  # until that place is heard
        terminal.type("C")
        terminal.wait_for("1.25×")
        terminal.type("End")
        terminal.wait_until(lambda screen: "● LIVE" in screen and "1.25×" not in screen)
        terminal.type("p", "Home", "Right")
        terminal.wait_until(lambda screen: bool(re.search(r"↓0:0\d\.", screen)))
        terminal.type("Enter")
        terminal.wait_until(lambda screen: "↓0:0" not in screen)
        terminal.wait_until(lambda screen: "● LIVE" not in screen)


def test_plain_lines_need_no_terminal(tone_service: Service, sink: Sink, tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | tone_service.environment | sink.environment
    played_in_lines([*CALLPLAYER, tone_service.incidents[0]], environment, "of 1:00")


def test_a_terminal_that_cannot_be_drawn_on_gets_plain_lines(
    tone_service: Service, sink: Sink, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path) | tone_service.environment | sink.environment
    argv = [*CALLPLAYER, tone_service.incidents[0]]
    terminal = RecordedTerminal(argv, environment, term="dumb")
    try:
        terminal.until("Playing at")
        terminal.type(" ")
        terminal.until("Paused at")
        terminal.type("t0:30\n")
        terminal.until("At 0:30 of 1:00.")
        terminal.type("q")
        assert terminal.until_ended() == 0
    finally:
        terminal.close()
    assert b"\x1b" not in terminal.output


def test_a_call_is_picked_played_and_left_for_the_list(sink: Sink, tmp_path: Path) -> None:
    with demo(tmp_path, sink, "--pick") as terminal:
        terminal.wait_for("filter:", "▸ recorded", timeout_s=40)
        for _ in range(2):
            terminal.type("Enter")
            terminal.wait_for("▶ PLAYING")
            terminal.type("Escape")
            terminal.wait_for("filter:", "▸ recorded")


def test_the_demo_plays_in_plain_lines(sink: Sink, tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | sink.environment
    played_in_lines([*CALLPLAYER, "demo"], environment, "of 2:41")
    assert not processes_of(tmp_path)


def played_in_lines(argv: list[str], environment: dict[str, str], length: str) -> None:
    """Play, pause and leave by lines on a pipe."""
    player = subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert player.stdin is not None
    assert player.stdout is not None
    try:
        for wanted, answer in (("Playing at", "toggle-pause"), ("Paused at", "q")):
            line = next(line for line in player.stdout if wanted in line)
            assert length in line
            player.stdin.write(f"{answer}\n")
            player.stdin.flush()
        assert player.wait(timeout=15) == 0
    finally:
        player.kill()
        player.wait()
        player.stdin.close()
        player.stdout.close()


@pytest.mark.plays
def test_the_demo_plays_a_recording_of_ones_own(sink: Sink, tmp_path: Path) -> None:
    from tests.rig.signals import write_sweep_call

    write_sweep_call(tmp_path / "mine.flac", 30.0)
    ended = subprocess.Popen(
        [*CALLPLAYER, "demo", str(tmp_path / "mine.flac"), "--headless"],
        env=clean_environment(tmp_path) | sink.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert ended.stdin is not None
    assert ended.stdout is not None
    for line in ended.stdout:
        if b'"phase":"playing"' in line and b'"advancing":true' in line:
            break
    time.sleep(1.5)
    now_s = time.monotonic()
    sound = sink.heard(now_s - 0.04, now_s)
    assert len(sound) == pytest.approx(RATE_HZ * 0.04, abs=2)
    assert np.abs(sound).max() > 0.05
    assert heard_position_s(sound) == pytest.approx(1.5, abs=0.4)
    ended.stdin.close()
    ended.stdout.read()
    ended.stdout.close()
    assert ended.wait(timeout=15) == 0

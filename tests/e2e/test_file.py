"""`callplayer FILE`: a recording heard, steered and read with no server and no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from callplayer.recordings.named_file import incident_id
from tests.e2e.conftest import CALLER_HZ, SWEEP_S, TAKER_HZ
from tests.rig.processes import CALLPLAYER, HeadlessEngine, clean_environment
from tests.rig.pulse import RATE_HZ, Sink, until_heard
from tests.rig.signals import (
    PERIOD_S,
    heard_position_s,
    tone_db,
    write_sweep_call,
    write_tones,
)
from tests.rig.terminal import Terminal

Play = Callable[..., HeadlessEngine]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call whose sound carries its position, with words and facts beside it."""
    path = tmp_path_factory.mktemp("sweep") / "sweep.wav"
    write_sweep_call(path, SWEEP_S)
    facts = {"caller_phone_number": "+15555550142", "created_at": "2026-03-14 02:47:09 UTC"}
    words = [
        {"word": f"word{n}", "speaker": "Caller", "start_offset": float(n), "duration": 0.4}
        for n in range(1, 31)
    ]
    path.with_suffix(".json").write_text(json.dumps({"incident": facts, "words": words}))
    return path


@pytest.fixture
def play(tmp_path: Path, sink: Sink) -> Iterator[Play]:
    """Start headless engines that play a file into this test's sink; end those that are left."""
    engines: list[HeadlessEngine] = []

    def start(file: Path, *flags: str, prefix: tuple[str, ...] = ()) -> HeadlessEngine:
        engine = HeadlessEngine(tmp_path, sink.environment, str(file), *flags, prefix=prefix)
        engines.append(engine)
        return engine

    yield start
    for engine in engines:
        engine.close()


def error_s(heard_s: float | None, expected_s: float) -> float:
    """Return heard − expected, modulo the sweep's period, within ± half of it."""
    assert heard_s is not None, "nothing is heard"
    return (heard_s - expected_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2


def median_error_s(engine: HeadlessEngine, sink: Sink) -> float:
    """Return by how much what was heard differs from what was reported, over the last states."""
    states = [e for _, e in engine.events if e["event"] == "state" and e["advancing"]]
    errors_s = [
        error_s(
            heard_position_s(sink.heard(e["as_of_s"] - 0.02, e["as_of_s"] + 0.02)),
            e["audible_ms"] / 1000,
        )
        for e in states[-8:]
        if 0.1 < e["audible_ms"] / 1000 % PERIOD_S < PERIOD_S - 0.1
    ]
    assert len(errors_s) >= 4
    return float(np.median(errors_s))


@pytest.mark.measures
def test_a_file_is_heard_from_its_start_and_where_it_is_sent(
    sweep: Path, play: Play, sink: Sink
) -> None:
    engine = play(sweep)
    state = engine.wait_state(phase="playing", advancing=True)
    assert (state["source"], state["recording"]) == ("recording", "sweep.wav")
    until_heard(sink)
    sound = sink.heard(engine.started_s, time.monotonic())
    first = int(np.argmax(np.abs(sound) > 0.05))
    position_s = heard_position_s(sound[first : first + RATE_HZ // 25])
    assert abs(error_s(position_s, 0.02)) < 0.03, "its start was missed"
    time.sleep(3.0)
    assert abs(median_error_s(engine, sink)) < 0.030
    for target_s in (33.0, 12.5, 51.25):
        asked_s = engine.send(cmd="scrub", position=round(target_s * 1000))
        time.sleep(0.8)
        sound = sink.heard(asked_s + 0.04, asked_s + 0.7)
        first = int(np.argmax(np.abs(sound) > 0.05))
        assert first / RATE_HZ + 0.04 < 0.25, "too slow"
        position_s = heard_position_s(sound[first : first + RATE_HZ // 25])
        assert -0.03 < error_s(position_s, target_s + 0.02) < 0.05, target_s
    assert engine.last("stats")["network_ms"] is None
    assert engine.last("stats")["jitter_buffer_ms"] == 0.0
    assert engine.quit() == 0


@pytest.mark.measures
def test_gains_mute_and_pause_work_on_each_party(tmp_path: Path, play: Play, sink: Sink) -> None:
    path = tmp_path / "tones.flac"
    write_tones(path, 60.0, CALLER_HZ, TAKER_HZ)
    engine = play(path)
    engine.wait_state(phase="playing", advancing=True)
    until_heard(sink)

    def levels_db() -> tuple[float, float]:
        time.sleep(1.2)
        now_s = time.monotonic()
        sound = sink.heard(now_s - 0.8, now_s)
        return (tone_db(sound, CALLER_HZ, np.median), tone_db(sound, TAKER_HZ, np.median))

    caller_db, taker_db = levels_db()
    engine.send(cmd="set-gain", gain=-12, callerType="caller")
    engine.send(cmd="set-gain", gain=6, callerType="callTaker")
    changed_db = levels_db()
    assert abs(changed_db[0] - caller_db + 12) < 0.5
    assert abs(changed_db[1] - taker_db - 6) < 0.5
    engine.send(cmd="mute", callerType="callTaker")
    assert levels_db()[1] < taker_db - 40
    engine.send(cmd="pause")
    time.sleep(0.5)
    paused = engine.wait_state(since_s=time.monotonic(), phase="paused", requested_ms=None)
    now_s = time.monotonic()
    assert float(np.abs(sink.heard(now_s - 0.2, now_s)).max()) < 1e-3
    sent_s = engine.send(cmd="resume")
    goes_on = engine.wait_state(since_s=sent_s, phase="playing")
    assert 0 <= goes_on["position_ms"] - paused["position_ms"] < 500
    assert engine.quit() == 0


def test_words_facts_and_the_end_of_the_call(sweep: Path, play: Play) -> None:
    engine = play(sweep, "--no-audio")
    _, incident = engine.wait_for(lambda e: e["event"] == "incident")
    assert incident["id"] == incident_id("sweep.wav")
    assert incident["caller_phone_number"] == "+15555550142"
    assert incident["created_at"] == "2026-03-14T02:47:09+00:00"
    engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "open")
    _, words = engine.wait_for(lambda e: e["event"] == "words")
    assert [word["word"] for word in words["words"]][:3] == ["word1", "word2", "word3"]
    assert words["words"][0]["start_offset"] == 1.0
    engine.send(cmd="scrub-to-end")
    end = engine.wait_state(phase="at-end")
    assert end["position_ms"] == end["duration_ms"] == round(SWEEP_S * 1000)
    sent_s = engine.send(cmd="toggle-pause")
    engine.wait_state(since_s=sent_s, phase="playing", requested_ms=None)
    engine.send(cmd="scrub", position=round(SWEEP_S * 1000) - 600)
    engine.wait_state(since_s=time.monotonic(), phase="at-end")
    engine.send(cmd="retry-now")
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert error["code"] == "no-server"
    assert engine.quit() == 0


def test_it_needs_no_network_at_all(sweep: Path, play: Play) -> None:
    """In a network namespace of its own there is not even a loopback interface that is up."""
    engine = play(sweep, "--no-audio", prefix=("unshare", "--net", "--map-root-user"))
    engine.wait_state(phase="playing", advancing=True)
    engine.wait_for(lambda e: e["event"] == "words")
    assert engine.quit() == 0


def test_paused_waits_at_the_start(sweep: Path, play: Play) -> None:
    engine = play(sweep, "--paused", "--no-audio")
    engine.wait_state(phase="paused", duration_ms=60_000)
    time.sleep(0.6)
    state = engine.wait_state(since_s=time.monotonic())
    assert (state["phase"], state["position_ms"]) == ("paused", 0)
    assert engine.quit() == 0


def write_cut_call(path: Path) -> None:
    write_sweep_call(path, 10.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("mode", "make", "what"),
    [
        ("--headless", lambda path: None, "no file"),
        ("--plain", lambda path: path.mkdir(), "is a folder"),
        ("--headless", os.mkfifo, "is a pipe"),
        ("--plain", lambda path: path.write_text("no sound" * 100), "no sound file"),
        ("--headless", write_cut_call, "is cut off"),
    ],
    ids=["missing", "folder", "pipe", "text", "cut"],
)
def test_a_wrong_file_is_reported_in_two_lines(
    tmp_path: Path, mode: str, make: Callable[[Path], object], what: str
) -> None:
    path = tmp_path / "call.wav"
    make(path)
    ran = subprocess.run(
        [*CALLPLAYER, str(path), mode, "--no-audio"],
        env=clean_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 2
    if mode == "--headless":
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        error = next(event for event in events if event["event"] == "error")
        assert what in error["message"] or "No such file" in error["message"]
        assert error["exit_code"] == 2
    else:
        lines = ran.stderr.splitlines()
        assert len(lines) == 2
        assert what in lines[0]
    assert "Traceback" not in ran.stderr


def test_a_file_has_no_live_end(sweep: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [*CALLPLAYER, str(sweep), "--live", "--headless"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 2
    assert "no live end" in ran.stderr


def test_plain_mode_says_what_is_heard_and_ends_with_the_call(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    write_sweep_call(path, 2.0)
    ran = subprocess.run(
        [*CALLPLAYER, "short.wav", "--plain", "--no-audio"],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Recording short.wav, no server." in ran.stdout.splitlines()
    assert any(line.startswith("At end") for line in ran.stdout.splitlines())


def test_the_screen_says_that_there_is_no_server_and_keeps_bookmarks(
    sweep: Path, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path)
    terminal = Terminal(
        tmp_path, [*CALLPLAYER, str(sweep), "--no-audio"], environment, columns=120, rows=30
    )
    try:
        terminal.wait_for("PLAYING", "recording sweep.wav, no server", "word1")
        terminal.type("R")
        terminal.wait_for("nothing to reconnect")
        terminal.type("Right")
        terminal.type("b")
        terminal.wait_for("Bookmark")
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()
    for word in (str(sweep), incident_id("sweep.wav")):
        ran = subprocess.run(
            [*CALLPLAYER, "bookmarks", word, "--format", "json"],
            env=environment, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert len(json.loads(ran.stdout)["bookmarks"]) == 1


def test_an_engine_that_dies_is_brought_back_to_its_place(sweep: Path, tmp_path: Path) -> None:
    argv = [*CALLPLAYER, str(sweep), "--no-audio", "--plain"]
    terminal = Terminal(tmp_path, argv, clean_environment(tmp_path), rows=60)
    try:
        terminal.wait_for("Playing at 0:00")
        terminal.type("5")
        terminal.wait_for("At 0:30")
        wanted = f"play --headless .*{sweep}"
        pids = subprocess.run(
            ["pgrep", "-f", wanted], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(pids[0]), signal.SIGKILL)
        terminal.wait_for("Reconnecting at 0:3", timeout_s=30)
        terminal.wait_until(
            lambda screen: "Playing at 0:29" in screen or "Playing at 0:3" in screen, timeout_s=60
        )
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()

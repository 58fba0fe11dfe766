"""The engine is a process that may die or fall silent: the screen brings it back, or says so."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from callplayer.ipc.client import EngineClient
from callplayer.ipc.messages import Event, StateEvent, TogglePause
from callplayer.ipc.news import EngineGone, EngineRestarting
from callplayer.ipc.process import start_engine
from callplayer.ipc.restore import EngineLimits
from callplayer.retry import Backoff, RestartBudget
from callplayer.ui.options import PlayerResult
from tests.rig.processes import is_running
from tests.ui.live import FAKE_ENGINE, player

QUICK = EngineLimits(
    silence_s=1.5, quit_s=0.5, terminate_s=0.3, restarts=RestartBudget((0.0, 0.05))
)


async def test_a_dead_engine_is_started_again_paused_and_brought_back(tmp_path: Path) -> None:
    async with player(tmp_path, "--playing", limits=QUICK) as session:
        await session.until_text("▶ PLAYING")
        await session.pilot.press("up", "up", "tab", "m")
        await session.until_text("M MUTED")
        pid = session.client.pid
        assert pid is not None
        before_ms = session.app.player.view.state.position_ms
        os.kill(pid, signal.SIGKILL)
        await session.until_text("↻ RECONNECTING")
        await session.until_text("▶ PLAYING")
        await session.until_text("+2 dB")
        state = session.app.player.view.state
        assert [party.gain_db for party in state.parties] == [2.0, 0.0]
        assert [party.muted for party in state.parties] == [False, True]
        await session.until(lambda: session.app.player.view.state.requested_ms is None)
        assert abs(session.app.player.view.state.position_ms - before_ms) < 3_000
        restored = session.requests()[3:]
        assert restored[0] == '{"cmd":"set-gain","gain":2.0,"callerType":"caller"}'
        assert restored[1] == '{"cmd":"mute","callerType":"callTaker"}'
        assert restored[2].startswith('{"cmd":"scrub","position":')
        assert restored[3:] == ['{"cmd":"resume"}']
        assert session.client.pid != pid
        assert not is_running(pid)


class QuickThenLong(Backoff):
    """Two waits that are over at once, then one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self._waits_s = iter((0.02, 0.02, 60.0))

    def next_s(self, chance: float, asked_s: float = 0.0) -> float:
        del chance, asked_s
        return next(self._waits_s)


async def test_an_engine_that_is_lost_while_the_server_is_out_of_reach_is_tried_for_ever(
    tmp_path: Path,
) -> None:
    """More often than an engine may die in a minute; then R does not wait for the next try."""
    out_of_reach = tmp_path / "out of reach"
    limits = replace(QUICK, unreached=QuickThenLong)
    flags = ("--playing", "--fail-while", str(out_of_reach), "--pids", str(tmp_path / "pids"))
    async with player(tmp_path, *flags, limits=limits) as session:
        await session.until_text("▶ PLAYING")
        await session.pilot.press("up")
        await session.until_text("+1 dB")
        before_ms = session.app.player.view.state.position_ms
        pid = session.client.pid
        assert pid is not None
        out_of_reach.touch()
        os.kill(pid, signal.SIGKILL)
        await session.until_text("The call's server does not answer.")
        await session.until_text("R tries at once.")
        await session.until(lambda: bool(re.search(r"next try in [456]\d s", session.text)))
        assert "↻ RECONNECTING" in session.text
        assert len((tmp_path / "pids").read_text().split()) == 4, "one that plays, three that try"
        out_of_reach.unlink()
        await session.pilot.press("R")
        await session.until_text("▶ PLAYING")
        await session.until_text("+1 dB")
        assert abs(session.app.player.view.state.position_ms - before_ms) < 3_000
        assert session.app.player.view.state.lost_at_s is None


async def test_a_sign_in_that_is_refused_ends_a_call_that_is_brought_back(tmp_path: Path) -> None:
    refused = tmp_path / "refused"
    flags = ("--playing", "--fail-while", str(refused), "--fail-as", "sign-in-refused")
    async with player(tmp_path, *flags, limits=QUICK) as session:
        await session.until_text("▶ PLAYING")
        refused.touch()
        pid = session.client.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await session.until_text("✖ FAILED")


async def test_a_paused_call_stays_paused_over_a_restart(tmp_path: Path) -> None:
    async with player(tmp_path, limits=QUICK) as session:
        await session.until_text("▮▮ PAUSED")
        pid = session.client.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await session.until(lambda: session.client.pid not in (pid, None))
        await session.until_text("▮▮ PAUSED")
        await session.until(lambda: session.requests() == ['{"cmd":"scrub","position":83400}'])


async def test_a_silent_engine_is_killed_and_started_again(tmp_path: Path) -> None:
    once = str(tmp_path / "once")
    flags = ("--playing", "--stall-after-s", "0.3", "--once", once)
    async with player(tmp_path, *flags, limits=QUICK) as session:
        await session.until_text("▶ PLAYING")
        pid = session.client.pid
        assert pid is not None
        await session.until_text("fell silent")
        await session.until_text("▶ PLAYING")
        assert not is_running(pid)


async def test_an_engine_that_dies_too_often_is_given_up_and_the_screen_says_so(
    tmp_path: Path,
) -> None:
    async with player(tmp_path, "--die-after-s", "0.1", limits=QUICK) as session:
        await session.until_text("✖ FAILED")
        assert "lost 3 times in a minute" in session.text
        await session.pilot.press("q")
        await session.until(lambda: session.result() is not None)
        result = session.result()
        assert result is not None
        assert result.exit_code == 1


async def test_a_failure_at_the_start_leaves_with_its_code_message_and_hint(
    tmp_path: Path,
) -> None:
    async with player(tmp_path, "--fail-at-start") as session:
        await session.until(lambda: session.result() is not None)
    result = session.result()
    assert result is not None
    assert (result.exit_code, result.message) == (5, "The call's server does not answer.")
    assert result.hint == "Check the network, then start again."


async def test_a_failure_later_stays_on_the_screen_until_the_user_quits(tmp_path: Path) -> None:
    async with player(tmp_path, "--playing", "--fail-after-s", "0.3") as session:
        await session.until_text("✖ FAILED")
        assert "The call's server does not answer." in session.text
        assert "Check the network, then start again." in session.text
        assert session.result() is None
        await session.pilot.press("q")
        await session.until(lambda: session.result() is not None)
        assert session.result() == PlayerResult(
            5, "The call's server does not answer.", "Check the network, then start again."
        )


async def test_a_failed_call_is_tried_again_and_goes_on_where_it_was(tmp_path: Path) -> None:
    flags = ("--fail-after-s", "0.5", "--fail-once", "--once", str(tmp_path / "once"))
    async with player(tmp_path, "--playing", *flags) as session:
        await session.until_text("✖ FAILED")
        assert "R try again" in session.text
        assert "Space" not in session.text
        failed_ms = session.app.player.view.state.position_ms
        await session.pilot.press("R")
        await session.until_text("▶ PLAYING")
        state = session.app.player.view.state
        assert failed_ms - 1_000 <= state.position_ms <= failed_ms + 3_000
        assert "does not answer" not in session.text
        await session.pilot.press("q")
        await session.until(lambda: session.result() is not None)
        assert session.result() == PlayerResult(0)


async def test_an_engine_that_does_not_leave_is_ended(tmp_path: Path) -> None:
    async with player(tmp_path, "--ignore-quit", "--stall-after-s", "0.1", limits=QUICK) as session:
        await session.until_text("▮▮ PAUSED")
        await session.pilot.pause(0.3)
        pid = session.client.pid
    assert pid is not None
    assert not is_running(pid)


async def test_a_client_may_adopt_an_engine_that_runs_already(tmp_path: Path) -> None:
    argv = (sys.executable, str(FAKE_ENGINE))
    process = start_engine(argv, tmp_path / "logs" / "log")
    client = EngineClient(argv, tmp_path / "logs" / "log", process=process)
    received: list[Event | EngineRestarting | EngineGone] = []
    running = asyncio.create_task(client.run(received.append))
    deadline_s = time.monotonic() + 5
    while not any(isinstance(event, StateEvent) and event.lanes for event in received):
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)
    assert client.pid == process.pid
    assert client.send(TogglePause())
    await client.close()
    assert running.cancelled()
    assert process.exit_status() == 0


@pytest.mark.parametrize("line", ["not json", '{"event":"unknown"}', "x" * 5000])
async def test_a_line_that_is_no_event_is_dropped_and_the_next_is_heard(
    line: str, tmp_path: Path
) -> None:
    program = f'print({line!r}); print(\'{{"event":"state","phase":"paused"}}\')'
    client = EngineClient((sys.executable, "-c", program), tmp_path / "log", limits=QUICK)
    received: list[Event | EngineRestarting | EngineGone] = []
    running = asyncio.create_task(client.run(received.append))
    await asyncio.wait_for(running, 10)
    assert isinstance(received[0], StateEvent)
    assert isinstance(received[-1], EngineGone)
    await client.close()


async def test_a_program_that_cannot_be_started_is_reported(tmp_path: Path) -> None:
    client = EngineClient((str(tmp_path / "nothing"),), tmp_path / "log")
    received: list[Event | EngineRestarting | EngineGone] = []
    await client.run(received.append)
    assert isinstance(received[0], EngineGone)
    assert received[0].exit_code == 1


async def test_an_engines_stderr_goes_to_the_log_file(tmp_path: Path) -> None:
    program = "import sys; sys.stderr.write('a native library speaks\\n')"
    client = EngineClient((sys.executable, "-c", program), tmp_path / "log", limits=QUICK)
    await client.run(lambda event: None)
    assert "a native library speaks" in (tmp_path / "log").read_text()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600

"""A call that plays without a server moves to a real room by R, at the same place."""

from __future__ import annotations

import sys
from pathlib import Path

from callplayer.ipc.restore import EngineLimits
from callplayer.retry import RestartBudget
from tests.rig.processes import is_running
from tests.ui.live import FAKE_ENGINE, player

LIMITS = EngineLimits(
    start_s=5.0, silence_s=0.6, quit_s=0.5, terminate_s=0.3, restarts=RestartBudget((0.0, 0.05))
)


class Room:
    """What is made ready meanwhile; the test says when."""

    def __init__(self) -> None:
        self.notice = "building, 1 of 2"
        self.argv: tuple[str, ...] | None = None


def fake_room(folder: Path, *flags: str) -> tuple[str, ...]:
    return (sys.executable, str(FAKE_ENGINE), "--requests", str(folder / "room requests"), *flags)


async def test_r_moves_the_call_to_the_room_once_that_is_ready(tmp_path: Path) -> None:
    room = Room()
    flags = ("--playing", "--recording", "call.wav")
    async with player(tmp_path, *flags, limits=LIMITS, successor=room) as session:
        await session.until_text("▶ PLAYING")
        await session.until_text("no server")
        await session.until_text("building, 1 of 2")
        await session.pilot.press("R")
        await session.until_text("There is no real room to go to yet.")
        await session.pilot.press("up", "up")
        await session.until_text("+2 dB")
        room.notice, room.argv = "The real room is ready: R goes there.", fake_room(tmp_path)
        await session.until_text("R goes there")
        pid, before_ms = session.client.pid, session.app.player.view.state.position_ms
        assert pid is not None
        await session.pilot.press("R")
        await session.until(lambda: session.app.player.view.state.source == "room")
        await session.until_text("▶ PLAYING")
        await session.until_text("+2 dB")
        await session.until(lambda: session.app.player.view.state.requested_ms is None)
        assert abs(session.app.player.view.state.position_ms - before_ms) < 3_000
        assert "R goes there" not in session.text
        assert "no server" not in session.text
        assert session.client.pid != pid
        assert not is_running(pid)
        asked = (tmp_path / "room requests").read_text().splitlines()
        assert asked[0] == '{"cmd":"set-gain","gain":2.0,"callerType":"caller"}'
        assert asked[1].startswith('{"cmd":"scrub","position":')
        assert asked[2:] == ['{"cmd":"resume"}']


async def test_a_room_that_cannot_be_had_leaves_the_recording_playing(tmp_path: Path) -> None:
    refused = tmp_path / "refused"
    refused.touch()
    for code in ("sign-in-refused", "unreachable"):
        room = Room()
        room.notice = "ready"
        room.argv = fake_room(tmp_path, "--fail-while", str(refused), "--fail-as", code)
        flags = ("--playing", "--recording", "call.wav")
        async with player(tmp_path, *flags, limits=LIMITS, successor=room) as session:
            await session.until_text("▶ PLAYING")
            await session.until_text("ready")
            await session.pilot.press("R")
            await session.until_text("The real room cannot be reached")
            await session.until_text("▶ PLAYING")
            assert session.app.player.view.state.source == "recording"
            assert session.app.player.view.failure is None

"""Run the player's application in the test over the fake engine: a process, or in this one."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from textual.pilot import Pilot

from callplayer.ipc.client import EngineClient
from callplayer.ipc.codec import decode_event, encode_line
from callplayer.ipc.lasting_client import LastingClient
from callplayer.ipc.messages import Request
from callplayer.ipc.news import Listener
from callplayer.ipc.requests import by_place
from callplayer.ipc.restore import EngineLimits
from callplayer.ipc.successor import Successor
from callplayer.ui.options import PlayerResult
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.widgets.pixels import large
from tests.rig.processes import is_running
from tests.ui.fake_engine import Program, read_flags
from tests.ui.scripted import screen_text

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")
PATIENCE_S = 8.0


class FakeEngine:
    """The fake engine in this process; what goes to and fro is lines all the same."""

    pid = None

    def __init__(self, *flags: str) -> None:
        self.program = Program(read_flags(flags), self._write)
        self.listener: Listener = lambda _: None

    async def run(self, listener: Listener) -> None:
        self.listener = listener
        await self.program.play()

    def send(self, request: Request) -> bool:
        self.program.take(encode_line(by_place(request)))
        return True

    def _write(self, line: bytes) -> int:
        self.listener(decode_event(line))
        return len(line)


@dataclass
class Session:
    """One running player: its application, its pilot, its engine's client."""

    app: PlayerApp
    pilot: Pilot[PlayerResult]
    client: EngineClient | FakeEngine
    requests_path: Path

    @property
    def text(self) -> str:
        return screen_text(self.app)

    def requests(self) -> list[str]:
        return self.requests_path.read_text().splitlines() if self.requests_path.exists() else []

    def shows_clock(self, time_text: str) -> bool:
        lines = self.text.splitlines()
        return any(
            all(
                row.rstrip() in line
                for row, line in zip(rows, lines[top : top + len(rows)], strict=False)
            )
            for rows in (large(time_text, scale) for scale in (1, 2, 3))
            for top in range(len(lines) - len(rows))
        )

    def result(self) -> PlayerResult | None:
        return self.app.return_value

    async def until(self, what: Callable[[], bool], why: str = "") -> None:
        """Wait until `what` holds; fail with the screen as it is then."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline_s, f"waited in vain {why}\n{self.text}"
            await self.pilot.pause(0.02)

    async def until_text(self, wanted: str) -> None:
        await self.until(lambda: wanted in self.text, f"for {wanted!r}")


@asynccontextmanager
async def player_here(tmp_path: Path, *flags: str) -> AsyncIterator[Session]:
    """Run the player over a fake engine in this process: most of a short test is a process."""
    requests_path = tmp_path / "requests"
    engine = FakeEngine("--requests", str(requests_path), *flags)
    app = PlayerApp(engine, likes=ScreenConfig(zone=UTC))
    async with app.run_test(size=(80, 24)) as pilot:
        yield Session(app, pilot, engine, requests_path)


@asynccontextmanager
async def player(
    tmp_path: Path,
    *flags: str,
    size: tuple[int, int] = (80, 24),
    limits: EngineLimits | None = None,
    successor: Successor | None = None,
) -> AsyncIterator[Session]:
    """Run the player over a fake engine with `flags`; no process is left behind."""
    requests_path = tmp_path / "requests"
    argv = (sys.executable, str(FAKE_ENGINE), "--requests", str(requests_path), *flags)
    client = LastingClient(argv, tmp_path / "log", limits=limits, successor=successor)
    app = PlayerApp(client, likes=ScreenConfig(zone=UTC))
    try:
        async with app.run_test(size=size) as pilot:
            yield Session(app, pilot, client, requests_path)
    finally:
        await client.close()
    assert client.pid is None or not is_running(client.pid)

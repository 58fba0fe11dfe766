"""The real screen with a storm in its process: `python -m tests.benchmarks.stormy_screen`.

The storm is a full layout and redraw 60 times a second, and 1.4 MB of JSON parsed twice a second.
With `--same-process` the engine, whole as it is, runs on the screen's own loop: how a player of one
process would sound. What the engine emits is noted in a file, a line each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from callplayer.commands.play import engine_argv
from callplayer.config import load_settings
from callplayer.ipc.codec import encode_line
from callplayer.ipc.messages import Event, Request, StatsEvent
from callplayer.ipc.news import Listener
from callplayer.paths import log_path
from callplayer.ui import player_app
from callplayer.ui.app import run_player
from callplayer.ui.options import PlayerOptions

REDRAWS_PER_S = 60
PARSES_PER_S = 2
JSON_BYTES = 1_400_000


class StormyApp(player_app.PlayerApp):
    """The player's application, never at rest."""

    notes: Path
    _drawn = _parsed = 0

    def on_ready(self) -> None:
        """Start the storm; Textual calls the base's handler, which starts the engine, as well."""
        row = json.dumps({"start": 1234.5, "end": 1240.25, "text": "the caller says something"})
        self._payload = "[" + ",".join([row] * (JSON_BYTES // (len(row) + 1))) + "]"
        self._file = self.notes.open("wb", buffering=0)
        self.set_interval(1 / REDRAWS_PER_S, self._redraw)
        self.set_interval(1 / PARSES_PER_S, self._parse)

    def _redraw(self) -> None:
        self.player.parts.draw()
        self.screen.refresh(layout=True)

    def _parse(self) -> None:
        self._parsed += len(json.loads(self._payload)) > 0

    def _display(self, screen: Any, renderable: Any) -> None:
        self._drawn += 1
        super()._display(screen, renderable)

    def _take(self, event: Any) -> None:
        if isinstance(event, StatsEvent):
            self._file.write(encode_line(event))
            cpu_s = sum(os.times()[:2])
            storm = {"event": "storm", "drawn": self._drawn, "parsed": self._parsed, "cpu_s": cpu_s}
            self._file.write(json.dumps(storm).encode() + b"\n")
        super()._take(event)


class EngineInside:
    """An engine on the screen's own loop, in the shape of an EngineClient."""

    def __init__(self, incident: str) -> None:
        from callplayer.engine.session.engine import Engine
        from callplayer.engine.session.options import EngineOptions

        self._listener: Listener = lambda _: None
        self._engine = Engine(load_settings({}), EngineOptions(incident), self._note)

    def _note(self, event: Event) -> None:
        self._listener(event)

    async def run(self, listener: Listener) -> None:
        """Play until the application ends."""
        self._listener = listener
        await self._engine.run()

    def send(self, request: Request) -> bool:
        """Have the engine obey."""
        self._engine.handle(request)
        return True


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("--same-process", action="store_true")
    parser.add_argument("incident")
    flags = parser.parse_args()
    StormyApp.notes = flags.notes
    if flags.same_process:
        asyncio.run(StormyApp(EngineInside(flags.incident), incident=flags.incident).run_async())
        return 0
    # `run_player` imports the application late; this is the one it finds.
    player_app.PlayerApp = StormyApp  # type: ignore[misc]
    argv = engine_argv(flags.incident, ())
    return run_player(PlayerOptions(argv, flags.incident, log_path())).exit_code


if __name__ == "__main__":
    sys.exit(main())

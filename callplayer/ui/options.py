"""What the command line gives to the screen, and what it gets back."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from callplayer.ui.settings import ScreenSettings


@dataclass(frozen=True)
class PlayerOptions:
    """How to run the player.

    `engine_argv` starts the engine; `engine` is one that was already started by
    `callplayer.ui.engine_process.start_engine` with just that argv, else `run_player` starts it.
    Bookmarks and the last citation are kept in files where paths are given.
    """

    engine_argv: tuple[str, ...]
    incident: str
    log_path: Path
    engine: subprocess.Popen[bytes] | None = None
    settings: ScreenSettings = field(default_factory=ScreenSettings)
    bookmarks_path: Path | None = None
    citation_path: Path | None = None


@dataclass(frozen=True)
class PlayerResult:
    """How it ended: the exit code, and what to print to stderr once the terminal is restored."""

    exit_code: int = 0
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class PickerRow:
    """One incident of the picker. Texts may come from the network: the picker cleans them."""

    id: str
    when: str
    phone: str
    live: bool

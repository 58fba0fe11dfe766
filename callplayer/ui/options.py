"""What the command line gives to the screen, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from callplayer.ipc.successor import Successor
from callplayer.supervise import ChildProcess
from callplayer.ui.settings import ScreenSettings


class PlayerOptions(msgspec.Struct, frozen=True):
    """How to run the player.

    `engine_argv` starts the engine; `engine` is one that was already started by
    `callplayer.ipc.process.start_engine` with just that argv, else `run_player` starts it.
    `keys` is the `[keys]` table of config.toml. Bookmarks, the last citation and where calls
    were left are kept in files where paths are given. `can_go_back`: there is a list of
    incidents to go back to.
    `ends_with_call`: plain mode leaves at the call's end, though keys may still come.
    `successor`: another engine that the call can be moved to (the key of `retry-now`), once it is
    ready.
    """

    engine_argv: tuple[str, ...]
    incident: str
    log_path: Path
    engine: ChildProcess | None = None
    settings: ScreenSettings = msgspec.field(default_factory=ScreenSettings)
    keys: Mapping[str, Any] = msgspec.field(default_factory=dict)
    bookmarks_path: Path | None = None
    citation_path: Path | None = None
    resume_points_path: Path | None = None
    can_go_back: bool = False
    ends_with_call: bool = False
    successor: Successor | None = None


class PlayerResult(msgspec.Struct, frozen=True):
    """How it ended: the exit code, and what to print to stderr once the terminal is restored.

    `back`: the list of incidents is wanted again, by the user or since the call cannot be played.
    """

    exit_code: int = 0
    message: str = ""
    hint: str = ""
    back: bool = False


class PickerRow(msgspec.Struct, frozen=True):
    """One incident of the picker. Texts may come from the network: the picker cleans them.

    `when` is the date and time it was made in words, `created` the same moment, None if that is not
    known; `place` is where the caller is.
    """

    id: str
    when: str
    phone: str
    live: bool
    created: datetime | None = None
    place: str = ""


class PickerPages(Protocol):
    """The rest of the list of incidents, where it comes in pages."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to load."""

    @property
    def left_out(self) -> str:
        """What there is beside the incidents that are loaded, in words; "" if nothing."""

    async def load_more(self) -> Sequence[PickerRow]:
        """Load one page more; return all that is loaded. Raise CallplayerError."""

"""What a client of the engine receives: its events, and what becomes of the engine itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from callplayer.ipc.messages import (
    ByeEvent,
    ErrorEvent,
    Event,
    Request,
)
from callplayer.ipc.successor import SuccessorOffer

LossReason = Literal["died", "fell silent", "hangs in the sound device"]


@dataclass(frozen=True)
class EngineRestarting:
    """The engine was lost and is started again; `attempt` counts from 1 within a minute."""

    reason: LossReason
    attempt: int


@dataclass(frozen=True)
class EngineGone:
    """There will be no engine any more: it said bye unasked, or was lost too often."""

    message: str
    hint: str
    exit_code: int


EngineNews = Event | EngineRestarting | EngineGone | SuccessorOffer
"""What a listener receives: the engine's events, and what becomes of the engine itself."""


Listener = Callable[[EngineNews], None]


class EngineSession(Protocol):
    """What the screen and plain mode need of an EngineClient."""

    async def run(self, listener: Listener) -> None:
        """Publish all events until the engine has ended for good."""

    def send(self, request: Request) -> bool:
        """Send a request; return whether an engine took it."""


def cannot_start(error: OSError) -> EngineGone:
    """Return the news that no engine process can be started."""
    return EngineGone(
        f"The audio engine cannot be started: {error.strerror}.",
        "Install callplayer again, or free some memory and processes.",
        1,
    )


def lost_too_often(times: int, log_path: Path) -> EngineGone:
    """Return the news that the engine was lost `times` times, and is not started again."""
    return EngineGone(
        f"The audio engine was lost {times} times in a minute.",
        f"Start again; the log is {log_path}",
        1,
    )


def gone_by(by: ErrorEvent | ByeEvent) -> EngineGone:
    """Return the news that the engine has ended by itself, with its own error or bye."""
    if isinstance(by, ErrorEvent):
        return EngineGone(by.message, by.hint, by.exit_code or 1)
    return EngineGone("The audio engine has ended.", "Start again.", by.exit_code)

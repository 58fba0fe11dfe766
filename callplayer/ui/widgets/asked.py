"""What the mouse asks the engine for."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from callplayer.ipc.messages import Request


@dataclass
class Asked(Message):
    """The user pointed at something that stands for a request."""

    request: Request

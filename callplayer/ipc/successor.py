"""Another engine that the call may be moved to, once there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Successor(Protocol):
    """What is being made ready beside the call that plays. Both are looked at twice a second."""

    @property
    def notice(self) -> str:
        """One short line of how far it is, or that it is ready; "" says nothing."""

    @property
    def argv(self) -> tuple[str, ...] | None:
        """The command line of its engine; None until it is ready.

        The engine gets this process's environment as it is when the call moves there.
        """


@dataclass(frozen=True)
class SuccessorOffer:
    """What a successor says now; `is_ready`: the call can be moved there."""

    notice: str = ""
    is_ready: bool = False

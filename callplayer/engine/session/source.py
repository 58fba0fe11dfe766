"""Where a call's sound and statuses come from: a LiveKit room, or a recording played right here.

The engine knows no difference. A source owns the call's cursor, as the vendor's contract has it:
commands go in, statuses and frames come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from callplayer.engine.cursor.call_state import ResumePoint
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command
from callplayer.vendor.status import Status


class PathReadings(Protocol):
    """How sound gets from the source's cursor to the engine; times in ms.

    `network_ms` is one way, None until it is known.
    """

    @property
    def network_ms(self) -> float | None: ...
    @property
    def jitter_buffer_ms(self) -> float: ...
    @property
    def delay_ms(self) -> float: ...
    @property
    def concealed_ms(self) -> float: ...
    @property
    def invented_ms(self) -> float: ...
    @property
    def dropped_ms(self) -> float: ...
    @property
    def steady(self) -> bool: ...

    def turnover_ms(self, confirmed_s: float) -> float:
        """Return how long after a confirmation what was sent before can still come out."""


@dataclass
class LocalPath:
    """The way from this source's cursor to the engine: there is none. Nothing is lost on it."""

    network_ms: float | None = None
    jitter_buffer_ms: float = 0.0
    delay_ms: float = 0.0
    concealed_ms: float = 0.0
    invented_ms: float = 0.0
    dropped_ms: float = 0.0
    steady: bool = True

    def turnover_ms(self, _confirmed_s: float) -> float:
        """Return 0: a frame that comes after a jump is of the new place."""
        return 0.0


class SourceHost(Protocol):
    """What a source calls in the engine: `on_frame` on any thread, all else on the loop."""

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """A frame at 48 kHz has come, mono or of shape (frames, 2); it is gone after this."""

    def on_tracks(self) -> None:
        """A track has come, ended, or turned out to carry other parties."""

    def on_status(self, status: Status, now_s: float) -> None:
        """The source reports where its cursor is."""

    def say(self, detail: str) -> None:
        """Report what goes on, in words."""

    def obey(self, request: m.Request) -> None:
        """Do what the source itself asks for."""

    def restore(self, back: ResumePoint) -> None:
        """Have the source go where the call was."""

    def wants_sound(self) -> bool:
        """Return whether the call is to play, now or once it is open."""


class SoundExcerpt(Protocol):
    """A stretch of a call's sound, every party at 0 dB. Once it is open the rest is so.

    `names` are the lanes that have any sound there, `gaps_ms` is what is lacking, `unsure_ms` what
    was made up in part: places in the call.
    """

    names: tuple[str, ...]
    frames: int
    gaps_ms: tuple[tuple[int, int], ...]
    unsure_ms: tuple[tuple[int, int], ...]

    def open(self) -> None:
        """Have it ready to be read; may take a while. Raise UsageError if it cannot be read."""

    def read(self, at: int, frames: int) -> dict[str, npt.NDArray[np.float32]]:
        """Return `frames` samples of each lane from frame `at` on, float32 in int16 steps."""

    def close(self) -> None:
        """Read no more."""


class Source(Protocol):
    """One call's sound, statuses and words."""

    @property
    def path(self) -> PathReadings:
        """How sound gets from its cursor to the engine."""

    @property
    def accepts_commands(self) -> bool:
        """Whether a command that is sent now goes out."""

    @property
    def watchful(self) -> bool:
        """Whether to `measure` often."""

    async def open(self) -> None:
        """Be there; raise CallplayerError if the call cannot be opened."""

    async def until_ready(self) -> None:
        """Return when a status and all tracks have come and nothing of the call can be missed."""

    async def run(self) -> None:
        """Keep the call until cancelled; raise CallplayerError if that is not possible."""

    async def close(self) -> None:
        """Let the call go. May be called in any state."""

    def send(self, commands: Sequence[Command]) -> None:
        """Put commands on their way, in order."""

    def tick(self) -> None:
        """Do what is due; called 20 times a second."""

    async def measure(self) -> None:
        """Take new readings of the path."""

    async def sends_since(self, since_s: float) -> bool:
        """Return whether sound that was sent after that moment has come, as far as is known."""

    def check(self, now_s: float) -> None:
        """Act on the readings: what is lost, what is back."""

    def retry_now(self) -> bool:
        """Wait no longer for what may come back by itself; return whether there is such a thing."""

    def excerpt(self, start_ms: int, end_ms: int) -> SoundExcerpt | None:
        """Return a stretch of the call if it is there at once, whatever has been played."""

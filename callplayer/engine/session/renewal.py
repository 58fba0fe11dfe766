"""A swollen jitter buffer replaced where nothing is heard: at a jump, a pause, in a silence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.room.room import Room
from callplayer.engine.room.swelling import BufferReading, Swelling
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd

LOG = logging.getLogger(__name__)

STOOD_STILL_S = 1.0

SILENCE_S = 0.4
"""A silence of the call that has lasted for longer is no gap between two words."""


class BufferRenewal:
    """Subscribes the tracks of `room()` anew, and holds back what would be missed meanwhile.

    What was held is asked for again with `obey`: the rules count from when it goes out.
    """

    def __init__(
        self,
        call: PlaybackState,
        path: ReceivePath,
        *,
        room: Callable[[], Room | None],
        obey: Callable[[m.Request], None],
        swelling: Swelling | None = None,
    ) -> None:
        self._call = call
        self._path = path
        self._room = room
        self._obey = obey
        self._held_resume = False
        self._renewing: asyncio.Task[None] | None = None
        self._ticked_s = time.monotonic()
        self.swelling = swelling or Swelling(self._ticked_s)

    @property
    def runs(self) -> bool:
        """Return whether new subscriptions are waited for."""
        return self._renewing is not None

    def stop(self) -> None:
        """Give up waiting: the room is left."""
        if self._renewing is not None:
            self._renewing.cancel()

    def tick(self, now_s: float) -> None:
        """Take note of whether this process has stood still; called 20 times a second."""
        if now_s - self._ticked_s > STOOD_STILL_S:
            self.swelling.note_standstill(now_s)
        self._ticked_s = now_s

    def measure(self) -> None:
        """Take in the latest look at the receive path."""
        path = self._path
        reading = BufferReading(
            at_s=time.monotonic(),
            jitter_buffer_ms=path.jitter_buffer_ms,
            jitter_ms=path.jitter_ms,
            concealed_ms=path.concealed_ms,
            lost_packets=path.lost_packets,
        )
        playing = not self.runs and self._call.expected_stretch() is not None
        self.swelling.update(reading, playing=playing)

    def begin_at(self, commands: Sequence[Command]) -> None:
        """Begin if the buffer is swollen and `commands` silence the player anyhow."""
        self.tick(time.monotonic())
        silences = any(isinstance(command, Scrub | ScrubToEnd | Pause) for command in commands)
        if silences and not self.runs and self.swelling.wants_renewal(time.monotonic()):
            self._renewing = asyncio.create_task(self._renew())

    def holds(self, command: Command) -> bool:
        """Return whether a command waits: it would have the server play what cannot be heard."""
        moves = isinstance(command, Scrub | ScrubToEnd) and not self._call.head.wants_paused()
        if self.runs and (moves or isinstance(command, Resume)):
            self._held_resume |= isinstance(command, Resume)
            return True
        self._held_resume &= not isinstance(command, Pause)
        return False

    def may_use_silence(self, now_s: float, sounded_s: float) -> bool:
        """Return whether a jump to the place that is heard now would cost nothing of the call.

        Sound was last heard at `sounded_s`. A live call would be left behind by it, and a server
        that lands elsewhere than it is asked to would repeat what was heard.
        """
        head, is_silent = self._call.head, now_s - sounded_s >= SILENCE_S
        if not (is_silent and self.swelling.is_swollen(now_s) and head.habits.lands_exactly):
            return False
        asks = self.runs or head.seek is not None or head.pause is not None
        is_over = head.status is not None and head.status.call_over
        return is_over and self._call.expected_stretch() is not None and not asks

    async def _renew(self) -> None:
        room = self._room()
        try:
            if room is not None:
                LOG.info("the jitter buffers hold %.0f ms: new ones", self._path.jitter_buffer_ms)
                await room.renew_subscriptions()
        finally:
            self._renewing = None
        self.swelling.renew(time.monotonic())
        resumes, self._held_resume = self._held_resume, False
        if room is not self._room() or self._call.away or self._call.head.wants_paused():
            return
        seek = self._call.head.seek
        if seek is not None:
            self._obey(ScrubToEnd() if seek.position_ms is None else Scrub(seek.position_ms))
        if resumes:
            self._obey(Resume())

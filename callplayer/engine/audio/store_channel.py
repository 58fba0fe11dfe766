"""A channel that is filled from a store of sound, as fast as the sound card takes it.

There is no other clock to follow: samples go through as they are. What waits can be replaced, so
that a jump is heard in the next block however much waits.
"""

from __future__ import annotations

from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.jitter_margin import FRAME_S
from callplayer.engine.audio.resampler import MAX_FRAMES
from callplayer.engine.audio.ring import Samples


class StoreChannel(Channel):
    """Holds `reserve_s` more than the device's block."""

    def __init__(self, in_hz: int, rate_hz: int, max_block_frames: int, reserve_s: float) -> None:
        self._reserve_s = reserve_s
        super().__init__(in_hz, rate_hz, max_block_frames)

    @property
    def is_open(self) -> bool:
        """Return whether what is written is to be heard."""
        return self._open

    @property
    def block_frames(self) -> int:
        """Return how many frames the device asks for at a time."""
        return self._block_frames

    @property
    def lacking_frames(self) -> int:
        """Return how many frames, at the card's rate, are lacking to the reserve and a block."""
        return int(self._reserve_s * self.rate_hz) + self._block_frames - self._unheard_frames

    def waiting_s(self, since_asked_s: float) -> float:
        """Return in how many s the device will play what is written next, less its own delay.

        The last block was asked for so many s ago. A device that asks no more stands still: it has
        played that block, and has taken none of what waits.
        """
        block_s = self._block_frames / self.rate_hz
        played_s = since_asked_s if since_asked_s <= 2 * block_s else block_s
        return self._unheard_frames / self.rate_hz + block_s - played_s

    def write(self, sound: Samples) -> None:
        """Go on with `sound`, mono float32 at the incoming rate, full scale at ±1."""
        for start in range(0, len(sound), MAX_FRAMES):
            self.append(sound[start : start + MAX_FRAMES])

    def replace(self, sound: Samples) -> None:
        """Have `sound` heard from the next block on, in place of what waits, with a fade.

        It must be as long as a block at the least.
        """
        mark = self._ring.written
        self._open_mark, self._open = mark, True
        self.write(sound)
        self._cut_mark = mark

    @property
    def _unheard_frames(self) -> int:
        return self._ring.written - max(self._ring.position, self._cut_mark)

    def _retarget(self) -> None:
        self._target_frames = self._block_frames + int(FRAME_S * self.rate_hz)

    def _excess_frames(self, _frames: int) -> int:
        return 0

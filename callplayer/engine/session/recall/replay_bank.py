"""The channels that sound from memory is heard on: one a lane, beside those of the tracks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.meter import Level
from callplayer.engine.audio.mixer import MAX_BLOCK_FRAMES
from callplayer.engine.audio.ring import Samples
from callplayer.engine.audio.store_channel import StoreChannel

RESERVE_S = 0.2
"""What waits beside the device's block, for a machine that stands still so long. It delays no jump:
what waits is cut away then."""

FIRST_S = 0.03
"""What is written of a new place before it is heard; the rest of the reserve follows at once."""


class ReplayBank:
    """Channels by the lane's name, made ahead: to make one takes longer than a jump may.

    Used under the lock of the channels of the tracks, `live`, which are set aside while it plays.
    """

    def __init__(self, in_hz: int, live: ChannelBank) -> None:
        self._in_hz = in_hz
        self._live = live
        self._rate_hz: int | None = None
        self._channels: dict[str, StoreChannel] = {}

    def prepare(self, names: Collection[str]) -> None:
        """Have a channel for each of these lanes, at the device's rate."""
        rate_hz = self._live.rate_hz
        if rate_hz is None or (rate_hz == self._rate_hz and self._channels.keys() >= set(names)):
            return
        if rate_hz != self._rate_hz:
            self._channels.clear()
        self._rate_hz = rate_hz
        for name in names:
            if name not in self._channels:
                self._channels[name] = StoreChannel(
                    self._in_hz, rate_hz, MAX_BLOCK_FRAMES, RESERVE_S
                )
        self._live.play_beside(self._channels.values())

    def renew(self) -> None:
        """Make the channels anew: another device plays."""
        names = list(self._channels)
        self._channels.clear()
        self._rate_hz = None
        self.prepare(names)

    @property
    def lacking_frames(self) -> int:
        """Return how many frames to push, at the incoming rate, for the reserve to be whole."""
        lacking = max((c.lacking_frames for c in self._channels.values() if c.is_open), default=0)
        return max(lacking * self._in_hz // (self._rate_hz or self._in_hz), 0)

    @property
    def first_frames(self) -> int:
        """Return how many frames `start` needs, at the incoming rate."""
        block_frames = max((c.block_frames for c in self._channels.values()), default=0)
        return round((FIRST_S + block_frames / (self._rate_hz or self._in_hz)) * self._in_hz)

    @property
    def is_dry(self) -> bool:
        """Return whether nothing waits to be heard."""
        return not any(channel.playing for channel in self._channels.values() if channel.is_open)

    def start(self, samples: Mapping[str, Samples], silenced: Callable[[str], bool]) -> None:
        """Have these samples heard from the next block on, and nothing of what was before."""
        self._live.set_aside(True)
        for name, channel in self._channels.items():
            channel.set_silenced(silenced(name))
            if name in samples:
                channel.replace(samples[name])
            else:
                channel.close_gate()

    def push(self, samples: Mapping[str, Samples]) -> None:
        """Go on with these samples."""
        for name, sound in samples.items():
            channel = self._channels[name]
            (channel.write if channel.is_open else channel.replace)(sound)

    def silence(self, silenced: Callable[[str], bool]) -> None:
        """Fade the silenced lanes out of the mix, and the others in."""
        for name, channel in self._channels.items():
            channel.set_silenced(silenced(name))

    def stop(self) -> None:
        """Fade out; the tracks' channels stay aside."""
        for channel in self._channels.values():
            channel.close_gate()

    def give_way(self) -> None:
        """Let the tracks' channels be heard again; what waits here is played out, or stopped."""
        self._live.set_aside(False)

    def waiting_s(self, now_s: float) -> float:
        """Return in how many s the device will ask for the next sample that is pushed."""
        since_s = now_s - self._live.asked_s
        waits_s = [each.waiting_s(since_s) for each in self._channels.values() if each.is_open]
        return max(waits_s, default=0.0)

    def levels(self, now_s: float) -> dict[str, Level]:
        """Return each lane's level since the last call."""
        return {name: channel.meter.read(now_s) for name, channel in self._channels.items()}

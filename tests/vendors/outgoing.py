"""One track of a vendor's bot: published, fed and taken back by the SDK's own means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from livekit import rtc

from tests.rig.signals import RATE_HZ
from tests.vendors.call_sound import Block, CallSound
from tests.vendors.variant import Track

FRAME_FRAMES = RATE_HZ // 100


class Outgoing:
    """A track in a room. Feed it with `send`; it is silent to the room while not `published`."""

    def __init__(self, spec: Track, room: rtc.Room, queue_ms: int) -> None:
        self.spec = spec
        self._room = room
        self._queue_ms = queue_ms
        self._source: rtc.AudioSource | None = None
        self._sid = ""

    @property
    def published(self) -> bool:
        """Return whether the room has it."""
        return bool(self._sid)

    async def publish(self) -> None:
        """Publish it, as a new one."""
        source = rtc.AudioSource(RATE_HZ, self.spec.channels, queue_size_ms=self._queue_ms)
        track = rtc.LocalAudioTrack.create_audio_track(self.spec.name, source)
        options = rtc.TrackPublishOptions(dtx=False, red=False)
        done = await self._room.local_participant.publish_track(track, options)
        self._source, self._sid = source, done.sid

    async def unpublish(self) -> None:
        """Take it back."""
        source, sid = self._source, self._sid
        self._source, self._sid = None, ""
        if sid:
            await self._room.local_participant.unpublish_track(sid)
        if source is not None:
            await source.aclose()

    async def take_role(self) -> None:
        """Have its participant's attributes give its role."""
        await self._room.local_participant.set_attributes({"role": self.spec.role})

    def flush(self) -> None:
        """Empty the SDK's queue."""
        if self._source is not None and self._queue_ms:
            self._source.clear_queue()

    async def send(self, block: Block) -> None:
        """Send a block; with a queue this waits until there is room in it."""
        channels = self.spec.channels
        for at in range(0, len(block), FRAME_FRAMES * channels):
            source = self._source
            if source is None:
                return
            frame = block[at : at + FRAME_FRAMES * channels]
            audio = rtc.AudioFrame(frame.tobytes(), RATE_HZ, channels, FRAME_FRAMES)
            await source.capture_frame(audio)

    def block(
        self, sound: CallSound, first: int | None, frames: int, gains: Mapping[str, float]
    ) -> Block:
        """Return what it carries from `first` on; silence for None."""
        channels = self.spec.channels
        if first is None:
            return np.zeros(frames * channels, np.int16)
        if channels == 2:
            return sound.stereo(first, frames, gains)
        return sound.mono(first, frames, self.spec.carries, gains)

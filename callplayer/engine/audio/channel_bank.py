"""The channels of a call: which track feeds which, what of them is heard, how they fare.

Frames come on threads of the SDK, everything else on the engine's loop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.meter import Level, loudest
from callplayer.engine.audio.mix_watch import MixWatch
from callplayer.engine.audio.mixer import MAX_BLOCK_FRAMES, Mixer
from callplayer.engine.audio.track_layout import TrackLayout, left, right
from callplayer.vendor.parties import TrackNames

LOG = logging.getLogger(__name__)

SAME_WITHIN = 256
"""Channels that differ by no more (-42 dBFS) are one sound: a codec may not keep them equal."""

DIFFER_FRAMES = 20
"""How many frames, with none between them that is the same sound in both channels, make a stereo
track of two parties: of a mixed call a frame was once seen to differ."""


Record = Callable[[str, npt.NDArray[np.int16]], None]


class ChannelBank:
    """One channel for each part of the layout, all of them into one mixer."""

    def __init__(self, in_hz: int) -> None:
        self._in_hz = in_hz
        self._mixer: Mixer | None = None
        self.layout = TrackLayout()
        self.on_layout: Callable[[], object] = lambda: None
        """Called once the sound of a track shows what it holds, on any thread."""

        self._mix_watch = MixWatch()

        self.record: Record = lambda part, pcm: None
        """Takes each part's frames, mono, under the lock, before they are heard."""

        self._aside = False
        self._beside: tuple[Channel, ...] = ()
        self._tracks: dict[str, int] = {}
        """By track how many frames have differed since the last that was one sound."""

        self._channels: dict[str, Channel] = {}
        self._leaving: list[Channel] = []
        self._gate_open = False
        self._silenced: frozenset[str] = frozenset()
        self.lock = threading.RLock()
        """Held while frames go into channels, and while the channels or their gate are changed."""

        self.received_frames = 0
        self._ended_underruns = 0
        self._ended_trimmed_frames = 0

    def connect(self, mixer: Mixer) -> None:
        """Play into `mixer` from here on, at its rate."""
        with self.lock:
            self._mixer = mixer
            self._leaving.clear()
            for part, channel in self._channels.items():
                self._count_ended(channel)
                self._channels[part] = self._new_channel()
            self._publish()

    def disconnect(self) -> None:
        """Drop the frames that come, until the next `connect`: no device plays them."""
        with self.lock:
            self._mixer = None

    # --- tracks -----------------------------------------------------------------------------------

    def add(self, track_id: str, names: TrackNames) -> None:
        """Add a track; its frames may follow."""
        with self.lock:
            self._tracks[track_id] = 0
            self.layout.add(track_id, names)
            self._channels[left(track_id)] = self._new_channel()
            self._publish()

    def rename(self, track_id: str, names: TrackNames) -> bool:
        """Name a track anew; return whether that changes which parties the tracks carry."""
        with self.lock:
            before = self.layout.carries
            if track_id in self._tracks:
                self.layout.add(track_id, names)
                self._apply_all()
            return self.layout.carries != before

    def remove(self, track_id: str) -> None:
        """Remove a track; what of it is heard fades out."""
        with self.lock:
            self._tracks.pop(track_id, None)
            self.layout.remove(track_id)
            for part in (left(track_id), right(track_id)):
                channel = self._channels.pop(part, None)
                if channel is not None:
                    self._count_ended(channel)
                    channel.close_gate()
                    self._leaving.append(channel)
            self._publish()

    def push(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """Take a frame: int16 at the incoming rate, mono or of shape (frames, 2)."""
        with self.lock:
            self.received_frames += len(pcm)
            if track_id not in self._tracks or self._mixer is None:
                return
            if pcm.ndim == 1:
                self._take(left(track_id), pcm)
                return
            if right(track_id) not in self._channels:
                differs = _channels_differ(pcm)
                if not self._splits(track_id, pcm, differs=differs):
                    self._take(left(track_id), _mixed_down(pcm) if differs else pcm[:, 0])
                    return
                self._split(track_id)
            self._take(left(track_id), pcm[:, 0])
            self._take(right(track_id), pcm[:, 1])

    def _splits(self, track_id: str, pcm: npt.NDArray[np.int16], *, differs: bool) -> bool:
        """Return whether the channels of a track have differed for so long that it is stereo."""
        if differs:
            self._tracks[track_id] += 1
        elif pcm.max(initial=0) > SAME_WITHIN:
            self._tracks[track_id] = 0
        return self._tracks[track_id] >= DIFFER_FRAMES and self.layout.may_split(track_id)

    def _take(self, part: str, pcm: npt.NDArray[np.int16]) -> None:
        self.record(part, pcm)
        self._channels[part].push(pcm, time.monotonic())

    def _split(self, track_id: str) -> None:
        """Give the second channel of a stereo track one of its own."""
        LOG.info("a track is stereo: caller left, call taker right")
        if left(track_id) in self._silenced:
            self._silenced |= {right(track_id)}
        self._channels[right(track_id)] = self._new_channel()
        self.layout.split(track_id)
        self._publish()
        self.on_layout()

    def expect_gap(self, track_id: str) -> None:
        """Count no underrun until a track's next frame: the gap is made on purpose."""
        with self.lock:
            for part in (left(track_id), right(track_id)):
                if part in self._channels:
                    self._channels[part].expect_gap()

    @property
    def track_ids(self) -> tuple[str, ...]:
        """Return the tracks of the call."""
        return tuple(self._tracks)

    # --- gate and mix -----------------------------------------------------------------------------

    @property
    def gate_open(self) -> bool:
        """Return whether what comes in is heard."""
        return self._gate_open

    def set_gate(self, is_open: bool) -> None:
        """Have heard what comes in from here on, or fade out what is heard."""
        with self.lock:
            self._gate_open = is_open
            self._apply_all()

    def set_aside(self, aside: bool) -> None:
        """Have nothing heard of what comes in, whatever the gate: other channels are heard."""
        with self.lock:
            self._aside = aside
            self._apply_all()

    def play_beside(self, channels: Iterable[Channel]) -> None:
        """Mix in channels that no track feeds."""
        with self.lock:
            self._beside = tuple(channels)
            self._publish()

    @property
    def rate_hz(self) -> int | None:
        """Return the rate of the mixer; None while no device plays."""
        return None if self._mixer is None else self._mixer.rate_hz

    @property
    def asked_s(self) -> float:
        """Return when the device asked for its last block, by its own clock."""
        return 0.0 if self._mixer is None else self._mixer.asked_s

    def set_silenced(self, parts: Iterable[str]) -> None:
        """Fade these parts of the layout out of the mix and the others in."""
        with self.lock:
            if self._silenced != (silenced := frozenset(parts)):
                self._silenced = silenced
                self._apply_all()

    def _new_channel(self) -> Channel:
        rate_hz = self._mixer.rate_hz if self._mixer else self._in_hz
        return Channel(self._in_hz, rate_hz, MAX_BLOCK_FRAMES)

    def _apply_all(self) -> None:
        for part, channel in self._channels.items():
            # A mute must not come round by the mix, which may be a little ahead of its parts.
            lent = part in self._mix_watch.alone and not self._silenced
            left_out = part in self.layout.left_out and not lent
            channel.set_silenced(part in self._silenced or left_out)
            if self._gate_open and not self._aside:
                channel.open_gate()
            else:
                channel.close_gate()

    def _publish(self) -> None:
        self._apply_all()
        self._leaving = [channel for channel in self._leaving if not channel.silent]
        if self._mixer is not None:
            self._mixer.channels = (*self._channels.values(), *self._leaving, *self._beside)

    # --- readings ---------------------------------------------------------------------------------

    def levels(self, now_s: float) -> dict[str, Level]:
        """Return each lane's level since the last call; of several tracks the loudest."""
        with self.lock:
            if any(channel.silent for channel in self._leaving):
                self._publish()
            levels = {part: each.meter.read(now_s) for part, each in self._channels.items()}
            self._watch_mixes({part: level.rms_db for part, level in levels.items()})
            lanes = self.layout.lane_of
            return loudest((lanes[part], each) for part, each in levels.items() if part in lanes)

    def _watch_mixes(self, levels_db: Mapping[str, float]) -> None:
        alone = self._mix_watch.alone
        more = self._mix_watch.find_more(levels_db, self.layout.left_out)
        for part in more:
            LOG.info("a mix holds more than the tracks beside it: it is heard, too")
            self.layout.keep(part)
        if more or alone != self._mix_watch.alone:
            self._apply_all()
        if more:
            self.on_layout()

    @property
    def resampler_ms(self) -> float:
        """Return how long the resamplers take, in ms."""
        return max((each.resampler_s * 1000 for each in self._channels.values()), default=0.0)

    @property
    def buffer_ms(self) -> float:
        """Return how long sound waits in the fullest ring, in ms."""
        return max((each.delay_s * 1000 for each in self._channels.values()), default=0.0)

    @property
    def target_ms(self) -> float:
        """Return the wait that the rings aim at, in ms."""
        return max((each.delay_target_s * 1000 for each in self._channels.values()), default=0.0)

    @property
    def underruns(self) -> int:
        """Return how often sound that should have been heard was not there in time."""
        return self._ended_underruns + sum(each.underruns for each in self._channels.values())

    @property
    def trimmed_frames(self) -> int:
        """Return how many frames were left out to bound the delay."""
        live = sum(each.trimmed_frames for each in self._channels.values())
        return self._ended_trimmed_frames + live

    @property
    def drift_ppm(self) -> float | None:
        """Return how fast the sound card runs against the frames, in ppm; None until known."""
        known = (each.learned for each in self._channels.values())
        learned = next((each for each in known if each is not None), None)
        return None if learned is None else -learned * 1e6

    def _count_ended(self, channel: Channel) -> None:
        self._ended_underruns += channel.underruns
        self._ended_trimmed_frames += channel.trimmed_frames


def _channels_differ(pcm: npt.NDArray[np.int16]) -> bool:
    """Return whether the channels of a stereo frame hold different sound."""
    one, other = pcm[:, 0], pcm[:, 1]
    if np.array_equal(one, other):
        return False
    difference = np.abs(one.astype(np.int32) - other)
    return int(difference.max()) > SAME_WITHIN


def _mixed_down(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Return the mean of a stereo frame's channels, int16."""
    mean: npt.NDArray[np.int16] = (pcm.astype(np.int32).sum(axis=1) // 2).astype(np.int16)
    return mean

"""The player's own sound: one lane a track, one mixer, one output device.

Everything here runs on the engine's loop, but for frames, which come on threads of the SDK's, and
for opening and closing a device, which can hang and so has a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.channel import FADE_S, Channel
from callplayer.engine.audio.meter import Level
from callplayer.engine.audio.mixer import MAX_BLOCK_FRAMES, Mixer
from callplayer.engine.audio.track_layout import TrackLayout, left, right
from callplayer.engine.devices.blocking import BlockingCalls, HangsError
from callplayer.engine.devices.latency import DeviceLatency
from callplayer.engine.devices.listing import find_target, open_target
from callplayer.engine.devices.portaudio import (
    Output,
    OutputDevice,
    SimulatedOutput,
    SoundOutput,
    list_devices,
    refresh_devices,
)
from callplayer.engine.devices.pulse import PulseView
from callplayer.errors import SoundDeviceHangsError
from callplayer.vendor.parties import TrackNames

LOG = logging.getLogger(__name__)

_R = TypeVar("_R")

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0

SAME_WITHIN = 256
"""Channels that differ by no more (-42 dBFS) are one sound: a codec may not keep them equal."""


@dataclass
class _PipelineTrack:
    """The lane of one part: of a track, or of a stereo track's channel."""

    lane: Channel


class AudioPipeline:
    """Lanes, mixer and device."""

    def __init__(self, in_hz: int, *, no_audio: bool = False) -> None:
        self._in_hz = in_hz
        self._no_audio = no_audio
        self._output: Output | None = None
        self._mixer: Mixer | None = None
        self.layout = TrackLayout()
        self.on_split: Callable[[], object] = lambda: None
        """Called once a track has turned out to be stereo, on any thread."""

        self._tracks: dict[str, None] = {}
        self._voices: dict[str, _PipelineTrack] = {}
        self._leaving: list[Channel] = []
        self._gate_open = False
        self._silenced: frozenset[str] = frozenset()
        self.lock = threading.RLock()
        """Held while frames go into lanes, and while the lanes or their gate are changed."""

        self.received_frames = 0
        self._ended_underruns = 0
        self._ended_trimmed_frames = 0
        self._ended_underflows = 0
        self._latency = DeviceLatency()
        self._patience = BlockingCalls()
        self.device_label = ""
        self.on_trial = False
        self.has_stand_in = False
        """Whether a thread takes the place of the device that is not there: the call goes on."""

        self.listed: tuple[OutputDevice, ...] = ()

    # --- device -----------------------------------------------------------------------------------

    @property
    def device_name(self) -> str | None:
        """Return the open device's name as people know it, or None."""
        if self._output is None or self.on_trial or self.has_stand_in:
            return None
        return self.device_label or self._output.device_name

    @property
    def ready(self) -> bool:
        """Return whether the call can go on: sound comes out, or a stand-in takes it."""
        return self._output is not None and not self.on_trial

    @property
    def no_audio(self) -> bool:
        """Tell whether there is to be no sound at all."""
        return self._no_audio

    @property
    def output(self) -> Output | None:
        """Return the open device, or None."""
        return self._output

    async def open(
        self,
        wanted: str,
        view: PulseView | None = None,
        *,
        refresh: bool = False,
        on_trial: bool = False,
    ) -> None:
        """Open the device of that name ("": the system's default).

        Raise SoundDeviceError if it cannot be opened, SoundDeviceHangsError if it does not answer.
        `refresh` looks for devices that have come since the start. A device `on_trial` plays, but
        does not count as there.
        """
        if self._no_audio:
            self._output = SimulatedOutput(self._new_mixer(self._in_hz), name="no audio")
            return
        target = await self._in_time(
            lambda: find_target(wanted, view, refresh=refresh), OPEN_TIMEOUT_S
        )
        self.listed, self.on_trial = target.listed, on_trial
        mixer = self._new_mixer(target.rate_hz)
        self._output = await self._in_time(
            lambda: open_target(target, mixer, self._latency.latency_s),
            OPEN_TIMEOUT_S,
            SoundOutput.stop,
        )
        self._latency.opened(time.monotonic())

    def open_stand_in(self) -> None:
        """Let the call go on silently, on a thread's clock, until a device is opened."""
        self._output = SimulatedOutput(self._new_mixer(self._in_hz), name="no sound device")
        self.has_stand_in = True

    async def look_for_devices(self) -> bool:
        """Return whether there is any device; none may be open. Raise as `open` does."""

        def look() -> bool:
            refresh_devices()
            return bool(list_devices())

        return await self._in_time(look, OPEN_TIMEOUT_S)

    async def open_silent(self, wanted: str, view: PulseView) -> Output:
        """Open a device beside the one that plays, only to see whether it runs; `end` it then."""
        target = await self._in_time(lambda: find_target(wanted, view), OPEN_TIMEOUT_S)
        return await self._in_time(
            lambda: open_target(target, Mixer(target.rate_hz), self._latency.latency_s),
            OPEN_TIMEOUT_S,
            SoundOutput.stop,
        )

    def detach(self) -> Output | None:
        """There is no device from now on; return the one to `end`."""
        output, self._output = self._output, None
        if output is not None:
            self._ended_underflows += output.underflows
        self.device_label, self.on_trial, self.has_stand_in = "", False, False
        return output

    async def end(self, output: Output) -> None:
        """Close a device that was detached; raise SoundDeviceHangsError if that hangs."""
        await self._in_time(output.stop, CLOSE_TIMEOUT_S)

    async def close(self) -> None:
        """Close the device, if there is one; raise SoundDeviceHangsError if that hangs."""
        output = self.detach()
        if output is not None:
            await self.end(output)

    async def _in_time(
        self,
        work: Callable[[], _R],
        timeout_s: float,
        undo: Callable[[_R], object] = lambda _: None,
    ) -> _R:
        try:
            return await self._patience.run(work, timeout_s, undo)
        except HangsError:
            raise SoundDeviceHangsError(
                "The sound device does not answer.",
                "Restart the sound server, or run with --no-audio.",
            ) from None

    def wants_other_latency(self, now_s: float, *, unheard: bool) -> bool:
        """Tell whether the device must be opened anew: for more latency, or `unheard` for less."""
        if self._output is None or not self._latency.look(
            self._output.underflows, now_s, unheard=unheard
        ):
            return False
        LOG.warning("the device's latency is now %.0f ms", self._latency.latency_s * 1000)
        return True

    def _new_mixer(self, rate_hz: int) -> Mixer:
        with self.lock:
            self._mixer = Mixer(rate_hz)
            self._leaving.clear()
            for voice in self._voices.values():
                self._count_ended(voice.lane)
                voice.lane = self._new_lane()
            self._publish()
            return self._mixer

    # --- tracks -----------------------------------------------------------------------------------

    def add(self, track_id: str, names: TrackNames) -> None:
        """A track has come; its frames may follow."""
        with self.lock:
            self._tracks[track_id] = None
            self.layout.add(track_id, names)
            self._voices[left(track_id)] = _PipelineTrack(self._new_lane())
            self._publish()

    def remove(self, track_id: str) -> None:
        """A track has ended: what of it is being heard fades out."""
        with self.lock:
            self._tracks.pop(track_id, None)
            self.layout.remove(track_id)
            for part in (left(track_id), right(track_id)):
                voice = self._voices.pop(part, None)
                if voice is not None:
                    self._count_ended(voice.lane)
                    voice.lane.close_gate()
                    self._leaving.append(voice.lane)
            self._publish()

    def push(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """A frame has come: int16 at the incoming rate, mono or of shape (frames, 2)."""
        with self.lock:
            self.received_frames += len(pcm)
            if track_id not in self._tracks or self._output is None:
                return
            now_s = time.monotonic()
            if pcm.ndim == 1:
                self._voices[left(track_id)].lane.push(pcm, now_s)
                return
            other = self._voices.get(right(track_id))
            if other is None and channels_differ(pcm):
                if not self.layout.may_split(track_id):
                    self._voices[left(track_id)].lane.push(mixed_down(pcm), now_s)
                    return
                other = self._split(track_id)
            self._voices[left(track_id)].lane.push(pcm[:, 0], now_s)
            if other is not None:
                other.lane.push(pcm[:, 1], now_s)

    def _split(self, track_id: str) -> _PipelineTrack:
        """Give the second channel of a stereo track a lane of its own."""
        LOG.info("a track is stereo: caller left, call taker right")
        if left(track_id) in self._silenced:
            self._silenced |= {right(track_id)}
        voice = self._voices[right(track_id)] = _PipelineTrack(self._new_lane())
        self.layout.split(track_id)
        self._publish()
        self.on_split()
        return voice

    def expect_gap(self, track_id: str) -> None:
        """A track's frames pause by our own doing until the next one."""
        with self.lock:
            for part in (left(track_id), right(track_id)):
                if part in self._voices:
                    self._voices[part].lane.expect_gap()

    @property
    def track_ids(self) -> tuple[str, ...]:
        """Return the tracks there are now."""
        return tuple(self._tracks)

    # --- gate and mix -----------------------------------------------------------------------------

    @property
    def gate_open(self) -> bool:
        """Tell whether what comes in is let out."""
        return self._gate_open

    def set_gate(self, is_open: bool) -> None:
        """Let what comes in from now on be heard, or fade out what is being heard."""
        with self.lock:
            self._gate_open = is_open
            self._apply_all()

    def set_silenced(self, parts: Iterable[str]) -> None:
        """Fade these parts of the layout out of the mix and the others in."""
        with self.lock:
            self._silenced = frozenset(parts)
            self._apply_all()

    # --- readings ---------------------------------------------------------------------------------

    def levels(self, now_s: float) -> dict[str, Level]:
        """Return each lane's level since the last call; of several tracks the loudest."""
        loudest: dict[str, Level] = {}
        with self.lock:
            if any(lane.silent for lane in self._leaving):
                self._publish()
            for part, voice in self._voices.items():
                level = voice.lane.meter.read(now_s)
                name = self.layout.lane_of[part]
                known = loudest.get(name)
                if known is None or level.rms_db > known.rms_db:
                    loudest[name] = level
        return loudest

    @property
    def delay_ms(self) -> float:
        """Return how long a frame that comes in now takes to leave the device, in ms."""
        return self.buffer_ms + self.resampler_ms + self.device_latency_ms

    @property
    def resampler_ms(self) -> float:
        """Return how long the resamplers take, in ms."""
        return max((voice.lane.resampler_s * 1000 for voice in self._voices.values()), default=0.0)

    @property
    def buffer_ms(self) -> float:
        """Return how long sound waits in the fullest ring, in ms."""
        return max((voice.lane.delay_s * 1000 for voice in self._voices.values()), default=0.0)

    @property
    def target_ms(self) -> float:
        """Return the wait that the rings aim at, in ms."""
        return max(
            (voice.lane.delay_target_s * 1000 for voice in self._voices.values()), default=0.0
        )

    @property
    def device_latency_ms(self) -> float:
        """Return the device's own delay, in ms."""
        return self._output.latency_s * 1000 if self._output else 0.0

    @property
    def fade_s(self) -> float:
        """Return for how long what fades out from now on is heard still, in s.

        A block that is asked for is half of the device's latency, and waits for the whole of it.
        """
        return FADE_S + 1.5 * self._output.latency_s if self._output else 0.0

    @property
    def underruns(self) -> int:
        """Return how often sound that should have been heard was not there in time."""
        return self._ended_underruns + sum(v.lane.underruns for v in self._voices.values())

    @property
    def trimmed_frames(self) -> int:
        """Return how many frames were left out to bound the delay."""
        live = sum(voice.lane.trimmed_frames for voice in self._voices.values())
        return self._ended_trimmed_frames + live

    @property
    def drift_ppm(self) -> float | None:
        """Return how fast the sound card runs against the frames, in ppm; None until known."""
        known = (voice.lane.learned for voice in self._voices.values())
        learned = next((each for each in known if each is not None), None)
        return None if learned is None else -learned * 1e6

    def callback_ms(self, percent: float) -> float:
        """Return a percentile of the time a block has taken since the device opened, in ms."""
        return self._mixer.times.percentile_s(percent) * 1000 if self._mixer else 0.0

    @property
    def device_underflows(self) -> int:
        """Return how often the devices ran out of what they had been given."""
        live = self._output.underflows if self._output else 0
        return self._ended_underflows + live

    # --- within -----------------------------------------------------------------------------------

    def _new_lane(self) -> Channel:
        rate_hz = self._mixer.rate_hz if self._mixer else self._in_hz
        return Channel(self._in_hz, rate_hz, MAX_BLOCK_FRAMES)

    def _apply_all(self) -> None:
        for part, voice in self._voices.items():
            voice.lane.set_silenced(part in self._silenced)
            if self._gate_open:
                voice.lane.open_gate()
            else:
                voice.lane.close_gate()

    def _publish(self) -> None:
        self._apply_all()
        self._leaving = [lane for lane in self._leaving if not lane.silent]
        if self._mixer is not None:
            lanes = [voice.lane for voice in self._voices.values()]
            self._mixer.lanes = (*lanes, *self._leaving)

    def _count_ended(self, lane: Channel) -> None:
        self._ended_underruns += lane.underruns
        self._ended_trimmed_frames += lane.trimmed_frames


def channels_differ(pcm: npt.NDArray[np.int16]) -> bool:
    """Return whether the channels of a stereo frame hold different sound."""
    one, other = pcm[:, 0], pcm[:, 1]
    if np.array_equal(one, other):
        return False
    difference = np.abs(one.astype(np.int32) - other)
    return int(difference.max()) > SAME_WITHIN


def mixed_down(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Return the mean of a stereo frame's channels, int16."""
    mean: npt.NDArray[np.int16] = (pcm.astype(np.int32).sum(axis=1) // 2).astype(np.int16)
    return mean

"""The player's own sound: one lane a track, one mixer, one output device, kept alive.

Everything here runs on the engine's loop, but for opening and closing a device, which can hang and
so has a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.lane import Lane
from callplayer.engine.audio.meter import Level
from callplayer.engine.audio.mixer import MAX_BLOCK_FRAMES, Mixer
from callplayer.engine.audio.output import (
    FIRST_LATENCY_S,
    LONGEST_LATENCY_S,
    Output,
    OutputDevice,
    SimulatedOutput,
    SoundOutput,
    find_device,
    refresh_devices,
    usable_rate_hz,
)
from callplayer.errors import SoundDeviceError
from callplayer.wire import Party

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")
_R = TypeVar("_R")

STALLED_S = 3.0
"""A device that asks for nothing so long has stopped. An idle sink may wake only every 2 s."""

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
RETRY_S = 2.0
UNDERFLOWS_TO_STEP = 2


@dataclass
class _Voice:
    party: Party
    lane: Lane


class Sound:
    """Lanes, mixer and device. `device_name` "" is the system's default device."""

    def __init__(self, in_hz: int, device_name: str, *, no_audio: bool = False) -> None:
        self._in_hz = in_hz
        self._wanted = device_name
        self._no_audio = no_audio
        self._output: Output | None = None
        self._mixer: Mixer | None = None
        self._voices: dict[str, _Voice] = {}
        self._gate_open = False
        self._silenced: frozenset[Party] = frozenset()
        self._ended_underruns = 0
        self._ended_trimmed_frames = 0
        self._ended_underflows = 0
        self._retry_s = 0.0
        self._latency_s = FIRST_LATENCY_S
        self._seen_underflows = 0

    # --- device -----------------------------------------------------------------------------------

    @property
    def device_name(self) -> str | None:
        """Return the open device's name, or None."""
        return self._output.device_name if self._output else None

    @property
    def ready(self) -> bool:
        """Tell whether sound can come out."""
        return self._output is not None

    async def open(self, *, refresh: bool = False) -> None:
        """Open the device; raise SoundDeviceError if it cannot be, or does not answer.

        `refresh` looks for devices that have come since the start.
        """
        if self._no_audio:
            self._output = SimulatedOutput(self._new_mixer(self._in_hz), name="no audio")
            return
        device, rate_hz = await _in_time(self._look, refresh)
        mixer = self._new_mixer(rate_hz)
        self._output = await _in_time(lambda _: SoundOutput(device, mixer, self._latency_s), None)

    async def close(self) -> None:
        """Close the device, if it lets itself be closed."""
        output, self._output = self._output, None
        if output is not None:
            self._ended_underflows += output.underflows
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await asyncio.to_thread(output.stop)

    async def keep_alive(self) -> str | None:
        """Reopen a device that has stopped; return what there is to tell the user, once a loss."""
        now_s = time.monotonic()
        if self._output is not None:
            if self._output.stalled_s(now_s) >= STALLED_S:
                LOG.warning("the sound device has stopped")
                await self.close()
                self._retry_s = now_s
                return "The sound device has stopped."
            await self._give_more_time()
        elif now_s >= self._retry_s:
            await self._try_open(refresh=True)
        return None

    async def _try_open(self, *, refresh: bool = False) -> None:
        self._retry_s = time.monotonic() + RETRY_S
        try:
            await self.open(refresh=refresh)
        except SoundDeviceError as error:
            LOG.warning("reopening: %s", error.what)

    async def _give_more_time(self) -> None:
        """Open again with twice the latency a device that ran dry more than once in a second."""
        assert self._output is not None
        ran_dry, self._seen_underflows = (
            self._output.underflows - self._seen_underflows,
            self._output.underflows,
        )
        if ran_dry < UNDERFLOWS_TO_STEP or self._latency_s >= LONGEST_LATENCY_S:
            return
        self._latency_s = min(2 * self._latency_s, LONGEST_LATENCY_S)
        LOG.warning("the sound device ran dry; latency now %.0f ms", self._latency_s * 1000)
        await self.close()
        self._seen_underflows = 0
        await self._try_open()

    def _look(self, refresh: bool) -> tuple[OutputDevice, int]:
        if refresh:
            refresh_devices()
        device = find_device(self._wanted)
        return device, usable_rate_hz(device)

    def _new_mixer(self, rate_hz: int) -> Mixer:
        self._mixer = Mixer(rate_hz)
        for voice in self._voices.values():
            self._count_ended(voice.lane)
            voice.lane = self._new_lane(rate_hz)
        self._publish()
        return self._mixer

    # --- tracks -----------------------------------------------------------------------------------

    def add(self, track_id: str, party: Party) -> None:
        """A track has come; its frames may follow."""
        rate_hz = self._mixer.rate_hz if self._mixer else self._in_hz
        self._voices[track_id] = _Voice(party, self._new_lane(rate_hz))
        self._publish()

    def remove(self, track_id: str) -> None:
        """A track has ended."""
        voice = self._voices.pop(track_id, None)
        if voice is not None:
            self._count_ended(voice.lane)
            self._publish()

    def push(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """A frame has come: mono int16 at the incoming rate."""
        voice = self._voices.get(track_id)
        if voice is not None and self._output is not None:
            voice.lane.push(pcm, time.monotonic())

    @property
    def track_ids(self) -> tuple[str, ...]:
        """Return the tracks there are now."""
        return tuple(self._voices)

    @property
    def parties(self) -> tuple[Party, ...]:
        """Return the parties that have a track, in the order they are shown."""
        present = {voice.party for voice in self._voices.values()}
        order: tuple[Party, ...] = ("caller", "callTaker", "call")
        return tuple(party for party in order if party in present)

    # --- gate and mix -----------------------------------------------------------------------------

    @property
    def gate_open(self) -> bool:
        """Tell whether what comes in is let out."""
        return self._gate_open

    def set_gate(self, is_open: bool) -> None:
        """Let what comes in from now on be heard, or fade out what is being heard."""
        self._gate_open = is_open
        for voice in self._voices.values():
            self._apply(voice)

    def set_silenced(self, parties: Iterable[Party]) -> None:
        """Fade these parties out of the mix and the others in."""
        self._silenced = frozenset(parties)
        for voice in self._voices.values():
            self._apply(voice)

    # --- readings ---------------------------------------------------------------------------------

    def levels(self, now_s: float) -> dict[Party, Level]:
        """Return each party's level since the last call; of several tracks the loudest."""
        loudest: dict[Party, Level] = {}
        for voice in self._voices.values():
            level = voice.lane.meter.read(now_s)
            known = loudest.get(voice.party)
            if known is None or level.rms_db > known.rms_db:
                loudest[voice.party] = level
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
        """Return how much sound waits in the fullest ring, in ms."""
        return max((voice.lane.fill_s * 1000 for voice in self._voices.values()), default=0.0)

    @property
    def target_ms(self) -> float:
        """Return the fill that the rings aim at, in ms."""
        return max((voice.lane.target_s * 1000 for voice in self._voices.values()), default=0.0)

    @property
    def device_latency_ms(self) -> float:
        """Return the device's own delay, in ms."""
        return self._output.latency_s * 1000 if self._output else 0.0

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
        lane = next((voice.lane for voice in self._voices.values()), None)
        return -lane.correction * 1e6 if lane is not None and lane.settled else None

    def callback_ms(self, percent: float) -> float:
        """Return a percentile of the time a block has taken since the device opened, in ms."""
        return self._mixer.times.percentile_s(percent) * 1000 if self._mixer else 0.0

    @property
    def device_underflows(self) -> int:
        """Return how often the devices ran out of what they had been given."""
        live = self._output.underflows if self._output else 0
        return self._ended_underflows + live

    # --- within -----------------------------------------------------------------------------------

    def _new_lane(self, rate_hz: int) -> Lane:
        return Lane(self._in_hz, rate_hz, MAX_BLOCK_FRAMES)

    def _apply(self, voice: _Voice) -> None:
        voice.lane.set_silenced(voice.party in self._silenced)
        if self._gate_open:
            voice.lane.open_gate()
        else:
            voice.lane.close_gate()

    def _publish(self) -> None:
        for voice in self._voices.values():
            self._apply(voice)
        if self._mixer is not None:
            self._mixer.lanes = tuple(voice.lane for voice in self._voices.values())

    def _count_ended(self, lane: Lane) -> None:
        self._ended_underruns += lane.underruns
        self._ended_trimmed_frames += lane.trimmed_frames


async def _in_time(work: Callable[[_T], _R], given: _T) -> _R:
    """Run what may hang in a thread of its own; raise SoundDeviceError if it takes too long.

    A device that opens after all is closed again: nobody waits for it any more.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work, given)
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return await asyncio.shield(running)
    except (TimeoutError, asyncio.CancelledError) as error:
        running.add_done_callback(_stop_late)
        if isinstance(error, asyncio.CancelledError):
            raise
        raise SoundDeviceError(
            "The sound device does not answer.",
            "Restart the sound server, or run with --no-audio.",
        ) from None


def _stop_late(running: asyncio.Future[Any]) -> None:
    if not running.cancelled() and running.exception() is None:
        result = running.result()
        if isinstance(result, SoundOutput):
            result.stop()

"""An invented clock with a writer and a sound card on it, for tests of the audio path."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.jitter_margin import FRAME_S

RATE_HZ = 48_000
Pcm = npt.NDArray[np.int16]
Sound = npt.NDArray[np.float32]
Frame = Callable[[int, int], Pcm]
"""(first sample's number, samples wanted) → mono int16."""


def tone(hz: float, peak: float = 0.5, rate_hz: int = RATE_HZ) -> Frame:
    """Return a sine as a frame source; `peak` 1.0 is full scale."""

    def frame(first: int, count: int) -> Pcm:
        phase = 2 * math.pi * hz * np.arange(first, first + count) / rate_hz
        return np.round(32767 * peak * np.sin(phase)).astype(np.int16)

    return frame


def steady(level: float) -> Frame:
    """Return a constant: each step in the output is then the player's own."""
    value = round(32767 * level)
    return lambda _first, count: np.full(count, value, dtype=np.int16)


SILENCE = steady(0.0)


def target_s(lane: Channel, block_frames: int) -> float:
    """Return the fill that a lane aims at just after a frame has come in, in s."""
    return lane.delay_target_s + (FRAME_S + block_frames / lane.rate_hz) / 2


def on_time(start_s: float = 0.0) -> Iterator[float]:
    """Frames that come exactly every 10 ms."""
    number = 0
    while True:
        yield start_s + number * FRAME_S
        number += 1


def jittered(late_ms: Callable[[int], float], start_s: float = 0.0) -> Iterator[float]:
    """Frames that come up to `late_ms(number)` late, never out of order."""
    last_s = start_s
    for number, due_s in enumerate(on_time(start_s)):
        last_s = max(last_s, due_s + late_ms(number) / 1000)
        yield last_s


@dataclass
class Rig:
    """One lane between frames that arrive and a card that asks for blocks.

    The card's clock runs `card_ppm` fast; its first block is asked for at `card_start_s`. `heard`
    collects what it was given, `fills_s` the lane's fill right after each frame came in.
    """

    lane: Channel
    arrivals: Iterable[float] = field(default_factory=on_time)
    source: Frame = SILENCE
    block_frames: int = 480
    card_ppm: float = 0.0
    card_start_s: float = 0.003
    keep_sound: bool = True
    in_hz: int = RATE_HZ
    now_s: float = 0.0
    heard: list[Sound] = field(default_factory=list)
    fills_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._arrivals = iter(self.arrivals)
        self._arrival_s = next(self._arrivals)
        self._card_s = self.card_start_s
        self._sent = 0
        self._bus = np.zeros(self.block_frames, dtype=np.float32)

    def run(self, until_s: float) -> None:
        """Let the clock go on to `until_s`."""
        period_s = self.block_frames / self.lane.rate_hz / (1 + self.card_ppm * 1e-6)
        frame = round(self.in_hz * FRAME_S)
        while min(self._arrival_s, self._card_s) < until_s:
            if self._arrival_s <= self._card_s:
                self.now_s = self._arrival_s
                self.lane.push(self.source(self._sent, frame), self.now_s)
                self._sent += frame
                self.fills_s.append(self.lane.fill_s)
                self._arrival_s = next(self._arrivals)
            else:
                self.now_s = self._card_s
                self._bus.fill(0.0)
                self.lane.mix_into(self._bus, self.now_s)
                if self.keep_sound:
                    self.heard.append(self._bus.copy())
                self._card_s += period_s
        self.now_s = until_s

    def hold_card(self, seconds: float) -> None:
        """Let the card ask for nothing for a while."""
        self._card_s += seconds

    def sound(self) -> Sound:
        """Return all that the card was given."""
        return np.concatenate(self.heard) if self.heard else np.zeros(0, dtype=np.float32)

    def sound_since(self, block: int) -> Sound:
        """Return what the card was given from its block number `block` on."""
        return np.concatenate(self.heard[block:])


def open_lane(rate_hz: int = RATE_HZ, in_hz: int = RATE_HZ) -> Channel:
    """Return a lane whose gate is open from the first frame on."""
    lane = Channel(in_hz, rate_hz, 8192)
    lane.open_gate()
    return lane


def largest_step(sound: Sound) -> float:
    """Return the largest difference between neighbouring samples."""
    return float(np.max(np.abs(np.diff(sound))))


def snr_db(sound: Sound, hz: float, rate_hz: int = RATE_HZ, notch_hz: float = 12.0) -> float:
    """Return a sine's power over all else's, in dB; within `notch_hz` of `hz` is the sine.

    The Blackman-Harris-like window (Kaiser, β = 20) keeps its side lobes below −150 dB.
    """
    window = np.kaiser(len(sound), 20.0)
    power = np.abs(np.fft.rfft(sound.astype(np.float64) * window)) ** 2
    places_hz = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    near = np.abs(places_hz - hz) <= notch_hz
    return float(10 * np.log10(power[near].sum() / power[~near].sum()))

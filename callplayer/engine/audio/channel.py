"""One party's way from received frames to the mix.

Writer's side (under one lock): frames in, resampled to the sound card's clock, metered, into the
ring. Reader's side (the audio thread, without it): out of the ring, gated and faded, onto the bus.

The gate is a place in the ring, not a moment: closing fades what is being heard within 5 ms, and
opening marks the first new sample, so that the buffer keeps its level and its delay all along and
nothing that was written before the mark is ever heard.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.dll import DelayLockedLoop
from callplayer.engine.audio.jitter_margin import FRAME_S, JitterMargin
from callplayer.engine.audio.meter import Meter
from callplayer.engine.audio.resampler import resampler
from callplayer.engine.audio.ring import Ring, Samples

FADE_S = 0.005
RING_S = 2.0
LATE_TRIM_S = 0.060
TRIM_SLACK_S = 0.012
TRIM_WINDOW_S = 2.0
ALIGN_FRAMES = 5
ALIGN_SLACK_S = 0.001
SETTLED_FRAMES = 3000
SMOOTH_FRAMES = 32
PCM_SCALE = np.float32(1 / 32768)


class Channel:
    """One party's buffer. `rate_hz` is the sound card's; `max_block_frames` its largest block."""

    def __init__(self, in_hz: int, rate_hz: int, max_block_frames: int) -> None:
        self.rate_hz = rate_hz
        self.meter = Meter()
        self._ring = Ring(int(RING_S * rate_hz))
        # Writer's own.
        self._resampler = resampler(in_hz, rate_hz)
        self._filter_frames = math.ceil(2 * self._resampler.delay_s * rate_hz)
        self._loop = DelayLockedLoop(int(FRAME_S * rate_hz), rate_hz)
        self._arrivals = JitterMargin()
        self._seen_underruns = self._seen_trimmed_frames = 0
        self.received_frames = 0
        self.correction = 0.0
        self._silent_errors: list[float] = []
        self._followed = 0
        self._learned: float | None = None
        self._smooth_fill = 0.0
        # Set by the writer, read by the reader: single assignments.
        self._open = False
        self._open_mark = 0
        self._silenced = False
        self._target_frames = 0
        self._skip_mark = 0
        self._cut_mark = 0
        # Reader's own, read by the writer for statistics.
        self.underruns = 0
        self.trimmed_frames = 0
        self.playing = False
        self._read_s = 0.0
        self._block_frames = int(FRAME_S * rate_hz)
        self._gain = 0.0
        self._last_sample = 0.0
        self._dying_frames = 0
        self._fade_frames = max(1, int(FADE_S * rate_hz))
        self._lowest_frames = 0
        self._window_frames = 0
        self._block: Samples = np.zeros(max_block_frames, dtype=np.float32)
        self._splice: Samples = np.zeros(max_block_frames, dtype=np.float32)
        self._curve: Samples = np.zeros(max_block_frames, dtype=np.float32)
        self._ramp: Samples = np.arange(1, max_block_frames + 1, dtype=np.float32)
        self._ramp /= self._fade_frames
        self._retarget()

    # --- the writer's side ------------------------------------------------------------------------

    def push(self, pcm: npt.NDArray[np.int16], now_s: float) -> None:
        """Take in one received frame, mono int16 at the incoming rate."""
        self.received_frames += len(pcm)
        self.append(np.multiply(pcm, PCM_SCALE, dtype=np.float32))
        self._follow_arrivals(now_s)
        trimmed, self._seen_trimmed_frames = self._seen_trimmed_frames, self.trimmed_frames
        if not self.playing or trimmed != self.trimmed_frames:
            self._smooth_fill = 0.0  # what the mean was made of is gone
        if not self.playing:
            return
        # The reader takes whole blocks ahead; what it took is still to be played, but for the part
        # that the clock says has been, so that the loop sees the delay and not the blocks.
        block = self._block_frames
        since_read = min(max((now_s - self._read_s) * self.rate_hz, 0.0), block)
        fill = self._ring.fill_frames + block - since_read
        self._smooth_fill += (
            (fill - self._smooth_fill) / SMOOTH_FRAMES if self._smooth_fill else fill
        )
        error = fill - self._target_frames
        if self._gain == 0.0 and not self._open:
            self._silent_errors.append(error)
            if len(self._silent_errors) == ALIGN_FRAMES:
                self._align()
        else:
            self._follow_clock(error)

    def append(self, sound: Samples) -> None:
        """Take in mono float32 at the incoming rate, full scale at ±1."""
        samples = self._resampler.process(sound)
        self._ring.write(samples)
        if self._open:
            self.meter.add(samples)

    def expect_gap(self) -> None:
        """No frame comes for a while, by our own doing."""
        self._arrivals.expect_gap()

    def _follow_clock(self, error: float) -> None:
        """Bend the resampler, so that the fill comes to its target and stays there."""
        self._followed += 1
        self.correction = self._loop.update(error)
        self._resampler.set_correction(self.correction)

    def _align(self) -> None:
        """Put the fill right in one step, while nothing is heard."""
        if not self._silent_errors:
            return
        mean = round(sum(self._silent_errors) / len(self._silent_errors))
        self._silent_errors.clear()
        if abs(mean) < ALIGN_SLACK_S * self.rate_hz:
            return
        if mean > 0:
            self._skip_mark = self._ring.position + mean
        else:
            self._ring.write(np.zeros(-mean, dtype=np.float32))
        self._smooth_fill = float(self._target_frames)
        self._learned = self.learned
        self._loop.reset()
        self._followed = 0

    @property
    def resampler_s(self) -> float:
        """Return how long a sample takes through the resampler, in s."""
        return self._resampler.delay_s

    @property
    def learned(self) -> float | None:
        """Return the clocks' difference as a correction; None until it is known.

        While the fill comes to its target, it is what was known before.
        """
        return self._loop.learned if self._followed >= SETTLED_FRAMES else self._learned

    def open_gate(self) -> None:
        """Let what is written from now on be heard."""
        if not self._open:
            self._align()
            # What is made while the resampler's filter still reaches back is old, too.
            self._open_mark = self._ring.written + self._filter_frames
            self._open = True

    def close_gate(self) -> None:
        """Fade out what is being heard; nothing is heard until the gate opens again."""
        self._open = False

    def set_silenced(self, silenced: bool) -> None:
        """Fade this party out of the mix, or in again."""
        self._silenced = silenced

    @property
    def silent(self) -> bool:
        """Return whether nothing of this lane is heard, not even the end of a fade."""
        return self._gain == 0.0 and not self._dying_frames

    @property
    def fill_s(self) -> float:
        """Return how much sound waits in the ring at this moment, in s."""
        return self._ring.fill_frames / self.rate_hz

    @property
    def delay_s(self) -> float:
        """Return how long a sample waits in the ring, in s, on average over frames and blocks."""
        return self._wait_s(self._smooth_fill) if self.playing else self.fill_s

    @property
    def delay_target_s(self) -> float:
        """Return the delay that is aimed at, in s."""
        return self._wait_s(self._target_frames)

    def _wait_s(self, highest_fill: float) -> float:
        """Return the mean of a fill that rises to `highest_fill` by frames and sinks by blocks."""
        mean = highest_fill - (FRAME_S * self.rate_hz + self._block_frames) / 2
        return max(mean, 0.0) / self.rate_hz

    def _follow_arrivals(self, now_s: float) -> None:
        self._arrivals.take(now_s, ran_dry=self.underruns > self._seen_underruns)
        self._seen_underruns = self.underruns
        self._retarget()

    def _retarget(self) -> None:
        self._target_frames = (
            int((FRAME_S + self._arrivals.margin_s) * self.rate_hz) + self._block_frames
        )

    # --- the reader's side: the audio thread ------------------------------------------------------

    def mix_into(self, bus: Samples, now_s: float) -> None:
        """Add the next `len(bus)` frames to `bus`, mono float32."""
        frames = len(bus)
        ring = self._ring
        if self._gain == 0.0 and self._skip_mark > ring.position:
            ring.skip(self._skip_mark - ring.position)
        cut = max(self._cut_mark - ring.position, 0)
        if cut and (self._gain == 0.0 or not self.playing):
            ring.skip(cut)
            self.playing, cut = True, 0
        self._read_s, self._block_frames = now_s, frames
        if not self.playing:
            if ring.fill_frames < self._target_frames - int(FRAME_S / 2 * self.rate_hz):
                self._fade_tail(bus)
                return
            self.playing = True
            self._lowest_frames, self._window_frames = ring.fill_frames, 0
        excess = self._excess_frames(frames)
        if not (cut or excess) and self._is_passthrough(frames):
            ring.move_onto(bus)
            return
        block = self._block[:frames]
        first_frame = ring.position + cut
        got = self._read_spliced(block, cut, excess)
        block[got:] = 0.0
        self._shape(block, first_frame)
        bus += block
        if got < frames:
            self._underrun(block, got)
        self._fade_tail(bus[got:] if got < frames else bus)

    def _is_passthrough(self, frames: int) -> bool:
        """Return whether the next frames are heard just as they are: nearly always so."""
        return (
            self._gain == 1.0
            and self._open
            and not self._silenced
            and not self._dying_frames
            and self._open_mark <= self._ring.position
            and self._ring.fill_frames >= frames
        )

    def _read_spliced(self, block: Samples, cut: int, excess: int) -> int:
        """Read the next frames into `block`; splice over what is cut, or is too old."""
        ring, frames, skipped = self._ring, len(block), cut + excess
        got = ring.peek_into(block)
        if skipped and ring.peek_into(self._splice[:frames], skipped) == got == frames:
            steepness = max(1.0, self._fade_frames / frames)
            curve = np.multiply(self._ramp[:frames], steepness, out=self._curve[:frames])
            np.minimum(curve, 1.0, out=curve)
            fresh = self._splice[:frames]
            fresh -= block
            fresh *= curve
            block += fresh
            ring.skip(skipped)
            self.trimmed_frames += excess
        ring.skip(got)
        return got

    def _excess_frames(self, frames: int) -> int:
        """Return how many frames to leave out now: what has not been needed for a while."""
        fill = self._ring.fill_frames
        self._lowest_frames = min(self._lowest_frames, fill)
        self._window_frames += frames
        excess = 0
        wanted = self._target_frames - int(FRAME_S * self.rate_hz)
        if fill > self._target_frames + int(LATE_TRIM_S * self.rate_hz):
            excess = fill - self._target_frames
        elif self._window_frames >= TRIM_WINDOW_S * self.rate_hz:
            unused = self._lowest_frames - wanted
            if unused > TRIM_SLACK_S * self.rate_hz:
                excess = unused
        if excess or self._window_frames >= TRIM_WINDOW_S * self.rate_hz:
            self._lowest_frames, self._window_frames = fill - excess, 0
        return excess

    def _underrun(self, block: Samples, got: int) -> None:
        """Note from where the sound dies away; fill up again before going on."""
        self.playing = False
        if self._gain > 0.0:
            self.underruns += 1
        # Shaped, or the end of the block before, which was so at the gain that still stands.
        last = float(block[got - 1]) if got else self._ring.last_read() * self._gain
        self._last_sample, self._gain = last, 0.0
        self._dying_frames = self._fade_frames

    def _fade_tail(self, bus: Samples) -> None:
        """Add the rest of the last sample's fade: a block may be shorter than a fade."""
        count = min(self._dying_frames, len(bus))
        if count:
            left = self._dying_frames / self._fade_frames
            curve = np.subtract(left, self._ramp[:count], out=self._curve[:count])
            curve *= self._last_sample
            bus[:count] += curve
            self._dying_frames -= count

    def _shape(self, block: Samples, first_frame: int) -> None:
        """Apply gate and mute with their fades."""
        frames = len(block)
        hidden = self._open_mark - first_frame if self._open else frames
        # Closed and opened again between two blocks: the old sound still has to fade out.
        passes = hidden < frames and not (hidden > 0 and self._gain > 0.0)
        if passes and hidden > 0:
            block[:hidden] = 0.0
        goal = 1.0 if passes and not self._silenced else 0.0
        if self._gain == goal == 1.0 and hidden <= 0:
            pass
        elif self._gain == goal == 0.0:
            block.fill(0.0)
        else:
            start = max(hidden, 0) if goal else 0
            self._fade(block[start:], goal)

    def _fade(self, part: Samples, goal: float) -> None:
        frames = len(part)
        curve = self._curve[:frames]
        if goal:
            np.add(self._ramp[:frames], self._gain, out=curve)
            np.minimum(curve, 1.0, out=curve)
        else:
            np.subtract(self._gain, self._ramp[:frames], out=curve)
            np.maximum(curve, 0.0, out=curve)
        part *= curve
        self._gain = float(curve[-1]) if frames else self._gain

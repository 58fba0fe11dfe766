"""One link of a sound file: its packets, and the sound in them, each at its time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from callplayer.recordings.containers.byte_range import ByteRange
from callplayer.recordings.containers.codec_delay import Start, start_of
from callplayer.recordings.containers.formats import Format
from callplayer.recordings.containers.timeline import MAX_GAP_S, SampleTimeline, slack_frames
from callplayer.recordings.containers.wav_head import is_sane
from callplayer.recordings.samples import Sound, silence, sound_of

PREROLL_S = 0.4
"""How much sound before the place asked for a decoder is given: its state needs it."""

PAGE_S = 4.0
"""An Ogg page lasts less. After a jump FFmpeg misnames the packets of the first one."""

PACKET_BYTES = 1 << 16
_TAIL_PACKETS = 12
_HEAD_PACKETS = 100
_MAX_PACKET_S = 60
_MAX_BROKEN_READS = 100
_NO_SEEK = ("adpcm_ima_oki", "g726", "g726le", "adpcm_ms", "adpcm_ima_wav")
_BETTER_DECODERS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
"""FFmpeg's own AMR decoders leave out silence descriptors, and refuse what follows them."""

_LENGTH_IS_NAMED = ("mov", "ogg", "wav", "flac", "matroska")


class NoSoundError(Exception):
    """There is nothing to decode; the message says why, or is empty."""


@dataclass(frozen=True)
class Loss:
    """`packets` in a row that could not be decoded, the first at `position` (frames)."""

    position: int
    packets: int


class LinkReader:
    """Reads one link. `frames` is its length, `named_frames` what its container says, or None."""

    def __init__(
        self, source: ByteRange, form: Format, *, scan: bool = True, frames: int | None = None
    ) -> None:
        """Open the link; raise NoSoundError, or av.FFmpegError.

        `scan` reads its packets once; without it the length is a guess. `frames` is the length
        where the head says it: of plain samples.
        """
        self._source = source
        self._form = form
        self._container, self._stream = self._open()
        self._codec = self._decoder(self._stream)
        context = self._stream.codec_context
        self.codec: str = context.codec.name if context.codec is not None else ""
        self.rate_hz = int(context.sample_rate)
        self.channels = int(context.layout.nb_channels) if context.layout is not None else 0
        sample_format = context.format.name if context.format is not None else ""
        self.is_fine = sample_format.startswith(("s32", "s64", "flt", "dbl")) and (
            self.codec.startswith(("pcm_", "flac", "alac", "wavpack", "tta", "ape"))
        )
        if self.rate_hz <= 0 or self.channels <= 0:
            raise NoSoundError("nothing says its sample rate or its channels")
        if not is_sane(self.rate_hz, self.channels):
            raise NoSoundError(f"it names {self.channels} channels of {self.rate_hz} Hz")
        self._tick = self._stream.time_base or Fraction(1, self.rate_hz)
        frames_a_tick = self._tick * self.rate_hz
        self._frames_a_tick = (frames_a_tick.numerator, frames_a_tick.denominator)
        self.tags: dict[str, str] = dict(self._container.metadata)
        self.losses: list[Loss] = []
        is_plain = self.codec.startswith("pcm_") and frames is not None
        found = self._scan() if scan and not is_plain else self._guess()
        self._start, self.frames, self.named_frames, self.restarts = found
        if is_plain and frames is not None:
            self.frames, self.named_frames = frames, None

    def blocks(self, start: int = 0) -> Iterator[Sound]:
        """Yield all of the sound from frame `start` on: `frames` − `start` frames in all."""
        at = start
        for position, sound in self._placed(start):
            ends = position + len(sound)
            if ends <= at:
                continue
            if position > at:  # a gap in time
                for gap in silence(min(position, self.frames) - at, self.channels):
                    at += len(gap)
                    yield gap
            is_whole = at == position and ends <= self.frames
            part = sound if is_whole else sound[max(at - position, 0) : self.frames - position]
            if len(part):
                at += len(part)
                yield part
            if at >= self.frames:
                return
        yield from silence(self.frames - at, self.channels)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _open(self) -> tuple[Any, Any]:
        import av

        self._source.seek(0)
        container = av.open(
            self._source, format=self._form.demuxer, options=self._form.options, buffer_size=1 << 17
        )
        if not container.streams.audio:
            container.close()
            raise NoSoundError()
        stream = container.streams.audio[0]
        if not _has_decoder(stream):
            container.close()
            raise NoSoundError("there is no decoder for its sound")
        stream.codec_context.thread_count = 1
        return container, stream

    def _decoder(self, stream: Any) -> Any:
        import av

        context = stream.codec_context
        better = _BETTER_DECODERS.get(context.codec.name)
        if better is None:
            return context
        try:
            codec: Any = av.CodecContext.create(better, "r")
        except (av.FFmpegError, ValueError):
            return context
        codec.sample_rate, codec.layout = context.sample_rate, context.layout
        return codec

    def _timeline(self, zero: int) -> SampleTimeline:
        slack = slack_frames(self.codec, float(self._tick), self.rate_hz)
        return SampleTimeline(zero, slack, MAX_GAP_S * self.rate_hz)

    def _time(self, ticks: int | None) -> int | None:
        """Return ticks of the container as frames."""
        if ticks is None:
            return None
        return (2 * ticks * self._frames_a_tick[0] // self._frames_a_tick[1] + 1) // 2

    def _length(self, packet: Any) -> int:
        """Return how long a packet lasts; 0 for what FFmpeg counts below zero, as 32 bits."""
        frames = self._time(packet.duration) or 0
        return frames if 0 < frames < _MAX_PACKET_S * self.rate_hz else 0

    def _packets(self) -> Iterator[Any]:
        """Yield the packets from here on, past what the demuxer cannot read."""
        import av

        broken = 0
        while broken < _MAX_BROKEN_READS:
            try:
                for packet in self._container.demux(self._stream):
                    yield packet
                    broken = 0
                return
            except av.EOFError:
                return
            except av.FFmpegError:
                broken += 1

    def _scan(self) -> tuple[Start, int, int | None, int]:
        """Read all packets; return how the sound begins, its length, named length, restarts."""
        packets = self._packets()
        head: list[Any] = []
        begins = self._begin(packets, head)
        timeline = self._timeline(self._time(head[0].pts) or 0)
        tail: deque[Any] = deque(maxlen=_TAIL_PACKETS)
        for packet in head:
            timeline.place(self._time(packet.pts), self._length(packet))
        for packet in packets:
            if packet.size:
                tail.append(packet)
                timeline.place(self._time(packet.pts), self._length(packet))
        end = self._end(tail, begins, timeline)
        named = self._named_length(begins)
        if named is not None and named < end <= named + self._slack_at_end():
            end = named
        return begins, max(end - begins.padding, 0), named, timeline.restarts

    def _guess(self) -> tuple[Start, int, int | None, int]:
        """Return the same as `_scan` as far as the head of the link says it."""
        begins = self._begin(self._packets(), [])
        named = self._named_length(begins)
        length = named
        if length is None:
            length = round((self._container.duration or 0) * self.rate_hz / 1_000_000)
        return begins, max(length - begins.padding, begins.first_end), named, 0

    def _begin(self, packets: Iterator[Any], head: list[Any]) -> Start:
        """Decode up to the first frame; put what was read into `head`, return how it begins."""
        for packet in packets:
            if not packet.size:
                continue
            head.append(packet)
            frames = self._decode(packet)
            if frames:
                return start_of(
                    self.codec, self._form.demuxer, self.rate_hz,
                    packet=self._time(head[0].pts), frame=self._time(frames[0].pts),
                    samples=frames[0].samples,
                )  # fmt: skip
            if len(head) == _HEAD_PACKETS:
                break
        raise NoSoundError("none of its packets can be decoded" if head else "")

    def _slack_at_end(self) -> int:
        return max(8192, round(0.2 * self.rate_hz))

    def _end(self, tail: deque[Any], begins: Start, timeline: SampleTimeline) -> int:
        """Return where the sound ends, after `begins.zero`: what padding is left out is known then.

        The last packets say it when they are decoded; else their times do.
        """
        by_packets = (timeline.end or 0) + timeline.zero - begins.zero
        if timeline.restarts:
            return (timeline.end or 0) - (begins.zero - timeline.zero if not tail else 0)
        by_frames: int | None = None
        for packet in (*tail, None):
            for frame in self._decode(packet) or ():
                time = self._time(frame.pts)
                if time is not None:
                    by_frames = time - begins.zero + frame.samples
                elif by_frames is not None:
                    by_frames += frame.samples
        if by_frames is None:
            return max(by_packets, begins.first_end)
        return by_frames if by_packets - by_frames < 0.2 * self.rate_hz else by_packets

    def _named_length(self, begins: Start) -> int | None:
        """Return the length that the container names, in frames; None if it names none."""
        demuxer, duration = self._form.demuxer, self._stream.duration
        if demuxer not in _LENGTH_IS_NAMED:
            return None
        if demuxer == "matroska":
            others = len(self._container.streams) > len(self._container.streams.audio)
            if others or not self._container.duration:
                return None
            end_us = int(self._container.duration)
            return round(end_us * self.rate_hz / 1_000_000) - begins.zero
        length = self._time(duration) if duration else None
        if length is None:
            return None
        first = self._time(self._stream.start_time) or 0
        return length + (min(first, 0) if demuxer == "ogg" else first - begins.zero)

    def _decode(self, packet: Any) -> list[Any] | None:
        """Return the frames of a packet (None: of the end); None if it cannot be decoded."""
        import av

        try:
            return list(self._codec.decode(packet))
        except av.EOFError:
            return []
        except (av.FFmpegError, ValueError):
            return None

    def _placed(self, start: int) -> Iterator[tuple[int, Sound]]:
        """Yield pieces of sound and where they begin, from `start` or earlier on."""
        early = start - round(PREROLL_S * self.rate_hz)
        if early > self.rate_hz and not self.restarts and self.codec not in _NO_SEEK:
            pieces = self._from(early)
            first = next(pieces, None)
            if first is not None and first[0] <= start:
                yield first
                yield from pieces
                return
        yield from self._from(None)

    def _from(self, position: int | None) -> Iterator[tuple[int, Sound]]:
        timeline = self._timeline(self._start.zero)
        if position is None:
            self._container.close()
            self._container, self._stream = self._open()
            self._codec = self._decoder(self._stream)
            self.losses.clear()
        else:
            early = PAGE_S * self.rate_hz if self._form.demuxer == "ogg" else 0
            ticks = round((position - early + self._start.shifted_zero) / self.rate_hz / self._tick)
            self._container.seek(ticks, stream=self._stream)
            self._codec.flush_buffers()
        is_first, is_start = True, position is None
        lost = 0
        for packet in self._packets() if is_start else self._after_first_page():
            frames = self._decode(packet if packet.size else None)
            if frames is None:
                lost = self._count(packet, timeline, lost)
                continue
            lost = 0
            for frame in frames:
                sound = sound_of(frame)
                if frame.sample_rate != self.rate_hz or sound.shape[1] != self.channels:
                    lost = self._count(packet, timeline, lost)
                    continue
                time = self._time(frame.pts)
                if is_first and is_start:
                    timeline.end = self._start.position
                    timeline.zero = (time or 0) - self._start.position
                elif is_first:
                    timeline.zero = self._start.shifted_zero
                is_first = False
                yield timeline.place(time, len(sound)), sound

    def _after_first_page(self) -> Iterator[Any]:
        """Yield the packets after a jump; of an Ogg those from the second page on."""
        packets = self._packets()
        if self._form.demuxer != "ogg":
            return packets
        first = next(packets, None)
        page = None if first is None else first.pos
        return itertools.dropwhile(lambda packet: packet.pos == page, packets)

    def _count(self, packet: Any, timeline: SampleTimeline, before: int) -> int:
        """Count a packet that is lost, with those right before it."""
        time = self._time(packet.pts)
        position = (timeline.end or 0) if time is None else time - timeline.zero
        if before and self.losses:
            self.losses[-1] = Loss(self.losses[-1].position, before + 1)
        elif len(self.losses) < 1000:
            self.losses.append(Loss(max(position, 0), 1))
        return before + 1


def _has_decoder(stream: Any) -> bool:
    return stream.codec_context is not None and stream.codec_context.codec is not None

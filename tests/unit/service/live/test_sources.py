"""What live calls are made of: codings and rates, headers that are not finished, two parties."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from callplayer.errors import UsageError
from callplayer.recordings.containers.wav_head import NotWavError
from callplayer.service.live.align import DELAY_S, Aligner
from callplayer.service.live.growing_wav import read_header
from callplayer.service.live.options import LiveSources
from callplayer.service.live.pcm import PcmDecoder, PcmFormat, parse_format

RATE_HZ = 48_000


def tone(hz: float, rate_hz: int, duration_s: float, channels: int = 1) -> np.ndarray:
    seconds = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.repeat(0.25 * np.sin(2 * np.pi * hz * seconds)[:, None], channels, axis=1)


def wav(samples: np.ndarray, rate_hz: int, subtype: str, container: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format=container, subtype=subtype)
    return stream.getvalue()


def decoded(form: PcmFormat, content: bytes, step_bytes: int) -> np.ndarray:
    decoder = PcmDecoder(form)
    parts = [
        decoder.decode(content[at : at + step_bytes]) for at in range(0, len(content), step_bytes)
    ]
    return np.concatenate([*parts, decoder.decode(b"", last=True)])


@pytest.mark.parametrize(
    ("subtype", "container"),
    [
        *(("PCM_U8", "WAV"), ("PCM_16", "WAV"), ("PCM_24", "WAV"), ("PCM_32", "WAV")),
        *(("FLOAT", "WAV"), ("DOUBLE", "WAV"), ("ULAW", "WAV"), ("ALAW", "WAV")),
        *(("PCM_16", "WAVEX"), ("FLOAT", "WAVEX"), ("PCM_16", "RF64")),
    ],
)
@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (48_000, 2)])
def test_each_coding_and_rate_becomes_the_same_sound(
    subtype: str, container: str, rate_hz: int, channels: int
) -> None:
    content = wav(tone(440.0, rate_hz, 1.0, channels), rate_hz, subtype, container)
    header = read_header(content)
    assert header is not None
    assert (header.form.rate_hz, header.form.channels) == (rate_hz, channels)
    # Pieces that cut samples in two, as a reader meets them.
    heard = decoded(
        header.form, content[header.data_at :][: rate_hz * header.form.frame_bytes], 997
    )
    assert heard.shape == (RATE_HZ, channels)
    coarse = subtype in ("PCM_U8", "ULAW", "ALAW")
    for channel in range(channels):
        size, late_s, error = as_tone(heard[:, channel], 440.0)
        assert size == pytest.approx(8192, rel=0.01 if coarse else 0.001)
        assert abs(late_s) < 20e-6
        assert error < (200 if coarse else 1)


def as_tone(samples: np.ndarray, hz: float) -> tuple[float, float, float]:
    """Return a tone's amplitude, by how many s it comes late, and the RMS of what else is there."""
    inner = samples[2400:-2400]
    phase = 2 * np.pi * hz * np.arange(2400, 2400 + len(inner)) / RATE_HZ
    parts = np.stack([np.sin(phase), -np.cos(phase)], axis=1)
    (sine, cosine), *_ = np.linalg.lstsq(parts, inner, rcond=None)
    error = np.sqrt(np.mean((inner - parts @ [sine, cosine]) ** 2))
    return np.hypot(sine, cosine), np.arctan2(cosine, sine) / (2 * np.pi * hz), error


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_resampled_sound_is_never_held_back_for_long(rate_hz: int) -> None:
    decoder = PcmDecoder(PcmFormat("PCM_16", rate_hz, 1))
    came = 0
    for step in range(1, 101):
        came += len(decoder.decode(bytes(rate_hz // 50 * 2)))
        assert came > (step * 0.02 - 0.035) * RATE_HZ


def test_48_khz_of_int16_passes_bit_for_bit() -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_768, (5000, 2)).astype(np.int16)
    assert np.array_equal(decoded(PcmFormat("PCM_16", RATE_HZ, 2), samples.tobytes(), 333), samples)


def test_a_format_is_read() -> None:
    assert parse_format("s16le:8000:1") == PcmFormat("PCM_16", 8000, 1)
    assert parse_format("mulaw:8000:2") == PcmFormat("ULAW", 8000, 2)


@pytest.mark.parametrize(
    "text", ["", "s16le", "s16le:8000", "s16be:8000:1", "s16le:x:1", "s16le:1:1", "s16le:8000:3"]
)
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no format of live sound"):
        parse_format(text)


def test_a_header_is_not_there_before_it_is_whole() -> None:
    content = wav(tone(440.0, 8000, 0.1), 8000, "FLOAT")
    header = read_header(content)
    assert header is not None
    for length in range(header.data_at):
        assert read_header(content[:length]) is None
    assert read_header(content[: header.data_at]) == header


@pytest.mark.parametrize(
    "content",
    [
        b"OggS" + bytes(60),
        b"RIFF\0\0\0\0AVI " + bytes(60),
        b"RIFF\0\0\0\0WAVEdata" + bytes(60),
        b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0data" + bytes(60),
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 6, 48_000, 0, 0, 16),
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 85, 1, 48_000, 0, 0, 16),
        b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", 1_000_000) + bytes(60),
    ],
)
def test_what_cannot_become_a_call_is_an_error(content: bytes) -> None:
    with pytest.raises(NotWavError):
        read_header(content)


@given(st.binary(max_size=200), st.booleans())
def test_no_header_breaks_the_reader(content: bytes, is_riff: bool) -> None:
    try:
        header = read_header((b"RIFF\0\0\0\0WAVE" if is_riff else b"") + content)
    except NotWavError:
        return
    assert header is None or header.data_at <= len(content) + 12


@pytest.mark.parametrize("reported", [0, 0xFFFF_FFFF, 100])
def test_the_sizes_show_whether_a_file_is_finished(reported: int) -> None:
    content = bytearray(wav(tone(440.0, 8000, 0.1), 8000, "PCM_16"))
    finished = read_header(bytes(content))
    assert finished is not None
    size = len(content)
    assert finished.is_finished(size)
    assert finished.data_end(size) == size
    content[4:8] = content[40:44] = struct.pack("<I", reported)
    growing = read_header(bytes(content))
    assert growing is not None
    assert not growing.is_finished(size)
    assert growing.data_end(size) == size


def test_what_follows_the_sound_is_not_heard() -> None:
    content = bytearray(wav(tone(440.0, 8000, 0.1), 8000, "PCM_16"))
    sound_end = len(content)
    content += b"LIST\x04\0\0\0INFO"
    content[4:8] = struct.pack("<I", len(content) - 8)
    header = read_header(bytes(content))
    assert header is not None
    assert header.data_end(len(content)) == sound_end


def block(value: int, frames: int = 480) -> np.ndarray:
    return np.full(frames, value, dtype=np.int16)


class Line:
    """An aligner and a clock."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.aligner = Aligner(2, self.now_s)
        self._parts: list[np.ndarray] = []

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self._parts)

    def turn(self, *values: int | None, frames: int = 480) -> None:
        """Let 10 ms pass; a block of each channel that has a value arrives."""
        self.now_s += 0.01
        for channel, value in enumerate(values):
            if value is not None:
                self.aligner.put(channel, block(value, frames), self.now_s)
        self.take()

    def take(self) -> None:
        self._parts.append(self.aligner.take(self.now_s))

    def finish(self) -> None:
        self.now_s += DELAY_S + 0.3
        self.take()


def test_parties_lie_side_by_side_by_their_arrival() -> None:
    line = Line()
    for number in range(1, 101):
        line.turn(number, -number if number > 50 else None)
    line.finish()
    caller, taker = line.heard[:, 0], line.heard[:, 1]
    wanted = np.repeat(np.arange(1, 101), 480)
    assert np.array_equal(caller[:48_000], wanted)
    assert not taker[:24_000].any()
    assert np.array_equal(taker[24_000:48_000], -wanted[24_000:])
    assert not line.heard[48_000:].any()


def test_a_pause_of_a_party_is_silence_of_that_length() -> None:
    line = Line()
    for number in range(300):
        line.turn(None if 100 <= number < 200 else 7, 5)
    line.finish()
    assert np.array_equal(np.flatnonzero(line.heard[:144_000, 0] == 0), np.arange(48_000, 96_000))
    assert (line.heard[:144_000, 1] == 5).all()


def test_parts_that_come_late_and_in_a_burst_leave_no_seam() -> None:
    line = Line()
    for number in range(1, 101):
        line.now_s += 0.01
        if number % 5 == 0:
            for value in range(number - 4, number + 1):
                line.aligner.put(0, block(value), line.now_s)
        line.take()
    line.finish()
    sound = line.heard[:, 0]
    start = int(np.flatnonzero(sound)[0])
    assert np.array_equal(sound[start : start + 48_000], np.repeat(np.arange(1, 101), 480))


def test_what_a_burst_put_ahead_is_given_back_in_silence() -> None:
    def late_frames(pause_blocks: int) -> int:
        line = Line()
        for _ in range(50):
            line.turn(1000)
        line.now_s += 0.2  # a stall
        line.take()
        for _ in range(20):  # what was held up comes at once
            line.aligner.put(0, block(1000), line.now_s)
        for _ in range(pause_blocks):
            line.turn(3)
        began = int((line.now_s - 100.0) * RATE_HZ)
        for _ in range(50):
            line.turn(2000)
        line.finish()
        assert np.count_nonzero(line.heard[:, 0] == 2000) == 50 * 480
        return int(np.flatnonzero(line.heard[:, 0] == 2000)[0]) - began

    assert late_frames(0) > 0.15 * RATE_HZ
    assert abs(late_frames(50)) <= 0.04 * RATE_HZ


def test_a_fast_clock_cannot_run_away() -> None:
    line = Line()
    for _ in range(2000):
        line.turn(9000, None, frames=530)
    line.finish()
    # 20 s came as 22 s: it is brought back again and again.
    assert np.flatnonzero(line.heard[:, 0])[-1] < 21.1 * RATE_HZ


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1]),
            st.integers(0, 2000),
            st.floats(0, 0.5, allow_nan=False),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_however_sound_comes_the_line_keeps_to_the_clock(
    turns: list[tuple[int, int, float, bool]],
) -> None:
    aligner = Aligner(2, 5.0)
    now_s, given_frames = 5.0, 0
    for channel, frames, pause_s, takes in turns:
        now_s += pause_s
        aligner.put(channel, block(3, frames), now_s)
        if takes:
            taken = aligner.take(now_s)
            assert taken.shape[1] == 2
            given_frames += len(taken)
            assert given_frames == max(int((now_s - 5.0) * RATE_HZ) - int(DELAY_S * RATE_HZ), 0)


def test_sources_that_cannot_be_are_refused(tmp_path: Path) -> None:
    def refused(problem: str, sources: LiveSources, exit_with_stdin: bool = False) -> None:
        with pytest.raises(UsageError, match=problem):
            sources.check(exit_with_stdin=exit_with_stdin)

    refused("is no folder", LiveSources(watched=tmp_path / "none"))
    refused("There is no file", LiveSources(files=(tmp_path / "none.wav",)))
    refused("no format", LiveSources(stdin="s16le"))
    refused("cannot both use", LiveSources(stdin="s16le:8000:1"), exit_with_stdin=True)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        refused("--end-after", LiveSources(ingest=True, end_after_s=seconds))
    LiveSources(stdin="s16le:8000:1", watched=tmp_path).check(exit_with_stdin=False)

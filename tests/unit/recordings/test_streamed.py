"""A recording decoded where it is played: the same samples however the place was come to."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from callplayer.errors import UsageError
from callplayer.recordings.containers import streamed
from callplayer.recordings.containers.streamed import CHUNK_FRAMES, MAX_CHUNKS, StreamedSound
from callplayer.recordings.samples import Sound
from tests.rig.processes import soon

SECONDS = 12


def glide(rate_hz: int, seconds: float = SECONDS) -> Sound:
    """Return two channels of a tone whose frequency carries the place."""
    hz = 300 + 90 * (np.arange(round(rate_hz * seconds)) / rate_hz % 7)
    tone = 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / rate_hz)
    return np.stack([tone, 0.5 * tone[::-1]], axis=1).astype(np.float32)


def encode(path: Path, codec: str, rate_hz: int, samples: Sound) -> None:
    """Write a file of that codec with FFmpeg."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = rate_hz
        fifo = av.AudioFifo()
        for part in av.AudioResampler(stream.format.name, "stereo", rate_hz).resample(frame):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        while (part := fifo.read(size)) is not None or (part := fifo.read()) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, rate_hz in (("a.wav", 44_100), ("b.flac", 16_000)):
        soundfile.write(folder / name, glide(rate_hz), rate_hz)
    soundfile.write(folder / "u.wav", glide(8000), 8000, subtype="ULAW")
    for name, codec, rate_hz in (
        ("m.mp3", "libmp3lame", 44_100),
        ("n.mp3", "libmp3lame", 8000),
        ("o.opus", "libopus", 48_000),
        ("c.m4a", "aac", 44_100),
        ("d.aac", "aac", 44_100),
    ):
        encode(folder / name, codec, rate_hz, glide(rate_hz))
    return folder


NAMES = ("a.wav", "b.flac", "u.wav", "m.mp3", "n.mp3", "o.opus", "c.m4a", "d.aac")


@pytest.mark.parametrize("name", NAMES)
def test_a_place_sounds_the_same_whether_it_was_jumped_to_or_come_to(
    files: Path, name: str
) -> None:
    sound = StreamedSound(files / name)
    whole = sound.read(0, sound.frames).astype(np.int32)
    assert abs(len(whole) / 48_000 - SECONDS) < 0.1
    sound.close()
    for place_s in (7.3, 0.4, 10.9, 3.0):
        sound = StreamedSound(files / name)
        first = round(place_s * 48_000)
        got = sound.read(first, 24_000)
        # Perceptual coders carry over a trace of what came before.
        assert np.abs(got - whole[first : first + len(got)]).max() < 100
        sound.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_sound_is_where_it_was_written(files: Path, name: str) -> None:
    sound = StreamedSound(files / name)
    first, count = 5 * 48_000, 12_000
    got = sound.read(first, count)[:, 0] / 32_768
    wanted = glide(48_000)[first : first + count, 0]
    likeness = np.fft.irfft(np.fft.rfft(got, 2 * count) * np.fft.rfft(wanted, 2 * count).conj())
    lag_s = abs(int(np.argmax(np.fft.fftshift(likeness))) - count) / 48_000
    # ADTS does not say how much silence its encoder put before the first sample.
    assert lag_s < (0.03 if name == "d.aac" else 0.001)
    sound.close()


@pytest.mark.parametrize("name", ["d.aac", "m.mp3", "o.opus"])
def test_a_large_file_begins_at_once_and_its_length_is_put_right(
    files: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = StreamedSound(files / name)
    opened: list[bool] = []
    really_opened = streamed.opened_sound

    def spied(path: Path, *, scan: bool = True) -> streamed.SoundFile:
        opened.append(scan)
        return really_opened(path, scan=scan)

    monkeypatch.setattr(streamed, "opened_sound", spied)
    sound = StreamedSound(files / name, large_bytes=0)
    assert opened[0] is False, "its packets were looked through before anything was heard"
    early = sound.read(2 * 48_000, 960).astype(np.int32)
    assert soon(lambda: len(opened) == 2 and sound.frames == exact.frames)
    late = exact.read(2 * 48_000, 960)
    assert np.abs(early - late).max() < 100
    sound.close()
    exact.close()


@pytest.mark.parametrize("name", ["a.wav", "u.wav", "o.opus"])
def test_chunks_join_without_a_seam(files: Path, name: str) -> None:
    """A seam would be a step between two samples that the tone itself never makes."""
    sound = StreamedSound(files / name)
    got = sound.read(0, 5 * CHUNK_FRAMES)[:, 0].astype(np.float64)
    assert len(got) == 5 * CHUNK_FRAMES
    steps = np.abs(np.diff(got, n=2))
    seams = [index * CHUNK_FRAMES for index in range(1, 5)]
    around = max(steps[seam - 3 : seam + 3].max() for seam in seams)
    assert around <= np.percentile(steps, 99.9) * 1.5 + 2
    sound.close()


def test_the_end_is_the_end_and_what_is_beyond_is_empty(files: Path) -> None:
    sound = StreamedSound(files / "a.wav")
    assert sound.frames == SECONDS * 48_000
    assert len(sound.read(sound.frames - 100, 960)) == 100
    assert sound.read(sound.frames + 5, 960).shape == (0, 2)
    sound.close()


def test_a_long_file_takes_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 200, np.int16), 8000)
    tracemalloc.start()
    try:
        sound = StreamedSound(path)
        for second in range(200):
            sound.read(second * CHUNK_FRAMES, 960)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    sound.close()
    assert most_bytes < 1.2 * MAX_CHUNKS * CHUNK_FRAMES * np.dtype(np.int16).itemsize


def test_what_is_no_sound_is_refused_in_words(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("not a sound" * 100)
    with pytest.raises(UsageError, match="no sound file that is known"):
        StreamedSound(text)
    with pytest.raises(UsageError, match="No such file"):
        StreamedSound(tmp_path / "none.wav")

"""A live call's file: what a reader sees while it grows, when it is over, and after a kill."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.errors import ServiceError
from callplayer.service.live_wav import (
    MAX_LIVE_S,
    GrowingAudio,
    LiveFile,
    StillWrittenError,
    repair,
)


def some(frames: int, channels: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(-32_768, 32_768, (frames, channels))
    return values.astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_reader_sees_what_is_appended_and_when_it_is_over(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "call.wav"
    writer = LiveFile(path, channels)
    with GrowingAudio(path) as reader:
        assert (reader.channels, reader.frames(), reader.is_over()) == (channels, 0, False)
        parts = [some(480, channels, 1), some(37, channels, 2)]
        for part in parts:
            writer.append(part)
        writer.sync()
        whole = np.concatenate(parts)
        assert reader.frames() == writer.frames == 517
        assert np.array_equal(reader.read(0, 517), whole)
        assert np.array_equal(reader.read(500, 480), whole[500:])
        assert reader.read(517, 480).shape == (0, channels)
        assert not reader.is_over()
        writer.finish()
        writer.finish()
        assert reader.is_over()
        assert reader.frames() == 517
    assert np.array_equal(soundfile.read(path, dtype="int16", always_2d=True)[0], whole)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_programs_can_read_a_file_that_grows(tmp_path: Path) -> None:
    writer = LiveFile(tmp_path / "call.wav", 2)
    samples = some(4800, 2)
    writer.append(samples)
    heard, rate_hz = soundfile.read(writer.path, dtype="int16")
    assert rate_hz == 48_000
    assert np.array_equal(heard, samples)
    writer.finish()


def test_a_call_without_sound_can_be_over(tmp_path: Path) -> None:
    writer = LiveFile(tmp_path / "call.wav", 1)
    writer.finish()
    with GrowingAudio(writer.path) as reader:
        assert reader.is_over()
        assert reader.frames() == 0


def test_a_killed_writer_loses_nothing_and_its_file_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    program = (
        "import sys, time, numpy as np; from pathlib import Path\n"
        "from callplayer.service.live_wav import LiveFile\n"
        "file = LiveFile(Path(sys.argv[1]), 2)\n"
        "for k in range(100):\n"
        "    file.append(np.full((480, 2), k, dtype=np.int16))\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    with path.open("ab") as stream:
        stream.write(b"\x01\x02\x03")  # a frame that was cut short
    assert repair(path) == 48_000
    assert repair(path) == 48_000
    with GrowingAudio(path) as reader:
        assert reader.is_over()
        assert reader.frames() == 48_000
        assert reader.read(47_999, 1).tolist() == [[99, 99]]
    info = soundfile.info(path)
    assert (info.frames, info.channels, info.samplerate) == (48_000, 2, 48_000)


def test_it_takes_no_more_than_a_wav_can_hold(tmp_path: Path) -> None:
    writer = LiveFile(tmp_path / "call.wav", 1, max_s=1)
    writer.append(some(47_900, 1))
    assert not writer.is_full
    writer.append(some(480, 1))
    assert writer.is_full
    writer.append(some(480, 1))
    assert writer.duration_s == 1.0
    writer.finish()
    assert soundfile.info(writer.path).frames == 48_000
    assert MAX_LIVE_S * 48_000 * 4 + 44 < 1 << 32


def test_a_call_that_is_being_written_is_not_repaired(tmp_path: Path) -> None:
    writer = LiveFile(tmp_path / "call.wav", 1)
    writer.append(some(480, 1))
    with pytest.raises(StillWrittenError, match="another service"):
        repair(writer.path)
    writer.append(some(480, 1))
    writer.finish()
    assert repair(writer.path) == 960


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100])
def test_what_is_no_live_call_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(ServiceError, match=r"call\.wav cannot be read"):
        GrowingAudio(path)
    with pytest.raises(ServiceError, match=r"call\.wav cannot be read"):
        repair(path)


def test_a_call_never_replaces_another_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"kept")
    with pytest.raises(ServiceError, match="cannot be kept"):
        LiveFile(path, 1)
    assert path.read_bytes() == b"kept"


def test_a_call_that_cannot_be_begun_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = os.listdir("/proc/self/fd")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(ServiceError, match="cannot be kept: File too large"):
            LiveFile(tmp_path / "call.wav", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    assert os.listdir("/proc/self/fd") == files


def test_samples_of_another_shape_are_refused(tmp_path: Path) -> None:
    writer = LiveFile(tmp_path / "call.wav", 2)
    with pytest.raises(ValueError, match="2 channels"):
        writer.append(some(480, 1))
    writer.finish()

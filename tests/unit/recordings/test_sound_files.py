"""Sound files of many makers: where a burst lies, how long they are, what is passed over."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from callplayer.errors import UsageError
from callplayer.recordings.containers.formats import SUFFIXES
from callplayer.recordings.containers.sound_file import SoundFile, open_sound
from callplayer.recordings.containers.timeline import SampleTimeline
from tests.rig.sound_makers import (
    BURST_AT_S,
    MAKERS,
    RATES_HZ,
    SECONDS,
    Maker,
    burst_at_s,
    make,
    write_source,
)  # fmt: skip

COARSE_TICKS = (".webm", ".mka", ".wma")
"""Times are whole ms there, so that a place after a jump is off by half of one."""

SMALL_STATE = ("PCM", "FLAC", "ALAC", "law", "linear", "WavPack", "RF64", "float", "big-endian")
"""Codings that sound alike from wherever they are decoded."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("sources")
    for rate_hz in RATES_HZ:
        write_source(folder / f"{rate_hz}.wav", rate_hz)
    return {rate_hz: folder / f"{rate_hz}.wav" for rate_hz in RATES_HZ}


def whole(sound: SoundFile) -> np.ndarray:
    return np.concatenate(list(sound.blocks()))


def test_the_table_is_long_enough() -> None:
    assert len({(each.container, each.codec, each.tool) for each in MAKERS}) >= 45
    assert {each.suffix for each in MAKERS} <= SUFFIXES


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.id)
def test_every_maker(maker: Maker, sources: dict[int, Path], tmp_path: Path) -> None:
    path = make(maker, sources[maker.rate_hz], tmp_path)
    rate_hz = 8_000 if maker.suffix == ".vox" else None
    with open_sound(path, rate_hz) as sound:
        assert sound.channels == 1
        samples = whole(sound)
        assert len(samples) == sound.frames
        assert burst_at_s(samples[:, 0], sound.rate_hz) == pytest.approx(BURST_AT_S, abs=0.001)
        assert sound.duration_s == pytest.approx(SECONDS, abs=maker.length_ms / 1000)
        assert sound.losses == ()
        assert sound.is_fine == any(word in maker.codec for word in ("24", "float"))
        for start_s in (0.0, 1.9, 0.9):  # a jump finds the place that reading finds
            start = round(start_s * sound.rate_hz)
            part = sound.read(start, round(0.3 * sound.rate_hz))
            assert part.shape == (round(0.3 * sound.rate_hz), 1)
            if maker.suffix not in COARSE_TICKS and any(w in maker.codec for w in SMALL_STATE):
                assert np.array_equal(part, samples[start : start + len(part)])
        found_s = burst_at_s(part[:, 0], sound.rate_hz) + 0.9
        assert found_s == pytest.approx(BURST_AT_S, abs=0.001)


# --- WAV heads ------------------------------------------------------------------------------------


def with_size(source: Path, size: int, *, riff: int | None = None, tail: bytes = b"") -> bytes:
    content = bytearray(source.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size & 0xFFFF_FFFF)
    if riff is not None:
        content[4:8] = struct.pack("<I", riff & 0xFFFF_FFFF)
    return bytes(content) + tail


HEADS = {
    "no size": lambda size: (0, {"riff": 0}),
    "not known": lambda size: (0xFFFF_FFFF, {}),
    "2 bytes too long": lambda size: (size + 2, {}),
    "4,096 bytes too long": lambda size: (size + 4096, {}),
    "a tenth of the truth": lambda size: (size // 10, {}),
    "a tenth, and so the file's": lambda size: (size // 10, {"riff": size // 10 + 36}),
    "a chunk after it": lambda size: (size, {"tail": b"LIST\4\0\0\0INFO"}),
    "an odd chunk after it": lambda size: (size, {"tail": b"note\3\0\0\0abc\0bext\2\0\0\0ab"}),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_wav_of_an_odd_head_is_whole(head: str, sources, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    size = SECONDS * 8_000 * 2
    data_bytes, more = HEADS[head](size)
    path.write_bytes(with_size(sources[8_000], data_bytes, **more))
    with open_sound(path) as sound:
        assert sound.frames == SECONDS * 8_000
        exact, _ = soundfile.read(sources[8_000], dtype="float32")
        assert np.array_equal(whole(sound)[:, 0], exact)


@pytest.mark.parametrize("suffix", [".mp3", ".opus", ".m4a", ".gsm", ".wma"])
def test_a_damaged_file_writes_nothing_to_stderr_and_keeps_nothing_of_others_from_it(
    suffix: str, sources: dict[int, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    maker = next(each for each in MAKERS if each.suffix == suffix)
    path = make(maker, sources[maker.rate_hz], tmp_path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(range(200))
    path.write_bytes(content)
    with open_sound(path) as sound:
        os.write(2, b"ours\n")
        for _ in sound.blocks():
            pass
    assert capfd.readouterr().err == "ours\n"


def test_a_silent_end_is_no_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(16_000), 8_000)
    path.write_bytes(with_size(path, 16_000))  # half of it
    with open_sound(path) as sound:
        assert sound.frames == 16_000


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    samples = np.full(8_000, 0.25, np.float32)
    samples[[100, 200, 300]] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")
    with open_sound(tmp_path / "a.wav") as sound:
        read = whole(sound)[:, 0]
    assert read[[99, 100, 101, 200, 300]].tolist() == [0.25, 0.0, 0.25, 1.0, -1.0]


PLAIN = {
    "u8": "pcm_u8 -f wav", "s16": "pcm_s16le -f wav", "s24": "pcm_s24le -f wav",
    "s32": "pcm_s32le -f wav", "f32": "pcm_f32le -f wav", "f64": "pcm_f64le -f wav",
    "planar s16": "alac -f mov", "planar f32": "aac -f adts", "s16 in FLAC": "flac -f flac",
    "s16 in AIFF": "pcm_s16be -f aiff", "f32 in AU": "pcm_f32be -f au",
}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("coding", PLAIN)
def test_the_level_of_each_channel_is_kept(coding: str, channels: int, tmp_path: Path) -> None:
    seconds = np.arange(16_000) / 16_000
    levels = (0.9, 0.45)[:channels]
    tones = [level * np.sin(2 * np.pi * 500 * seconds) for level in levels]
    soundfile.write(tmp_path / "source.wav", np.stack(tones, 1), 16_000, subtype="FLOAT")
    run(f"ffmpeg -v error -nostdin -i {tmp_path}/source.wav -c:a {PLAIN[coding]} {tmp_path}/made")
    with open_sound(tmp_path / "made") as sound:
        middle = whole(sound)[4_000:12_000]
    assert middle.shape[1] == channels
    for channel, level in enumerate(levels):
        root_mean_square = np.sqrt(np.mean(middle[:, channel].astype(np.float64) ** 2))
        assert root_mean_square * np.sqrt(2) == pytest.approx(level, rel=0.02)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_plain_samples_are_those_of_another_reader(
    endian: str, subtype: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(3).uniform(-1, 1, (40_000, 2))
    soundfile.write(path, samples, 8_000, subtype=subtype, endian=endian)
    exact, _ = soundfile.read(path, dtype="float32")
    with open_sound(path) as sound:
        assert np.array_equal(whole(sound), exact)
        assert np.array_equal(sound.read(20_001, 100), exact[20_001:20_101])
        assert np.array_equal(sound.read(39_999, 100), exact[39_999:])


def test_texts_before_the_sound_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(8_000), 8_000)
    content = path.read_bytes()
    text = b"Date:2025-02-28 23:47:41.124;\0"
    adtl = b"LIST" + struct.pack("<I", 4) + b"adtl"
    info = b"INFOICMT" + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    at = content.index(b"data")
    lists = adtl + b"LIST" + struct.pack("<I", len(info)) + info
    path.write_bytes(content[:at] + lists + content[at:])
    with open_sound(path) as sound:
        assert sound.tags == {"ICMT": "Date:2025-02-28 23:47:41.124;"}
        assert sound.frames == 8_000


# --- links ----------------------------------------------------------------------------------------


def run(command: str) -> None:
    subprocess.run(command, shell=True, check=True, capture_output=True)


JOINED = {
    "mp3": ("lame --quiet -V2 {} {}", "lame --quiet -b 64 {} {}"),
    "ogg": ("oggenc -Q --serial 5 -q 1 {} -o {}", "oggenc -Q --serial 6 -q 6 {} -o {}"),
    "opus": ("opusenc --quiet --serial 5 {} {}", "opusenc --quiet --serial 5 {} {}"),
    "oga": ("flac -s -f --ogg --serial-number=5 {} -o {}",) * 2,
}


@pytest.mark.parametrize("suffix", JOINED)
def test_files_that_were_put_together_are_whole(suffix: str, sources, tmp_path: Path) -> None:
    parts = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for command, part in zip(JOINED[suffix], parts, strict=True):
        run(command.format(sources[16_000], part))
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in (*parts, parts[0])))
    with open_sound(path) as sound:
        assert sound.duration_s == pytest.approx(9.0, abs=0.001)
        samples = whole(sound)[:, 0]
        for link in range(3):
            begins = round(link * 3 * sound.rate_hz)
            at_s = burst_at_s(samples[begins : begins + 3 * sound.rate_hz], sound.rate_hz)
            assert at_s == pytest.approx(1.0, abs=0.001)
        start = round(6.9 * sound.rate_hz)
        part = sound.read(start, round(0.3 * sound.rate_hz))[:, 0]
        assert burst_at_s(part, sound.rate_hz) + 6.9 == pytest.approx(7.0, abs=0.001)


def test_links_of_other_rates_are_refused_with_their_place(sources, tmp_path: Path) -> None:
    for rate_hz in (8_000, 16_000):
        run(f"oggenc -Q {sources[rate_hz]} -o {tmp_path / f'{rate_hz}.ogg'}")
    content = b"".join((tmp_path / f"{rate}.ogg").read_bytes() for rate in (8_000, 16_000))
    (tmp_path / "a.ogg").write_bytes(content)
    with (
        pytest.raises(UsageError, match=r"another sample rate .* at 3\.0 s"),
        open_sound(tmp_path / "a.ogg"),
    ):
        pass


# --- time -----------------------------------------------------------------------------------------


def write_with_gap(path: Path, form: str, gap_s: float) -> None:
    """Write 4 s of a tone whose packets jump by `gap_s` after 2 s."""
    rate_hz = 48_000
    with av.open(str(path), "w", format=form) as container:
        codec = "libopus" if form in ("webm", "ogg") else "aac"
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        size = 960 if codec == "libopus" else 1024
        packets = []
        for start in range(0, 4 * rate_hz, size):
            times_s = (start + np.arange(size)) / rate_hz
            tone = (0.3 * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)
            if codec == "libopus":
                frame = av.AudioFrame.from_ndarray(tone[None], "flt", "mono")
            else:
                frame = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            packets += stream.encode(frame)
        for packet in (*packets, *stream.encode(None)):
            shift = round(gap_s / packet.time_base) if packet.pts * packet.time_base >= 2 else 0
            packet.pts += shift
            packet.dts += shift
            container.mux(packet)


@pytest.mark.parametrize("form", ["mp4", "webm"])
def test_a_gap_in_time_is_a_gap_in_the_sound(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{form}"
    write_with_gap(path, form, 3.0)
    with open_sound(path) as sound:
        assert sound.duration_s == pytest.approx(7.0, abs=0.05)
        samples = np.abs(whole(sound)[:, 0])
        rate_hz = sound.rate_hz
        assert samples[round(0.5 * rate_hz) : round(1.8 * rate_hz)].max() > 0.2
        assert not samples[round(2.1 * rate_hz) : round(4.9 * rate_hz)].any()
        assert samples[round(5.2 * rate_hz) : round(6.8 * rate_hz)].max() > 0.2


def test_a_jump_back_in_granules_loses_nothing(sources, tmp_path: Path) -> None:
    run(f"opusenc --quiet {sources[48_000]} {tmp_path / 'a.opus'}")
    content = bytearray((tmp_path / "a.opus").read_bytes())
    pages = [at for at in range(len(content)) if content[at : at + 4] == b"OggS"]
    for at in pages[4:]:
        (granule,) = struct.unpack_from("<q", content, at + 6)
        struct.pack_into("<q", content, at + 6, granule - 48_000)
        struct.pack_into("<I", content, at + 22, 0)
        length = 27 + content[at + 26] + sum(content[at + 27 : at + 27 + content[at + 26]])
        struct.pack_into("<I", content, at + 22, ogg_crc(content[at : at + length]))
    (tmp_path / "a.opus").write_bytes(content)
    with open_sound(tmp_path / "a.opus") as sound:
        assert sound.duration_s == pytest.approx(SECONDS, abs=0.021)
        assert len(whole(sound)) == sound.frames


def ogg_crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C1_1DB7 if crc & 0x8000_0000 else 0)
        crc &= 0xFFFF_FFFF
    return crc


def test_time_that_goes_back_or_too_far_ahead_counts_anew() -> None:
    line = SampleTimeline(zero=0, slack=10, max_gap=1000, end=0)
    assert [line.place(time, 100) for time in (0, 105, 195, 800)] == [0, 100, 200, 800]
    assert line.place(300, 100) == 900  # back
    assert line.place(400, 100) == 1000  # goes on from there
    assert line.place(1 << 40, 100) == 1100  # 36 million years
    assert line.place(None, 100) == 1200
    assert line.restarts == 2


# --- what cannot be decoded -----------------------------------------------------------------------


def test_packets_that_cannot_be_decoded_are_passed_over_and_counted(sources, tmp_path) -> None:
    path = tmp_path / "a.m4a"
    run(f"ffmpeg -v error -nostdin -y -i {sources[48_000]} -c:a aac {path}")
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux() if p.size]
    content = bytearray(path.read_bytes())
    for at, size in packets[100:103]:
        content[at : at + size] = b"\xff" * size
    path.write_bytes(content)
    with open_sound(path) as sound:
        samples = whole(sound)[:, 0]
        assert sound.duration_s == pytest.approx(SECONDS, abs=0.001)
        assert burst_at_s(samples, sound.rate_hz) == pytest.approx(1.0, abs=0.001)
        assert sum(loss.packets for loss in sound.losses) == 3
        lost_s = sound.losses[0].position / sound.rate_hz
    assert lost_s == pytest.approx(99 * 1024 / 48_000, abs=0.03)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.g729", "is G.729, which cannot be decoded here"),
        ("a.ilbc", "is iLBC"),
        ("a.txt", "is no sound file that is known"),
        ("a.vox", "Nothing in .* says its sample rate"),
    ],
)
def test_what_is_not_read_is_refused_by_name(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(range(40, 140)) * 10)
    with pytest.raises(UsageError, match=says), open_sound(tmp_path / name):
        pass


@pytest.mark.parametrize(
    ("suffix", "at", "value", "says"),
    [
        (".wav", 24, struct.pack("<I", 0xFFFF_FFFF), "it names 1 channels of 4294967295 Hz"),
        (".wav", 22, struct.pack("<H", 0x7FFF), "it names 32767 channels of 8000 Hz"),
        (".au", 16, struct.pack(">I", 0x7FFF_FFFF), "it names 1 channels of 2147483647 Hz"),
    ],
)
def test_a_head_that_would_take_all_memory_is_refused(
    suffix: str, at: int, value: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.zeros(800), 8_000, subtype="PCM_16")
    content = path.read_bytes()
    path.write_bytes(content[:at] + value + content[at + len(value) :])
    with pytest.raises(UsageError, match=says), open_sound(path):
        pass


def test_a_file_is_read_by_its_content_and_opens_no_other(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, np.zeros(800), 8_000)
    for name in ("a.m3u8", "a.wav", "a.mp3", "a.sdp"):
        text = f"#EXTM3U\n#EXTINF:1,\n{secret}\nffconcat version 1.0\nfile {secret}\n"
        (tmp_path / name).write_text(text)
        with pytest.raises(UsageError), open_sound(tmp_path / name):
            pass


def test_memory_stays_flat_and_what_is_too_long_is_not_decoded(tmp_path: Path) -> None:
    """A file of 12 h, in a process of its own that may grow by 150 MB only."""
    path = tmp_path / "a.wav"
    write_source(path, 8_000, 2.0)
    run(f"lame --quiet -t -b 8 {path} {tmp_path / 'b.mp3'}")
    frames = (tmp_path / "b.mp3").read_bytes()
    (tmp_path / "long.mp3").write_bytes(frames * (12 * 3600 // 2))
    script = (
        "import resource, sys, time\n"
        "from pathlib import Path\n"
        "from callplayer.recordings.containers.sound_file import open_sound\n"
        "from callplayer.recordings.convert import check_length\n"
        "from callplayer.errors import UsageError\n"
        "import av, numpy\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_sound(Path(sys.argv[1])) as sound:\n"
        "    assert sound.duration_s > 12 * 3600, sound.duration_s\n"
        "    sound.read(11 * 3600 * sound.rate_hz, 8000)\n"
        "    try:\n"
        "        check_length(sound)\n"
        "    except UsageError as error:\n"
        "        print(error.what.rpartition(' is ')[2])\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert after - before < 150_000, (before, after)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "long.mp3")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "longer than 8 h."), done.stderr

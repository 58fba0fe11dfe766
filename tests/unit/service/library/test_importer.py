"""Importing: every format, what is kept of it, what is refused, and all or none."""

from __future__ import annotations

import json
import os
import resource
import stat
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.facts import check_started_at
from callplayer.recordings.recording import MAX_DURATION_S
from callplayer.service.library import folder as library_folder
from callplayer.service.library import importer
from callplayer.service.library.importer import ImportJob, import_calls
from callplayer.service.library.library import Library

RATE_HZ = 16_000
STARTED_AT = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)


def tone(hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * hz * times_s)


def stereo(left_hz: float = 440.0, right_hz: float = 1200.0) -> np.ndarray:
    return np.stack([tone(left_hz), tone(right_hz)], axis=1)


def peak_hz(samples: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


def write_m4a(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="stereo", bit_rate=128_000)
        for start in range(0, len(samples), 1024):
            part = samples[start : start + 1024].T.astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "stereo")
            frame.rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


def kept(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / "recordings").glob("[!.]*"))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus", "a.m4a"])
def test_every_format(tmp_path: Path, folder: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.m4a":
        write_m4a(path, stereo())
    else:
        subtype = "OPUS" if name == "a.opus" else None
        soundfile.write(path, stereo(), RATE_HZ, format="OGG" if subtype else None, subtype=subtype)
    (recording,) = import_calls(folder, [ImportJob((path,), started_at=STARTED_AT)])
    assert recording.parties == ("caller", "callTaker")
    assert recording.duration_s == pytest.approx(1.0, abs=0.08)
    info = soundfile.info(recording.path)
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 2)
    samples, rate_hz = soundfile.read(recording.path)
    assert [peak_hz(samples[:, side], rate_hz) for side in (0, 1)] == pytest.approx(
        [440, 1200], abs=3
    )
    loudness = np.sqrt(np.mean(samples[2000:-2000] ** 2, axis=0))
    assert loudness == pytest.approx([0.354, 0.354], rel=0.1)
    assert stat.S_IMODE(recording.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "ULAW"])
def test_whole_samples_are_kept_as_they_are(tmp_path: Path, folder: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(7).uniform(-1, 1, 5000)
    soundfile.write(path, noise, 8000, subtype=subtype)
    (recording,) = import_calls(folder, [ImportJob((path,))])
    assert recording.parties == ("call",)
    assert soundfile.info(recording.path).samplerate == 8000
    was, _ = soundfile.read(path, dtype="int32")
    now, _ = soundfile.read(recording.path, dtype="int32")
    assert np.array_equal(was, now)


def test_a_float_file_that_is_too_loud_is_clipped(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440.0) * 4, RATE_HZ, subtype="FLOAT")
    (recording,) = import_calls(folder, [ImportJob((path,))])
    samples, _ = soundfile.read(recording.path)
    assert soundfile.info(recording.path).subtype == "PCM_24"
    assert (samples.max(), samples.min()) == pytest.approx((1.0, -1.0), abs=1e-6)


def test_two_files_are_joined_the_shorter_filled_up(tmp_path: Path, folder: Path) -> None:
    caller, taker = tmp_path / "caller.wav", tmp_path / "taker.flac"
    soundfile.write(caller, tone(440.0, 2.0), RATE_HZ)
    soundfile.write(taker, tone(1200.0, 3.0, 8000), 8000)
    (recording,) = import_calls(folder, [ImportJob((caller, taker))])
    assert recording.parties == ("caller", "callTaker")
    samples, rate_hz = soundfile.read(recording.path)
    assert rate_hz == RATE_HZ
    assert recording.duration_s == pytest.approx(3.0, abs=0.01)
    assert [peak_hz(samples[:RATE_HZ, side], rate_hz) for side in (0, 1)] == [440, 1200]
    assert not samples[2 * RATE_HZ :, 0].any()
    soundfile.write(taker, stereo(), RATE_HZ)
    with pytest.raises(UsageError, match="2 channels; two files are joined of one each"):
        import_calls(folder, [ImportJob((caller, taker))])


def test_facts_come_from_the_sidecar_and_flags_come_before_it(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440.0), RATE_HZ)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (plain,) = import_calls(folder, [ImportJob((path,))])
    assert plain.created_at == datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)  # 1 s long
    words = [{"word": "help", "speaker": "Caller", "start_offset": 0.5, "duration": 0.25}]
    place = {"lat": 36.0, "lng": -125.5, "source": "demonstration"}
    incident = {"created_at": "2026-03-14 02:47:09 UTC", "caller_phone_number": "+15555550142",
                "caller_location": place}  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps({"incident": incident, "words": words}))
    (reported,) = import_calls(folder, [ImportJob((path,))])
    assert reported.created_at == STARTED_AT
    assert reported.facts.caller_phone_number == "+15555550142"
    assert reported.facts.caller_location.source == "demonstration"
    vtt = tmp_path / "other.vtt"
    vtt.write_text("WEBVTT\n\n00:00.250 --> 00:01.000\n<v Tom>fire\n")
    started_at = check_started_at("2026-01-01T01:00:00+01:00", print)
    (flagged,) = import_calls(
        folder,
        [
            ImportJob(
                (path,),
                words=(vtt,),
                started_at=started_at,
                phone=importer.check_phone("+15555550167"),
                location=importer.check_location(1.0, 2.0),
                names={"Tom": "CallTaker"},
            )
        ],
    )
    assert flagged.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert flagged.facts.caller_phone_number == "+15555550167"
    assert (flagged.facts.caller_location.lat, flagged.facts.caller_location.lng) == (1.0, 2.0)
    with Library.open(folder) as library:
        assert library.words(plain.id) == ()
        (help_word,), (fire,) = library.words(reported.id), library.words(flagged.id)
        assert (help_word.word, help_word.started_at.isoformat()) == (
            "help", "2026-03-14T02:47:09.500000+00:00",
        )  # fmt: skip
        assert (fire.word, fire.speaker) == ("fire", "CallTaker")
        assert fire.started_at.isoformat() == "2026-01-01T00:00:00.250000+00:00"
        assert library.get(flagged.id) == flagged


def broken_files(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / name for name in ("cut.m4a", "text.wav", "three.wav", "none.wav",
             "empty.wav", "x.txt", "cut.flac", "folder.wav")}  # fmt: skip
    write_m4a(files["cut.m4a"], stereo())
    files["cut.m4a"].write_bytes(files["cut.m4a"].read_bytes()[:2000])
    files["text.wav"].write_text("not a sound")
    files["x.txt"].write_text("not a sound")
    soundfile.write(files["three.wav"], np.zeros((100, 3)), RATE_HZ)
    soundfile.write(files["empty.wav"], np.zeros(0), RATE_HZ)
    noise = np.random.default_rng(7).uniform(-1, 1, 50_000)
    soundfile.write(files["cut.flac"], noise, RATE_HZ)
    content = bytearray(files["cut.flac"].read_bytes())
    content[30_000:40_000] = bytes(10_000)
    files["cut.flac"].write_bytes(content)
    files["folder.wav"].mkdir()
    return files


def test_what_is_broken_is_refused_and_the_calls_before_it_too(
    tmp_path: Path, folder: Path
) -> None:
    good = tmp_path / "good.wav"
    soundfile.write(good, tone(440.0), RATE_HZ)
    for name, path in broken_files(tmp_path).items():
        with pytest.raises(UsageError) as error:
            import_calls(folder, [ImportJob((good,)), ImportJob((path,))])
        assert path.stem in error.value.what, name
        assert not error.value.what.endswith(".."), name
        assert kept(folder) == []
        with Library.open(folder) as library:
            assert library.count() == (0, 0)


def cut_files(tmp_path: Path) -> dict[str, str]:
    """Write recordings that are cut off; return what is reported of each name."""
    noise = 0.1 * np.random.default_rng(7).standard_normal(20 * RATE_HZ)
    names = ("a.wav", "a.ogg", "a.opus", "a.mp3", "page.ogg")
    for name in names:
        opus = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
        soundfile.write(tmp_path / name, noise, RATE_HZ, **opus)
    for name in names[:4]:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    content = (tmp_path / "page.ogg").read_bytes()
    (tmp_path / "page.ogg").write_bytes(content[: content.rindex(b"OggS")])
    with av.open(str(tmp_path / "a.m4a"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for start in range(0, len(noise), 1024):
            part = noise[None, start : start + 1024].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
            frame.rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(tmp_path / "a.m4a")) as container:
        ends = [packet.pos + packet.size for packet in container.demux() if packet.size]
    os.truncate(tmp_path / "a.m4a", ends[len(ends) // 2])
    half, end = r"(9|10)\.\d s of (19.9|20\.\d) s are there", r"\d+\.\d s and its end is missing"
    return {"a.wav": half, "a.ogg": end, "a.opus": end, "a.mp3": half, "page.ogg": end,
            "a.m4a": half}  # fmt: skip


def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path, folder: Path, capfd) -> None:
    for name, reported in cut_files(tmp_path).items():
        with pytest.raises(UsageError, match=f"{name} is cut off: {reported}"):
            import_calls(folder, [ImportJob((tmp_path / name,))])
        assert kept(folder) == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_a_wav_whose_recorder_did_not_know_its_length_is_taken(tmp_path, folder, size) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440.0), RATE_HZ)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    (recording,) = import_calls(folder, [ImportJob((path,))])
    assert recording.duration_s == pytest.approx(1.0, abs=0.01)


def test_what_follows_an_mp3_is_no_reason_to_refuse_it_or_to_complain(tmp_path, folder, capfd):
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(440.0, 3.0), RATE_HZ)
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(5_000))
    (recording,) = import_calls(folder, [ImportJob((path,))])
    assert recording.duration_s == pytest.approx(3.0, abs=0.2)
    assert capfd.readouterr().err == ""


def test_a_recording_that_is_too_long_is_refused(tmp_path, folder) -> None:
    path = tmp_path / "a.wav"
    size = (MAX_DURATION_S + 1) * 8_000
    head = struct.pack("<4sI8sI", b"RIFF", 36 + size, b"WAVEfmt ", 16)
    head += struct.pack("<HHIIHH4sI", 1, 1, 8_000, 8_000, 1, 8, b"data", size)
    path.write_bytes(head)
    os.truncate(path, 44 + size)  # nothing of it is on the disk
    with pytest.raises(UsageError, match="longer"):
        import_calls(folder, [ImportJob((path,))])
    assert kept(folder) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file can grow beyond 200 kB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing(tmp_path: Path, folder: Path, request) -> None:
    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    soundfile.write(short, tone(440.0), RATE_HZ)
    soundfile.write(long, np.random.default_rng(7).uniform(-1, 1, 200_000), RATE_HZ)
    request.getfixturevalue("small_files")
    with pytest.raises(ServiceError, match="cannot be kept"):
        import_calls(folder, [ImportJob((short,)), ImportJob((long,))])
    assert kept(folder) == []


@pytest.mark.parametrize(
    "name", ["../../evil.wav", "a;b.wav", "-rf.wav", "é\u202e.wav", "a\nb.wav"]
)
def test_a_name_never_becomes_a_path(tmp_path: Path, folder: Path, name: str) -> None:
    inner = tmp_path / "x" / "y"
    inner.mkdir(parents=True)
    path = inner / name
    soundfile.write(path, tone(440.0), RATE_HZ)
    before = {each for each in tmp_path.rglob("*") if folder not in each.parents}
    (recording,) = import_calls(folder, [ImportJob((path,))])
    assert recording.path.parent == folder / "recordings"
    assert recording.path.name == f"{recording.id}.flac"
    after = {each for each in tmp_path.rglob("*") if folder not in each.parents}
    assert after - before == {folder}
    content = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert path.name.encode() not in content


def test_an_id_never_becomes_a_path(tmp_path: Path, folder: Path) -> None:
    outside = tmp_path / "outside.flac"
    outside.write_bytes(b"sound")
    with Library.open(folder) as library:
        for incident in ("../../outside", "../outside.flac", str(outside), "", "\0", "' OR 1=1 --"):
            assert library.get(incident) is None
            with pytest.raises(KeyError):
                library.remove(incident)
    assert outside.exists()


def test_a_sweep_removes_what_is_in_no_row_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440.0), RATE_HZ)
    (recording,) = import_calls(folder, [ImportJob((path,))])
    recordings = folder / "recordings"
    for name in ("a.part", "b.flac", "c.wav", "d.txt"):
        (recordings / name).write_bytes(b"")
    with Library.open(folder) as library:
        with library_folder.importing(folder / "recordings"):
            assert library_folder.sweep(folder / "recordings", library.paths) == 0
        assert library_folder.sweep(folder / "recordings", library.paths) == 2
        assert library_folder.sweep(folder / "recordings", library.paths, live_too=True) == 1
    assert {path.name for path in recordings.glob("[!.]*")} == {"d.txt", recording.path.name}


def test_one_service_at_a_time(folder: Path) -> None:
    Library.open(folder).close()
    with library_folder.serving(folder):
        with pytest.raises(ServiceError, match="Another service"), library_folder.serving(folder):
            pass
        with (
            library_folder.importing(folder / "recordings"),
            library_folder.importing(folder / "recordings"),
        ):
            pass
    with library_folder.serving(folder):
        pass

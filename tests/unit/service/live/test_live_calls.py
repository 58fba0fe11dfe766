"""Live calls as they come in and are kept, over real files and pipes; what a kill leaves."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import resource
import stat
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile

from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.catalog import CallEnded, Created, LibraryError
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace
from callplayer.service.live.live_calls import LiveCalls, growing, recover
from callplayer.service.live.pcm import PcmFormat
from callplayer.service.live.recorded_call import play_file
from callplayer.service.live.stdin import follow_stdin
from callplayer.service.live.temp_folder import own_folder
from callplayer.service.live.watch_folder import Watcher
from callplayer.service.live_wav import GrowingAudio, LiveFile
from callplayer.vendor.transcript import Word, word_at

RATE_HZ = 48_000
END_AFTER_S = 0.5


class Rig:
    """A library on disk, the changes it published, and a watched folder."""

    def __init__(self, folder: Path) -> None:
        self.library = Library.open(folder / "library")
        assert self.library.recordings_folder is not None
        self.recordings = self.library.recordings_folder
        self.calls = LiveCalls(self.library, self.recordings, again_s=0.02)
        self.watched = folder / "watched"
        self.watched.mkdir()
        self.created: list[Recording] = []
        self.ended: list[Recording] = []
        self.library.subscribe(
            lambda change: (
                self.created.append(change.recording)
                if isinstance(change, Created)
                else self.ended.append(change.recording)
                if isinstance(change, CallEnded)
                else None
            )
        )

    @contextlib.asynccontextmanager
    async def watching(self, **more: float) -> AsyncIterator[None]:
        task = asyncio.create_task(Watcher(self.watched, self.calls, END_AFTER_S, **more).run())
        await asyncio.sleep(0.05)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until_created(self, count: int = 1) -> Recording:
        await until(lambda: len(self.created) >= count)
        return self.created[count - 1]

    async def until_ended(self, count: int = 1) -> Recording:
        await until(lambda: len(self.ended) >= count)
        return self.ended[count - 1]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.library.close()


async def until(is_true: object, timeout_s: float = 8.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_true():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(-9000, 9000, (frames, channels))
    return values.astype(np.int16)


def sound_of(recording: Recording) -> np.ndarray:
    return soundfile.read(recording.path, dtype="int16", always_2d=True)[0]


class Recorder:
    """Writes a WAV as recorders do: sizes first unfinished, the right ones at the end."""

    def __init__(
        self, path: Path, channels: int = 1, reported: int = 0, rate_hz: int = RATE_HZ
    ) -> None:
        self._stream: BinaryIO = path.open("wb", buffering=0)
        self._frame_bytes = 2 * channels
        self._data_bytes = 0
        self._stream.write(
            struct.pack(
                "<4sI4s4sIHHIIHH4sI",
                *(b"RIFF", reported, b"WAVE", b"fmt ", 16, 1, channels, rate_hz),
                *(rate_hz * self._frame_bytes, self._frame_bytes, 16, b"data", reported),
            )
        )

    def write(self, content: bytes) -> None:
        self._data_bytes += len(content)
        self._stream.write(content)

    def set_header(self) -> None:
        at = self._stream.tell()
        for place, size in ((4, 36 + self._data_bytes), (40, self._data_bytes)):
            self._stream.seek(place)
            self._stream.write(struct.pack("<I", size))
        self._stream.seek(at)

    def close(self) -> None:
        self._stream.close()


async def test_a_call_is_in_the_library_while_it_goes_on_and_after(rig: Rig) -> None:
    facts = IncidentFacts(caller_phone_number="+15550100")
    began_at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    async with rig.calls.call(("caller", "callTaker"), facts, began_at) as call:
        call.append(noise(RATE_HZ // 2, 2))
        (live,) = growing(rig.library)
        assert (live.id, live.facts, live.created_at) == (call.incident_id, facts, began_at)
        assert live.is_live(0.0)
        with GrowingAudio(live.path) as audio:
            assert audio.frames() == RATE_HZ // 2
            assert not audio.is_over()
    assert not growing(rig.library)
    ended = rig.library.get(call.incident_id)
    assert ended is not None
    assert not ended.is_live(0.0)
    assert ended.duration_s == 0.5
    assert ended.ended_at == began_at + timedelta(seconds=0.5)
    assert np.array_equal(sound_of(ended), noise(RATE_HZ // 2, 2))
    assert stat.S_IMODE(ended.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ended.path.parent.stat().st_mode) == 0o700


async def test_a_source_that_breaks_off_ends_its_call(rig: Rig) -> None:
    async def source() -> None:
        async with rig.calls.call(("call",)) as call:
            call.append(noise(480))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await source()
    assert not growing(rig.library)
    assert (await rig.until_ended()).duration_s == 0.01


async def test_a_call_may_be_removed_while_it_goes_on(rig: Rig) -> None:
    async with rig.calls.call(("call",)) as call:
        call.append(noise(480))
        rig.library.remove(call.incident_id)
        call.append(noise(480))
    assert rig.library.get(call.incident_id) is None
    assert not list(rig.recordings.iterdir())


async def test_what_the_library_does_not_take_now_it_takes_later_in_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, left, put = rig.library.put_words, [3], []

    def put_words(incident_id: str, words: Sequence[Word]) -> None:
        if left[0]:
            left[0] -= 1
            raise LibraryError("The library does not answer.")
        put.append([word.word for word in words])
        real(incident_id, words)

    monkeypatch.setattr(rig.library, "put_words", put_words)
    start = datetime(2026, 3, 14, tzinfo=UTC)
    async with rig.calls.call(("call",), IncidentFacts(), start) as call:
        call.append(np.ones((480, 1), np.int16))
        for number, text in enumerate(("help", "me")):
            word = word_at(start, float(number), 0.2, text, "Caller")
            assert word is not None
            rig.calls.put_words(call.incident_id, [word])
    assert rig.ended == []  # its end waits behind the words
    async with asyncio.timeout(5):
        while not rig.ended:
            await asyncio.sleep(0.01)
    assert put == [["help"], ["me"]]
    assert "changes of live calls wait: The library does not answer." in caplog.text


async def test_a_call_that_another_service_takes_in_is_left_to_it(
    postgres_place: PostgresPlace,
) -> None:
    with Library.open(postgres_place) as mine, Library.open(postgres_place) as other:
        other.instances.beat("http://other")
        assert other.recordings_folder is not None
        here, elsewhere = (other.recordings_folder / f"{name}.wav" for name in ("here", "else"))
        start = datetime(2026, 3, 14, tzinfo=UTC)
        for path in (here, elsewhere):
            other.begin_live(IncidentFacts(), ("call",), path, start, path.stem)
        file = LiveFile(here, 1)
        file.append(np.ones((480, 1), np.int16))
        file.finish()
        recover(mine)
        assert len(growing(mine)) == 2
        other.instances.leave()
        recover(mine)  # what lies on another machine is for the service there
        assert [each.id for each in growing(mine)] == ["else"]


async def test_a_call_without_any_sound_is_no_incident(rig: Rig) -> None:
    async with rig.calls.call(("call",)) as call:
        assert rig.library.get(call.incident_id)
    assert rig.library.get(call.incident_id) is None
    assert not list(rig.recordings.iterdir())


async def test_sound_reaches_the_disk_within_a_second(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    loop = asyncio.get_running_loop()
    real = LiveFile.sync

    def sync(file: LiveFile) -> None:
        real(file)
        synced.append(loop.time())

    monkeypatch.setattr(LiveFile, "sync", sync)
    async with rig.calls.call(("call",)) as call:
        began_s = loop.time()
        for _ in range(60):
            call.append(noise(960))
            await asyncio.sleep(0.02)
    assert len(synced) >= 3
    assert max(np.diff([began_s, *synced])) < 1.0


def close_as_a_kill_does(file: LiveFile) -> None:
    """Close a file that is written: nothing is finished, the lock is gone."""
    fds = Path("/proc/self/fd").iterdir()
    (open_as,) = (each for each in fds if each.resolve() == file.path.resolve())
    os.close(int(open_as.name))


async def test_calls_cut_off_by_a_kill_go_on_as_recordings(rig: Rig, tmp_path: Path) -> None:
    began_at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    cut_off = LiveFile(rig.recordings / "cut-off.wav", 1)
    cut_off.append(noise(RATE_HZ))
    close_as_a_kill_does(cut_off)
    (rig.recordings / "empty.wav").touch()
    written = LiveFile(rig.recordings / "written.wav", 1)
    for name in ("cut-off", "empty", "written", "lost"):
        path = rig.recordings / f"{name}.wav"
        rig.library.begin_live(IncidentFacts(), ("call",), path, began_at, name)
    recover(rig.library)
    ended = rig.library.get("cut-off")
    assert ended is not None
    assert (ended.growing, ended.duration_s) == (False, 1.0)
    assert ended.ended_at == began_at + timedelta(seconds=1)
    assert np.array_equal(sound_of(ended), noise(RATE_HZ))
    assert rig.library.get("empty") is None
    assert rig.library.get("lost") is None
    assert [call.id for call in growing(rig.library)] == ["written"]
    written.finish()
    rig.library.close()
    with Library.open(tmp_path / "library") as again:
        recover(again)
        assert not growing(again)
        assert again.get("cut-off") == ended


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """As many files are open as may be."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_call_that_cannot_be_set_right_now_is_kept_for_the_next_start(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    cut_off = LiveFile(rig.recordings / "cut-off.wav", 1)
    cut_off.append(noise(RATE_HZ))
    close_as_a_kill_does(cut_off)
    began_at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    rig.library.begin_live(IncidentFacts(), ("call",), cut_off.path, began_at, "cut-off")
    with no_more_files():
        recover(rig.library)
    assert [call.id for call in growing(rig.library)] == ["cut-off"]
    assert "incident cut-off stays live: cut-off.wav cannot be read." in caplog.text
    recover(rig.library)
    ended = rig.library.get("cut-off")
    assert ended is not None
    assert (ended.growing, ended.duration_s) == (False, 1.0)
    assert np.array_equal(sound_of(ended), noise(RATE_HZ))


def test_the_folder_of_one_run_goes_and_so_does_what_a_kill_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, young = tmp_path / "callplayer-live-left", tmp_path / "callplayer-live-young"
    other, link = tmp_path / "callplayer-other", tmp_path / "callplayer-live-link"
    for folder in (left, young, other):
        folder.mkdir()
        (folder / "call.wav").write_bytes(b"what a caller said")
    link.symlink_to(other)
    with own_folder() as used:
        assert stat.S_IMODE(used.stat().st_mode) == 0o700
        an_hour_ago_s = time.time() - 3600
        for folder in (left, used, other):
            os.utime(folder, (an_hour_ago_s, an_hour_ago_s))
        with own_folder() as another:
            assert sorted(tmp_path.iterdir()) == sorted([used, another, young, other, link])
    assert sorted(tmp_path.iterdir()) == sorted([young, other, link])
    assert (other / "call.wav").exists()


@pytest.mark.parametrize("reported", [0, 0xFFFF_FFFF, 1000])
async def test_a_wav_that_grows_is_a_live_call_until_it_is_closed(rig: Rig, reported: int) -> None:
    samples = noise(RATE_HZ, 2)
    async with rig.watching():
        recorder = Recorder(rig.watched / "line1.wav", 2, reported)
        (rig.watched / "line1.json").write_text('{"incident":{"caller_phone_number":"+15550100"}}')
        content = samples.tobytes()
        for at in range(0, len(content), 9601):  # cuts frames in two
            recorder.write(content[at : at + 9601])
            await asyncio.sleep(0.01)
        live = await rig.until_created()
        assert live.parties == ("caller", "callTaker")
        assert live.facts.caller_phone_number == "+15550100"
        with GrowingAudio(live.path) as audio:
            await until(lambda: audio.frames() == RATE_HZ)
        assert not rig.ended
        recorder.set_header()
        recorder.close()
        ended = await rig.until_ended()
    assert np.array_equal(sound_of(ended), samples)
    assert len(rig.created) == 1


async def test_a_file_that_is_left_unfinished_ends_when_it_has_not_grown(rig: Rig) -> None:
    async with rig.watching():
        recorder = Recorder(rig.watched / "line1.WAV")
        recorder.write(noise(4800).tobytes())
        ended = await rig.until_ended()
        assert ended.duration_s == 0.1
        await asyncio.sleep(0.3)
        assert len(rig.created) == 1
        recorder.write(noise(4800).tobytes())  # it grows again: a new call, which is all of it
        assert (await rig.until_ended(2)).duration_s == 0.2
    recorder.close()


@pytest.mark.parametrize("way", ["renamed", "moved", "removed"])
async def test_a_file_whose_name_goes_has_ended(rig: Rig, way: str) -> None:
    path = rig.watched / "line1.wav"
    async with rig.watching():
        recorder = Recorder(path)
        recorder.write(noise(4800).tobytes())
        await rig.until_created()
        recorder.write(noise(4800, 1, 2).tobytes())
        recorder.close()
        if way == "removed":
            path.unlink()
        else:
            (rig.watched / "done").mkdir()
            path.rename(rig.watched / ("done/1.wav" if way == "moved" else "1.wav"))
        loop = asyncio.get_running_loop()
        gone_s = loop.time()
        ended = await rig.until_ended()
        assert loop.time() - gone_s < END_AFTER_S
        await asyncio.sleep(0.3)
    wanted = np.concatenate((noise(4800), noise(4800, 1, 2)))
    assert np.array_equal(sound_of(ended), wanted)
    assert len(rig.created) == 1


async def test_a_header_kept_right_all_along_is_no_end(rig: Rig) -> None:
    async with rig.watching():
        recorder = Recorder(rig.watched / "line1.wav")
        for _ in range(4):
            recorder.write(noise(4800).tobytes())
            recorder.set_header()
            await asyncio.sleep(0.3)
        assert len(rig.created) == 1
        assert not rig.ended
        assert (await rig.until_ended()).duration_s == pytest.approx(0.4)
    recorder.close()
    assert len(rig.created) == 1


async def test_files_that_lie_there_count_when_they_grow(rig: Rig) -> None:
    soundfile.write(rig.watched / "old.wav", noise(4800), RATE_HZ)
    recorder = Recorder(rig.watched / "going-on.wav")
    recorder.write(noise(4800).tobytes())
    async with rig.watching():
        await asyncio.sleep(0.3)
        assert not rig.created
        recorder.write(noise(4800, 1, 2).tobytes())
        assert (await rig.until_ended()).duration_s == 0.2
    recorder.close()


async def test_two_files_are_two_calls_and_what_is_no_wav_is_left_out(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.watching():
        (rig.watched / "text.wav").write_text("this is no sound, and long enough to tell")
        (rig.watched / "call.txt").write_text("nor is this")
        (rig.watched / "link.wav").symlink_to("/etc/hostname")
        (rig.watched / "folder.wav").mkdir()
        os.mkfifo(rig.watched / "pipe.wav")
        for number in range(2):
            soundfile.write(rig.watched / f"{number}.wav", noise(4800 * (number + 1)), RATE_HZ)
        await rig.until_ended(2)
        assert sorted(each.duration_s for each in rig.ended) == [0.1, 0.2]
    assert len(rig.created) == 2
    reported = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert reported == ["text.wav is left out: it is no WAV"]


async def test_a_whole_file_that_cannot_be_kept_at_once_is_kept_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, tries = rig.library.begin_live, itertools.count()

    def begin_later(*facts: Any) -> Recording:
        if next(tries) < 2:
            raise LibraryError("The library does not answer.", "Check the database server.")
        return begin(*facts)

    monkeypatch.setattr(rig.library, "begin_live", begin_later)
    async with rig.watching(again_after_s=0.05):
        elsewhere = rig.watched.parent / "whole.wav"
        soundfile.write(elsewhere, noise(4800), RATE_HZ)
        elsewhere.rename(rig.watched / elsewhere.name)
        assert len(sound_of(await rig.until_ended())) == 4800
        await asyncio.sleep(0.3)
    assert len(rig.created) == 1


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file can be larger than 200 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
async def test_what_does_not_fit_on_the_disk_ends_the_call_and_is_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.watching(again_after_s=60.0):
        recorder = Recorder(rig.watched / "line1.wav", rate_hz=8000)
        for _ in range(4):
            recorder.write(noise(8000).tobytes())  # 1 s: 96 kB as it is kept
            await asyncio.sleep(0.1)
        ended = await rig.until_ended()
        await asyncio.sleep(0.3)
        assert len(rig.created) == 1
    recorder.close()
    kept = sound_of(ended)
    assert 0.9 < len(kept) / RATE_HZ == ended.duration_s < 2.1
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [
        "line1.wav cannot be kept: The sound of a live call cannot be kept: File too large."
    ]


async def test_a_file_longer_than_a_call_can_be_is_one_call(rig: Rig) -> None:
    rig.calls = LiveCalls(rig.library, rig.recordings, max_s=1)
    async with rig.watching():
        recorder = Recorder(rig.watched / "line1.wav")
        recorder.write(noise(60_000).tobytes())
        assert (await rig.until_ended()).duration_s == 1.0
        recorder.write(noise(60_000).tobytes())
        await asyncio.sleep(0.5)
        assert len(rig.created) == 1
    recorder.close()


async def test_the_call_ends_in_order_when_the_watcher_does(rig: Rig) -> None:
    async with rig.watching():
        recorder = Recorder(rig.watched / "line1.wav")
        recorder.write(noise(4800).tobytes())
        await rig.until_created()
        await asyncio.sleep(0.1)
    assert not growing(rig.library)
    assert rig.ended[0].duration_s == 0.1
    recorder.close()


async def test_pcm_on_a_pipe_is_one_call_until_it_ends(rig: Rig) -> None:
    reading, writing = os.pipe()
    samples = noise(RATE_HZ, 2)
    task = asyncio.create_task(follow_stdin(PcmFormat("PCM_16", RATE_HZ, 2), rig.calls, reading))
    content = samples.tobytes()
    for at in range(0, len(content), 4801):
        await asyncio.to_thread(os.write, writing, content[at : at + 4801])
    live = await rig.until_created()
    with GrowingAudio(live.path) as audio:
        await until(lambda: audio.frames() == RATE_HZ)
        assert not audio.is_over()
    os.close(writing)
    await asyncio.wait_for(task, 5)
    os.close(reading)
    assert np.array_equal(sound_of(rig.ended[0]), samples)


async def test_a_service_that_ends_does_not_wait_for_its_stdin(rig: Rig) -> None:
    reading, writing = os.pipe()
    task = asyncio.create_task(follow_stdin(PcmFormat("ULAW", 8000, 1), rig.calls, reading))
    os.write(writing, b"\x80" * 800)
    live = await rig.until_created()
    with GrowingAudio(live.path) as audio:
        await until(lambda: audio.frames() > 0)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.done()
    assert rig.ended
    os.close(writing)


async def test_a_file_comes_in_at_its_own_pace(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    samples = noise(RATE_HZ, 2)
    soundfile.write(path, samples, RATE_HZ)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    task = asyncio.create_task(play_file(path, rig.calls))
    live = await rig.until_created()
    with GrowingAudio(live.path) as audio:
        while not task.done():
            assert audio.frames() / RATE_HZ <= loop.time() - began_s + 0.001
            await asyncio.sleep(0.05)
    await task
    assert 0.95 < loop.time() - began_s < 3.0
    assert np.array_equal(sound_of(rig.ended[0]), samples)


async def test_its_words_come_when_they_have_been_said(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, noise(2 * RATE_HZ, 1), RATE_HZ)
    words = [
        {"word": f"W{n}.", "speaker": "Caller", "start_offset": 0.1 + n * 0.3, "duration": 0.2}
        for n in range(6)
    ]
    path.with_suffix(".json").write_text(json.dumps({"words": words}))
    task = asyncio.create_task(play_file(path, rig.calls))
    live = await rig.until_created()
    guesses = 0
    with GrowingAudio(live.path) as audio:
        while not task.done():
            known = rig.library.words(live.id)
            assert all(word.start_offset <= audio.frames() / RATE_HZ for word in known)
            guesses += any(word.confidence < 1.0 for word in known)
            await asyncio.sleep(0.02)
    await task
    assert guesses
    assert [word.word for word in rig.library.words(live.id)] == [word["word"] for word in words]
    assert all(
        word.started_at - timedelta(seconds=word.start_offset) - live.created_at
        < timedelta(milliseconds=2)
        for word in rig.library.words(live.id)
    )

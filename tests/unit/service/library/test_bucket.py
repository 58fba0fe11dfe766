"""Recordings in a bucket of a real S3 server: written whole or not at all, read, removed, sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.errors import SoundNotReadyError, UsageError
from callplayer.playback.audio_source import map_decoded
from callplayer.recordings.bucket import RANGE_BYTES, Bucket, BucketError, check_bucket
from callplayer.recordings.named_file import incident_id
from callplayer.recordings.recording import Recording, find_recordings
from callplayer.service.bots.decoder import DecodedCache
from callplayer.service.library.importer import ImportJob, Reports, import_calls
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace
from callplayer.service.library.unsent import send_ended
from callplayer.service.live.live_calls import LiveCalls
from tests.rig.processes import descendants
from tests.rig.versitygw import S3Server

NOISE = np.random.default_rng(1).integers(-32_768, 32_767, (48_000, 2)).astype(np.int16)


class Rig:
    """A library whose sound is in a bucket: `objects` is the folder that the server keeps it in."""

    def __init__(self, place: PostgresPlace, server: S3Server, tmp_path: Path) -> None:
        self.place, self.server = place, server
        self.objects = server.root / Path(str(place.recordings).removeprefix("s3://"))
        self.source = tmp_path / "call.wav"
        soundfile.write(self.source, NOISE, 48_000, subtype="PCM_16")

    def import_call(self) -> Recording:
        (recording,) = import_calls(self.place, [ImportJob((self.source,))])
        return recording

    def names(self) -> list[str]:
        return sorted(path.name for path in self.objects.glob("*"))


@pytest.fixture
def rig(bucket_place: PostgresPlace, s3: S3Server, tmp_path: Path) -> Rig:
    return Rig(bucket_place, s3, tmp_path)


async def sound_of(recording: Recording) -> np.ndarray:
    held = DecodedCache()
    try:
        decoded = await held.get(recording)
        return map_decoded(decoded.fd, decoded.frames, 2, None).read(0, decoded.frames)
    finally:
        await held.close()


async def test_an_import_is_a_flac_in_the_bucket_and_nothing_elsewhere(rig: Rig) -> None:
    imported = rig.import_call()
    assert rig.names() == [f"{imported.id}.flac"]
    assert soundfile.info(rig.objects / f"{imported.id}.flac").format == "FLAC"
    assert [path.name for path in rig.place.folder.iterdir()] == [".importing"]
    with Library.open(rig.place) as library:
        recording = library.get(imported.id)
        assert recording == imported
        assert np.array_equal(await sound_of(recording), NOISE)
        library.remove(imported.id)
    assert rig.names() == []


def test_an_object_is_read_by_ranges(rig: Rig, tmp_path: Path) -> None:
    content = os.urandom(2 * RANGE_BYTES + 1)
    (tmp_path / "large").write_bytes(content)
    bucket = Bucket(str(rig.place.recordings))
    bucket.put(tmp_path / "large", "large")
    with (tmp_path / "back").open("wb") as back:
        bucket.read_into("large", back.fileno())
    assert (tmp_path / "back").read_bytes() == content


def _cut(rig: Rig, recording: Recording) -> Recording:
    path = rig.objects / recording.path
    path.write_bytes(path.read_bytes()[:60_000])
    return recording


def _removed(rig: Rig, recording: Recording) -> Recording:
    (rig.objects / recording.path).unlink()
    return recording


def _elsewhere(_: Rig, recording: Recording) -> Recording:
    return replace(recording, bucket="s3://no-such-bucket")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "is cut off"),
        (_removed, "is not in s3://"),
        (_elsewhere, "is not in s3://no-such-bucket"),
    ],
)
async def test_an_object_that_is_not_whole_or_not_there_is_one_clear_line(
    rig: Rig, spoil: Callable[[Rig, Recording], Recording], said: str
) -> None:
    recording = spoil(rig, rig.import_call())
    with pytest.raises(UsageError, match=said) as raised:
        await sound_of(recording)
    assert "\n" not in raised.value.what


async def test_a_bucket_that_hangs_is_waited_for_and_holds_no_other_call(rig: Rig) -> None:
    inside, also_inside = rig.import_call(), rig.import_call()
    beside = find_recordings([rig.source])[incident_id(rig.source.name)]
    held = DecodedCache(wait_s=1.0)
    rig.server.stop()
    try:
        began_s = time.monotonic()
        waited = await asyncio.gather(
            *(held.get(each) for each in (inside, also_inside)), return_exceptions=True
        )
        assert [type(each) for each in waited] == [SoundNotReadyError] * 2
        assert time.monotonic() - began_s < 3.0
        assert await until_held(held, beside)
        assert not held.incidents & {inside.id, also_inside.id}
    finally:
        rig.server.go_on()
    assert await until_held(held, inside)
    assert await until_held(held, also_inside)
    await held.close()


async def test_no_more_is_fetched_at_once_than_the_cache_may_hold(rig: Rig) -> None:
    calls = [rig.import_call() for _ in range(3)]
    held = DecodedCache(max_bytes=2 * NOISE.nbytes, wait_s=1.0)
    rig.server.stop()
    try:
        await asyncio.gather(*(held.get(each) for each in calls), return_exceptions=True)
        assert decoders() == 2
    finally:
        rig.server.go_on()
    for call in calls:
        assert await until_held(held, call)
    await held.close()


async def test_a_cache_that_is_closed_waits_for_no_bucket(rig: Rig) -> None:
    recording = rig.import_call()
    held = DecodedCache(wait_s=0.5)
    rig.server.stop()
    try:
        with pytest.raises(SoundNotReadyError, match="is still being read"):
            await held.get(recording)
        began_s = time.monotonic()
        await held.close()
        assert time.monotonic() - began_s < 3.0
    finally:
        rig.server.go_on()


def decoders() -> int:
    """Return how many processes fetch or decode now."""
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(os.getpid())]
    return sum(b"callplayer.recordings.decoding" in line for line in lines)


async def until_held(held: DecodedCache, recording: Recording) -> bool:
    """Ask again as a player does, for 30 s at most."""
    for _ in range(30):
        with contextlib.suppress(SoundNotReadyError):
            return (await held.get(recording)).frames == len(NOISE)
    return False


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "wrong", "UserNotFound|InvalidAccessKeyId"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "does not answer"),
        ("AWS_ENDPOINT_URL", "http://10.0.0.1", "plain HTTP"),
    ],
)
def test_a_bucket_that_refuses_takes_nothing_and_says_so_in_a_line(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises((BucketError, UsageError), match=said):
        Bucket(str(rig.place.recordings)).check()
    with pytest.raises((BucketError, UsageError), match=said) as raised:
        rig.import_call()
    assert "\n" not in raised.value.what
    assert rig.server.environment["AWS_SECRET_ACCESS_KEY"] not in raised.value.what
    assert rig.names() == []
    monkeypatch.setenv(variable, rig.server.environment[variable])
    with Library.open(rig.place) as library:
        assert library.count() == (0, 0)


def test_a_server_that_goes_away_while_calls_are_imported_leaves_nothing(rig: Rig) -> None:
    reports = Reports(begin=lambda _: rig.server.kill())
    with pytest.raises(BucketError, match="cannot be written: it does not answer"):
        import_calls(rig.place, [ImportJob((rig.source,))], reports)
    rig.server.start()
    assert rig.names() == []
    assert [path.name for path in rig.place.folder.iterdir()] == [".importing"]
    with Library.open(rig.place) as library:
        assert library.count() == (0, 0)


def test_what_a_killed_import_has_left_goes_after_a_day(rig: Rig) -> None:
    kept = rig.import_call()
    for name, age_s in (("old.flac", 25 * 3600), ("new.flac", 3600)):
        (rig.objects / name).write_bytes(b"left")
        os.utime(rig.objects / name, (time.time() - age_s,) * 2)
    other = rig.import_call()
    assert set(rig.names()) == {f"{kept.id}.flac", f"{other.id}.flac", "new.flac"}


async def test_a_live_call_is_sent_when_it_is_over_and_the_bucket_takes_it(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with Library.open(rig.place) as library:
        calls = LiveCalls(library, library.recordings_folder)
        async with calls.call(("caller", "callTaker"), created_at=datetime.now(UTC)) as call:
            call.append(NOISE)
            assert await send_ended(library)
        rig.server.kill()
        assert not await send_ended(library)
        assert "ended calls wait to be sent" in caplog.text
        waiting = library.get(call.incident_id)
        assert waiting is not None
        assert not waiting.bucket
        assert np.array_equal(await sound_of(waiting), NOISE)
        rig.server.start()
        assert await send_ended(library)
        sent = library.get(call.incident_id)
        assert sent is not None
        assert sent.bucket == rig.place.recordings
        assert np.array_equal(await sound_of(sent), NOISE)
    assert rig.names() == [f"{call.incident_id}.flac"]
    assert not list(rig.place.folder.glob("*.*"))


@pytest.mark.parametrize(
    "text", ["s3://", "s3://B", "s3://a b", "s3://me:secret@host/x", "s3://x/"]
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no bucket"):
        check_bucket(text)

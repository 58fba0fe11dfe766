"""Sound decoded once for all processes: in memory without a name, held to a size."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.errors import ServiceError, SoundNotReadyError, UsageError
from callplayer.playback.audio_source import map_decoded
from callplayer.recordings.recording import Recording, find_recordings
from callplayer.service.bots import decoder
from callplayer.service.bots.decoder import DecodedCache
from tests.rig.processes import soon

PATIENT_S = 60.0
NOISE = np.random.default_rng(1).integers(-32_768, 32_767, (48_000, 2)).astype(np.int16)


def recordings(folder: Path, names: str) -> list[Recording]:
    for name in names:
        soundfile.write(folder / f"{name}.wav", NOISE, 48_000)
    return list(find_recordings([folder]).values())


async def test_a_recording_is_decoded_once_and_mapped_bit_for_bit(tmp_path: Path) -> None:
    (recording,) = recordings(tmp_path, "a")
    held = DecodedCache(wait_s=PATIENT_S)
    shelved = await held.get(recording)
    assert await held.get(recording) is shelved
    assert (shelved.frames, shelved.parties) == (48_000, 2)
    assert os.fstat(shelved.fd).st_nlink == 0
    sound = map_decoded(shelved.fd, shelved.frames, 2, None)
    await held.close()
    assert np.array_equal(sound.read(100, 480), NOISE[100:580])
    assert len(sound.read(47_900, 480)) == 100


async def test_the_oldest_is_dropped_and_stays_open_for_its_player(tmp_path: Path) -> None:
    a, b, c = recordings(tmp_path, "abc")
    held = DecodedCache(max_bytes=2 * NOISE.nbytes, wait_s=PATIENT_S)
    first = await held.get(a)
    sound = map_decoded(first.fd, first.frames, 2, None)
    await held.get(b)
    await held.get(a)
    await held.get(c)
    assert await held.get(a) is first
    assert (await held.get(b)).frames == 48_000
    await held.close()
    assert np.array_equal(sound.read(0, 480), NOISE[:480])


async def test_a_cached_recording_waits_for_no_decoding(tmp_path: Path) -> None:
    a, b = recordings(tmp_path, "ab")
    held = DecodedCache(wait_s=PATIENT_S)
    first = await held.get(a)
    decoding = asyncio.create_task(held.get(b))
    await asyncio.sleep(0)
    again = asyncio.create_task(held.get(a))
    await asyncio.wait((decoding, again), return_when=asyncio.FIRST_COMPLETED)
    assert again.result() is first
    assert not decoding.done()
    assert (await decoding).frames == 48_000
    await held.close()


async def test_the_sound_of_a_removed_file_is_let_go_of(tmp_path: Path) -> None:
    a, b, c = recordings(tmp_path, "abc")
    held = DecodedCache(wait_s=PATIENT_S)
    gone, kept, removed = await held.get(a), await held.get(b), await held.get(c)
    a.path.unlink()
    held.forget_removed({a.id, b.id})
    for each in (gone, removed):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each.fd)
    assert await held.get(b) is kept
    await held.close()


async def test_a_broken_file_is_an_error_and_leaves_no_file_open(tmp_path: Path) -> None:
    (recording,) = recordings(tmp_path, "a")
    recording.path.write_bytes(b"RIFF")
    before = os.listdir("/proc/self/fd")
    held = DecodedCache(wait_s=PATIENT_S)
    with pytest.raises(UsageError, match="no sound file that is known"):
        await held.get(recording)
    await held.close()
    assert soon(lambda: os.listdir("/proc/self/fd") == before)  # its log is closed by a thread


@pytest.fixture
def crashing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that crashes, after a while."""
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\nsleep 0.3\nkill -SEGV $$\n")
    crash.chmod(0o700)
    monkeypatch.setattr(decoder.sys, "executable", str(crash))


@pytest.mark.usefixtures("crashing")
async def test_a_decoder_that_crashes_is_an_error(tmp_path: Path) -> None:
    (recording,) = recordings(tmp_path, "a")
    held = DecodedCache(wait_s=PATIENT_S)
    for _ in range(2):
        began_s = time.monotonic()
        with pytest.raises(ServiceError, match="crashed"):
            await held.get(recording)
        assert time.monotonic() - began_s >= 0.3  # it is tried anew
    await held.close()


@pytest.mark.usefixtures("crashing")
async def test_a_second_request_is_answered_with_what_went_wrong_meanwhile(tmp_path: Path) -> None:
    (recording,) = recordings(tmp_path, "a")
    held = DecodedCache(wait_s=0.05)
    for _ in range(2):  # answered once, then tried anew
        with pytest.raises(SoundNotReadyError):
            await held.get(recording)
        await asyncio.sleep(1.0)
        with pytest.raises(ServiceError, match="crashed"):
            await held.get(recording)
    await held.close()

"""Samples by number: exact while they are young, near enough once they are coded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import callplayer
from callplayer.engine.memory.compression import CHUNK_FRAMES, ChunkEncoder, Pcm
from callplayer.engine.memory.sample_store import SampleStore
from callplayer.recordings.containers.streamed import StreamedSound

DEMO_CALL = Path(callplayer.__file__).parent / "demo_calls" / "kitchen-fire.ogg"


@cache
def speech() -> Pcm:
    """Return six seconds of a call in which one party speaks."""
    call = StreamedSound(DEMO_CALL)
    try:
        return np.ascontiguousarray(call.read(0, 6 * CHUNK_FRAMES)[:, 0])
    finally:
        call.close()


@given(st.lists(st.integers(1, 60_000), max_size=6), st.data())
def test_what_was_appended_is_read_to_the_sample(lengths: list[int], data: st.DataObject) -> None:
    store, rng = SampleStore(), np.random.default_rng(1)
    parts = [rng.integers(-(2**15), 2**15, each, dtype=np.int16) for each in lengths]
    for part in parts:
        store.append(part)
    whole = np.concatenate([np.zeros(0, np.int16), *parts])
    assert store.written == len(whole)
    first = data.draw(st.integers(-100, len(whole)))
    frames = data.draw(st.integers(0, 100_000))
    padded = np.concatenate([np.zeros(100, np.int16), whole, np.zeros(200_000, np.int16)])
    assert np.array_equal(store.read(first, frames), padded[first + 100 : first + 100 + frames])


def test_what_is_coded_is_heard_at_its_place_without_a_seam() -> None:
    store, encoder, sound = SampleStore(), ChunkEncoder(), speech()
    store.append(sound)
    exact_bytes, coded = store.size_bytes, 0
    while (chunk := store.next_to_code(2 * CHUNK_FRAMES)) is not None:
        store.keep_coded(encoder.encode(chunk))
        coded += 1
    assert coded == 3, "the last two seconds, and what the coder looks ahead, stay exact"
    assert np.array_equal(
        store.read(3 * CHUNK_FRAMES, CHUNK_FRAMES), sound[3 * CHUNK_FRAMES :][:CHUNK_FRAMES]
    )
    assert store.size_bytes < 0.6 * exact_bytes
    first, frames = CHUNK_FRAMES // 2, 2 * CHUNK_FRAMES
    heard, was = (
        store.read(first, frames).astype(float),
        sound[first : first + frames].astype(float),
    )
    error = heard - was
    assert np.sqrt(np.mean(error**2)) < 0.35 * np.sqrt(np.mean(was**2))
    steps, seam = np.abs(np.diff(error)), CHUNK_FRAMES - first
    assert steps[seam - 2 : seam + 2].max() < 4 * np.sqrt(np.mean(steps**2)), "no click between two"


def test_the_oldest_is_dropped_first_and_only_what_is_coded() -> None:
    store, encoder = SampleStore(), ChunkEncoder()
    store.append(speech()[: 4 * CHUNK_FRAMES])
    assert not store.drop_oldest()
    chunk = store.next_to_code(CHUNK_FRAMES)
    assert chunk is not None
    store.keep_coded(encoder.encode(chunk))
    assert store.drop_oldest()
    assert store.first == CHUNK_FRAMES
    assert not store.read(0, 100).any()
    assert not store.drop_oldest()

"""The ring against a plain list of all that was written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from callplayer.engine.audio.ring import Ring

CAPACITY_FRAMES = 37


class RingModel(RuleBasedStateMachine):
    """Samples are numbered, so that one out of place shows."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = Ring(CAPACITY_FRAMES)
        self.written: list[float] = []
        self.read = 0
        self.next_sample = 1.0

    @rule(count=st.integers(0, 60))
    def write(self, count: int) -> None:
        samples = np.arange(self.next_sample, self.next_sample + count, dtype=np.float32)
        self.next_sample += count
        fits = CAPACITY_FRAMES - (len(self.written) - self.read)
        assert self.ring.write(samples) == min(count, fits)
        self.written += samples[:fits].tolist()

    @rule(count=st.integers(0, 60), offset_frames=st.integers(0, 60))
    def peek(self, count: int, offset_frames: int) -> None:
        out = np.full(count, -1.0, dtype=np.float32)
        wanted = self.written[self.read + offset_frames :][:count]
        assert self.ring.peek_into(out, offset_frames) == len(wanted)
        assert out.tolist() == wanted + [-1.0] * (count - len(wanted))

    @rule(count=st.integers(0, 60))
    def skip(self, count: int) -> None:
        self.ring.skip(count)
        self.read = min(self.read + count, len(self.written))

    @invariant()
    def places_agree(self) -> None:
        assert self.ring.written == len(self.written)
        assert self.ring.position == self.read
        assert self.ring.fill_frames == len(self.written) - self.read
        assert 0 <= self.ring.fill_frames <= self.ring.capacity_frames == CAPACITY_FRAMES


TestRingModel = RingModel.TestCase
TestRingModel.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, database=None
)


def test_a_full_ring_drops_the_end_of_what_comes() -> None:
    ring = Ring(4)
    assert ring.write(np.arange(6, dtype=np.float32)) == 4
    assert ring.write(np.arange(2, dtype=np.float32)) == 0
    out = np.zeros(4, dtype=np.float32)
    assert ring.peek_into(out) == 4
    assert out.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [1, 7, 480])
def test_a_long_stream_comes_out_as_it_went_in(chunk: int) -> None:
    ring, sent, got = Ring(1000), np.arange(20_000, dtype=np.float32), []
    for start in range(0, len(sent), chunk):
        assert ring.write(sent[start : start + chunk]) == len(sent[start : start + chunk])
        out = np.zeros(chunk, dtype=np.float32)
        count = ring.peek_into(out)
        ring.skip(count)
        got.append(out[:count])
    assert np.array_equal(np.concatenate(got), sent)

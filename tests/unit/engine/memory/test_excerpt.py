"""What a clip is made of: every sample at its place, at 0 dB, and what lacks named."""

from __future__ import annotations

import numpy as np
import pytest

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.excerpt import Excerpt

FRAME = 480


def _sound(seed: int, ms: int) -> Pcm:
    return np.random.default_rng(seed).integers(-8000, 8000, ms * 48, dtype=np.int16)


def _receive(memory: CallMemory, name: str, sound: Pcm, start_ms: float) -> None:
    for at in range(0, len(sound), FRAME):
        frame = sound[at : at + FRAME]
        memory.append(name, frame, start_ms + (at + len(frame)) / 48)


def _all(excerpt: Excerpt, name: str) -> list[int]:
    parts = [excerpt.read(at, 700)[name] for at in range(0, excerpt.frames, 700)]
    return [int(each) for each in np.rint(np.concatenate(parts)[: excerpt.frames])]


def test_both_parties_are_taken_to_the_sample() -> None:
    memory = CallMemory()
    sounds = {"caller": _sound(1, 2000), "callTaker": _sound(2, 2000)}
    for name, sound in sounds.items():
        _receive(memory, name, sound, 5_000.0)
    excerpt = Excerpt(memory, tuple(sounds), 5_500, 6_700)
    assert (excerpt.gaps_ms, excerpt.unsure_ms) == ((), ())
    for name, sound in sounds.items():
        assert _all(excerpt, name) == list(sound[500 * 48 : 1_700 * 48])


def test_what_no_lane_has_is_named_and_silent() -> None:
    memory = CallMemory()
    sound = _sound(3, 1000)
    _receive(memory, "caller", sound, 0.0)
    memory.close()
    _receive(memory, "caller", sound, 3_000.0)
    excerpt = Excerpt(memory, ("caller",), 500, 4_500)
    assert excerpt.gaps_ms == ((1_000, 3_000), (4_000, 4_500))
    taken = _all(excerpt, "caller")
    assert taken[:24_000] == list(sound[24_000:])
    assert set(taken[24_000 : 2_500 * 48]) == {0}
    assert taken[2_500 * 48 : 3_500 * 48] == list(sound)
    nothing = Excerpt(memory, ("callTaker",), 500, 900)
    assert nothing.gaps_ms == ((500, 900),)


@pytest.mark.parametrize(
    ("gains_db", "factor"), [((0.0,), 1.0), ((6.0,), 10**-0.3), ((-12.0,), 10**0.6)]
)
def test_a_volume_that_was_asked_for_is_undone(gains_db: tuple[float, ...], factor: float) -> None:
    memory = CallMemory()
    memory.set_gains({"caller": gains_db}, 0, 0)
    sound = _sound(4, 300)
    _receive(memory, "caller", sound, 0.0)
    taken = Excerpt(memory, ("caller",), 0, 300).read(0, 4_800)["caller"]
    np.testing.assert_allclose(taken, sound[:4_800] * factor, rtol=1e-5)


@pytest.mark.parametrize("gains_db", [(-40.0,), (0.0, 6.0)], ids=["muted", "parties-apart"])
def test_sound_whose_volume_cannot_be_undone_is_a_gap(gains_db: tuple[float, ...]) -> None:
    memory = CallMemory()
    name = "caller" if len(gains_db) == 1 else "call"
    memory.set_gains({name: (0.0,) * len(gains_db)}, 0, 0)
    _receive(memory, name, _sound(5, 400), 0.0)
    memory.set_gains({name: gains_db}, 0, 0)
    _receive(memory, name, _sound(6, 400), 400.0)
    assert Excerpt(memory, (name,), 0, 800).gaps_ms == ((400, 800),)


def test_what_was_made_up_is_played_and_named() -> None:
    memory = CallMemory()
    sound = _sound(7, 1000)
    _receive(memory, "caller", sound[:24_000], 0.0)
    memory.voices["caller"].suspect(4_800)
    _receive(memory, "caller", sound[24_000:], 500.0)
    excerpt = Excerpt(memory, ("caller",), 0, 1_000)
    assert (excerpt.gaps_ms, excerpt.unsure_ms) == ((), ((400, 500),))
    assert _all(excerpt, "caller") == list(sound)

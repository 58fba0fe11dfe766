"""What is read from memory is the call's own sound, at the place that is reported."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.memory.call_memory import MOST_REGAIN_DB, CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.handback import find_seams, join
from callplayer.engine.memory.reader import MemoryReader
from callplayer.engine.memory.stretch import Stretch
from callplayer.engine.memory.voice import VoiceMemory
from callplayer.engine.session.recall.wave import Wave
from callplayer.ipc import messages as m

FRAME = 480
NAMES = ("caller", "callTaker")


@cache
def call(seed: int = 0, seconds: int = 30) -> Pcm:
    """Return a lane's whole sound: noise, so that each piece has one place only."""
    return np.random.default_rng(seed).integers(-8_000, 8_000, seconds * 48_000, dtype=np.int16)


def receive(
    memory: CallMemory, start_ms: int, length_ms: int, error_ms: float = 0.0, db: float = 0.0
) -> None:
    """Have the server play a part of the call; the places reported are off by `error_ms`."""
    for at_ms in range(start_ms, start_ms + length_ms, 10):
        for seed, name in enumerate(NAMES):
            pcm = call(seed)[at_ms * 48 : at_ms * 48 + FRAME]
            sound = np.rint(pcm * 10 ** (db / 20)).astype(np.int16)
            memory.append(name, sound, at_ms + 10 + error_ms, is_news=at_ms % 100 == 0)


def joined(
    memory: CallMemory,
    old: dict[str, Stretch],
    fresh: dict[str, Stretch],
    reader: MemoryReader | None = None,
) -> bool | str:
    seams = find_seams(memory, old, fresh)
    if not isinstance(seams, dict):
        return seams
    heard_to = reader.heard_to() if reader is not None else {}
    return join(memory, seams, {name: seam.find() for name, seam in seams.items()}, heard_to)


def heard(reader: MemoryReader, frames: int, name: str = "caller") -> Pcm:
    out = reader.read(frames).get(name, np.zeros(0, np.float32))
    return np.rint(out * 32_768).astype(np.int16)


def test_a_place_that_was_received_is_heard_to_the_sample() -> None:
    memory = CallMemory()
    receive(memory, 0, 3_000)
    reader = MemoryReader(memory)
    assert reader.seek(1_234.0, NAMES)
    assert reader.frames_ahead() == (3_000 - 1_234) * 48
    for seed, name in enumerate(NAMES):
        assert reader.seek(1_234.0, NAMES)
        assert np.array_equal(heard(reader, 1_000, name), call(seed)[1_234 * 48 :][:1_000])
    assert reader.place_ms == pytest.approx(1_234 + 1_000 / 48)
    assert not reader.seek(3_000.0, NAMES)
    assert memory.ranges_ms() == ((0, 3_000),)


def test_a_place_that_one_lane_lacks_is_not_remembered() -> None:
    memory = CallMemory()
    receive(memory, 0, 1_000)
    assert not MemoryReader(memory).seek(500.0, (*NAMES, "other"))


@pytest.mark.parametrize(("error_ms", "told_off_ms"), [(0.0, 0.0), (17.0, 8.5), (-69.0, 0.0)])
def test_what_the_server_plays_anew_goes_on_where_the_old_ends(
    error_ms: float, told_off_ms: float
) -> None:
    """Of two places reported of the same sound the middle is told, unless one is far off."""
    memory = CallMemory()
    receive(memory, 0, 2_000)
    memory.close()
    old = {name: memory.voices[name].stretches[-1] for name in NAMES}
    receive(memory, 1_400, 100, error_ms)
    fresh = {name: memory.voices[name].stretches[-1] for name in NAMES}
    assert joined(memory, old, fresh) == "awaited", "it counts where the two meet"
    receive(memory, 1_500, 540, error_ms)
    assert joined(memory, old, fresh) is True
    reader = MemoryReader(memory)
    assert reader.seek(1_700.0 + told_off_ms, NAMES)
    receive(memory, 2_040, 960, error_ms)
    assert reader.frames_ahead() == 1_300 * 48
    assert np.array_equal(heard(reader, 1_300 * 48), call()[1_700 * 48 : 3_000 * 48])
    assert reader.place_ms == pytest.approx(3_000.0 + told_off_ms, abs=0.1)


@pytest.mark.parametrize(("cut_at_ms", "unsure_ms"), [(1_400, 0.0), (1_920, 5.0)])
def test_what_a_jitter_buffer_cut_out_before_the_two_meet_is_not_heard(
    cut_at_ms: int, unsure_ms: float
) -> None:
    """What it cut out is 10 ms: where the places reported do not show it yet, half of it."""
    memory = CallMemory()
    receive(memory, 0, 2_000)
    memory.close()
    old = {name: memory.voices[name].stretches[-1] for name in NAMES}
    receive(memory, 1_000, cut_at_ms - 1_000)
    fresh = {name: memory.voices[name].stretches[-1] for name in NAMES}
    receive(memory, cut_at_ms + 10, 2_000 - cut_at_ms)
    assert joined(memory, old, fresh) is True
    receive(memory, 2_010, 1_990)
    reader = MemoryReader(memory)
    assert reader.seek(1_900.0 - unsure_ms, NAMES)
    assert np.array_equal(heard(reader, 2_100 * 48), call()[1_900 * 48 : 4_000 * 48])
    assert reader.place_ms == pytest.approx(4_000.0 + unsure_ms, abs=0.1)


def test_after_silence_that_was_made_up_the_call_goes_on_where_its_sound_ended() -> None:
    memory = CallMemory()
    receive(memory, 0, 1_000)
    for at_ms in range(1_000, 1_500, 10):
        for name in NAMES:
            memory.append(name, np.zeros(FRAME, np.int16), at_ms + 10, is_news=False)
    reader = MemoryReader(memory)
    assert reader.seek(500.0, NAMES)
    assert not heard(reader, 800 * 48)[500 * 48 :].any()
    for voice in memory.voices.values():
        voice.cut(500 * 48)
    assert memory.ranges_ms() == ((0, 1_000),)
    assert reader.frames_ahead() == 0
    old = reader.last_stretches()
    receive(memory, 700, 1_300)
    fresh = {name: memory.voices[name].stretches[-1] for name in NAMES}
    assert joined(memory, old, fresh, reader) is True
    assert np.array_equal(heard(reader, 900 * 48), call()[1_000 * 48 :][: 900 * 48])


def test_what_was_made_up_is_cut_away_from_before_a_change_of_volume_too() -> None:
    memory = CallMemory()
    memory.set_gains({name: (0.0,) for name in NAMES}, 0, 0)
    receive(memory, 0, 3_000)
    for at_ms in range(3_000, 4_000, 10):
        if at_ms == 3_600:
            memory.set_gains({name: (-6.0,) for name in NAMES}, 0, 0)
        for name in NAMES:
            memory.append(name, np.zeros(FRAME, np.int16), at_ms + 10, is_news=False)
    reader = MemoryReader(memory)
    assert reader.seek(2_500.0, NAMES)
    assert len(heard(reader, 1_300 * 48)) == 1_300 * 48
    for voice in memory.voices.values():
        voice.cut(1_000 * 48)
    assert memory.ranges_ms() == ((0, 3_000),)
    old = reader.last_stretches()
    receive(memory, 2_700, 1_300, db=-6.0)
    fresh = {name: memory.voices[name].stretches[-1] for name in NAMES}
    assert joined(memory, old, fresh, reader) is True
    wanted = call()[3_000 * 48 :][: 900 * 48] * 10 ** (-6 / 20)
    assert np.abs(heard(reader, 900 * 48) - wanted).max() < 2


@pytest.mark.parametrize(("db", "lacks_ms"), [(-6.0, 0), (0.0, 60), (0.0, -60)])
def test_what_changes_between_a_join_and_its_seam_is_heard_once_and_at_its_place(
    db: float, lacks_ms: int
) -> None:
    memory, too_soft_db = CallMemory(), -52.0  # to be known again: joined by the places told
    memory.set_gains({name: (0.0,) for name in NAMES}, 0, 0)
    receive(memory, 0, 2_000, db=too_soft_db)
    memory.close()
    reader = MemoryReader(memory)
    assert reader.seek(1_500.0, NAMES)
    old = reader.last_stretches()
    receive(memory, 800, 1_160, db=too_soft_db)
    fresh = {name: memory.voices[name].stretches[-1] for name in NAMES}
    assert joined(memory, old, fresh, reader) is False
    memory.set_gains({name: (db,) for name in NAMES}, 0, 0)
    for at_ms in range(1_960, 2_500, 10):  # places are told at once, as they are every 100 ms
        for seed, name in enumerate(NAMES):
            pcm = call(seed)[(at_ms + lacks_ms) * 48 :][:FRAME]
            sound = np.rint(pcm * 10 ** ((too_soft_db + db) / 20)).astype(np.int16)
            memory.append(name, sound, at_ms + lacks_ms + 10, is_news=at_ms < 1_990)
    out = heard(reader, 800 * 48)
    skipped_ms = 2_050 - 1_995 if lacks_ms > 0 else 0  # it is told once the seam is so near
    said = call() * 10 ** ((too_soft_db + db) / 20)
    before, after = said[1_500 * 48 : 1_990 * 48], said[(2_010 + skipped_ms) * 48 :]
    assert np.abs(out[60 * 48 : 490 * 48] - before[60 * 48 :]).max() < 2
    assert np.abs(out[510 * 48 :] - after[: 290 * 48]).max() < 2
    assert reader.place_ms == pytest.approx(2_300 + skipped_ms, abs=0.1)


@pytest.mark.parametrize(("db", "shifted_at_ms"), [(-46.0, 0), (0.0, 1_900)])
def test_soft_noise_or_what_came_before_a_shift_shows_where_the_two_meet(
    db: float, shifted_at_ms: int
) -> None:
    memory = CallMemory()
    if shifted_at_ms:  # the place is put right shortly before the end
        receive(memory, 0, shifted_at_ms - 1_000, db=db)
        receive(memory, shifted_at_ms - 1_000, 1_100, error_ms=6.0, db=db)
    else:
        receive(memory, 0, 2_000, db=db)
    memory.close()
    old = {name: memory.voices[name].stretches[-1] for name in NAMES}
    assert (old["caller"].first > 1_850 * 48) == bool(shifted_at_ms)
    receive(memory, 1_000, 1_010, db=db)
    fresh = {name: memory.voices[name].first_since(2_000 * 48) for name in NAMES}
    assert joined(memory, old, {n: each for n, each in fresh.items() if each}) is True
    receive(memory, 2_010, 490, db=db)
    reader = MemoryReader(memory)
    assert reader.seek(1_500.0, NAMES)
    first = heard(reader, 900 * 48).astype(float)
    said = call() * 10 ** (db / 20)
    start = 1_500 * 48 + round(np.argmax(np.correlate(said[1_450 * 48 :][:5_760], first[:960])))
    start -= 50 * 48
    assert np.abs(first - said[start : start + len(first)]).max() < 2


def test_sound_without_a_mark_is_joined_by_the_places_reported() -> None:
    memory = CallMemory()
    silence = np.zeros(FRAME, np.int16)
    for at_ms in range(0, 1_000, 10):
        memory.append("call", silence, at_ms + 10)
    memory.close()
    old = {"call": memory.voices["call"].stretches[-1]}
    for at_ms in range(400, 1_000, 10):
        memory.append("call", silence, at_ms + 10)
    fresh = {"call": memory.voices["call"].stretches[-1]}
    assert joined(memory, old, fresh) is False
    for at_ms in range(1_000, 2_000, 10):
        memory.append("call", silence, at_ms + 10)
    reader = MemoryReader(memory)
    assert reader.seek(0.0, ("call",))
    assert reader.frames_ahead() == pytest.approx(2_000 * 48, abs=2)


@pytest.mark.parametrize(
    ("wrong_ms", "wrong_for_ms", "lacks_ms", "is_silent"),
    [
        (-300, 1_100, 0, True),  # reports that were wrong at first, and put right
        (120, 1_100, 0, True),
        (0, 0, 60, True),  # frames that never came
        (0, 0, -60, True),  # a server that went back a little
        (0, 0, 200, False),  # by more than is searched
    ],
)
def test_places_put_right_before_the_two_meet_count(
    wrong_ms: int, wrong_for_ms: int, lacks_ms: int, is_silent: bool
) -> None:
    sound = call(0, 30).copy()
    if is_silent:
        sound[5_000 * 48 : 10_400 * 48] = 0
    memory = CallMemory()
    for at_ms in range(0, 8_000, 10):
        memory.append("call", sound[at_ms * 48 :][:FRAME], at_ms + 10, is_news=at_ms % 100 == 0)
    memory.close()
    old = {"call": memory.voices["call"].stretches[-1]}
    at_ms, fresh, done = 5_500, {}, "awaited"
    for passed_ms in range(0, 10_000, 10):
        at_ms += lacks_ms if passed_ms == 1_000 else 0
        reported_ms = at_ms + 10 + (wrong_ms if passed_ms < wrong_for_ms else 0)
        pcm, is_news = sound[at_ms * 48 :][:FRAME], passed_ms % 100 == 0
        memory.append("call", pcm, reported_ms, is_news=is_news)
        fresh = fresh or {"call": memory.voices["call"].stretches[-1]}
        done = joined(memory, old, fresh) if done == "awaited" else done
        at_ms += 10
    assert done is not is_silent
    reader = MemoryReader(memory)
    assert reader.seek(7_000.0, ("call",))
    out = heard(reader, 5_000 * 48, "call")
    assert np.array_equal(out[1_500 * 48 :], sound[8_500 * 48 : 12_000 * 48])
    assert reader.place_ms == pytest.approx(12_000.0, abs=0.1)
    newest = memory.voices["call"].newest
    assert newest is not None
    assert newest.place_of(newest.end) == pytest.approx(at_ms, abs=0.1)


def test_a_loop_turns_to_the_sample_and_without_a_gap() -> None:
    memory = CallMemory()
    receive(memory, 0, 4_000)
    reader = MemoryReader(memory)
    assert not reader.start_loop(1_000, 4_500, NAMES)
    assert reader.loop is None
    assert reader.start_loop(1_000, 2_500, NAMES)
    assert reader.seek(2_400.0, NAMES)
    sound = np.concatenate([heard(reader, FRAME) for _ in range(10 + 20 * 150)])
    turns = sound[100 * 48 :].reshape(20, 1_500 * 48)
    assert all(np.array_equal(turn[240:], call()[1_000 * 48 + 240 : 2_500 * 48]) for turn in turns)


def test_a_loop_turns_to_the_same_samples_while_what_comes_shows_its_place_better() -> None:
    memory, second = CallMemory(), 1_000
    receive(memory, 0, 4 * second)
    reader = MemoryReader(memory)
    assert reader.start_loop(1_000, 2_000, NAMES)
    assert reader.seek(1_000.0, NAMES)
    turns, off_ms = [], {name: 3.0 * (-1) ** at for at, name in enumerate(NAMES)}
    began_ms = [voice.stretches[0].place_ms for voice in memory.voices.values()]
    for turn in range(4):
        turns.append(np.concatenate([heard(reader, FRAME) for _ in range(100)]))
        for each in range(100):
            at = (4 * second + turn * second + each * 10) * 48
            for name in NAMES:
                pcm, place_ms = call()[at : at + FRAME], (at + FRAME) / 48 + off_ms[name]
                memory.append(name, pcm, place_ms, is_news=each % 10 == 0)
    moved = [voice.stretches[0].place_ms for voice in memory.voices.values()]
    assert all(abs(one - other) > 0.5 for one, other in zip(began_ms, moved, strict=True))
    assert all(np.array_equal(turn[240:], turns[0][240:]) for turn in turns)


def test_volumes_asked_since_are_heard_at_once_and_click_free() -> None:
    memory = CallMemory()
    memory.set_gains({"caller": (0.0,), "callTaker": (0.0,)}, 0, 0)
    receive(memory, 0, 2_000)
    reader = MemoryReader(memory)
    assert reader.seek(0.0, NAMES)
    heard(reader, FRAME)
    memory.set_gains({"caller": (-6.0,), "callTaker": (0.0,)}, 480, 7_200)
    out = np.concatenate([reader.read(FRAME)["caller"] for _ in range(4)])
    factor = out / (call()[FRAME : 5 * FRAME] / 32_768 + 1e-9)
    loud = np.abs(call()[FRAME : 5 * FRAME]) > 500
    assert np.abs(np.diff(factor[loud])).max() < 0.02
    assert factor[loud][-1] == pytest.approx(10 ** (-6 / 20), abs=1e-3)


@pytest.mark.parametrize(("before_db", "after_db"), [(-12.0, 0.0), (0.0, -12.0)])
def test_a_volume_of_which_it_is_not_known_when_it_came_is_never_heard_too_loud(
    before_db: float, after_db: float
) -> None:
    memory = CallMemory()
    gains = [{name: (db,) for name in NAMES} for db in (before_db, after_db)]
    memory.set_gains(gains[0], 0, 0)
    receive(memory, 0, 500, db=before_db)
    memory.set_gains(gains[1], 10 * 48, 120 * 48)
    receive(memory, 500, 60, db=before_db)
    receive(memory, 560, 440, db=after_db)
    reader = MemoryReader(memory)
    assert reader.seek(200.0, NAMES)
    out = np.concatenate([reader.read(FRAME)["caller"] for _ in range(75)])
    factor = out / (call()[200 * 48 :][: len(out)] / 32_768 + 1e-9)
    loud = np.abs(call()[200 * 48 :][: len(out)]) > 2_000
    wanted = 10 ** (after_db / 20)
    assert factor[loud].max() < wanted * 1.02
    sure = loud & ~np.isin(np.arange(len(out)) // 48, range(305, 425))
    assert factor[sure].min() > wanted * 0.98


def test_a_mixed_lane_cannot_be_regained_for_one_party() -> None:
    memory = CallMemory()
    memory.set_gains({"call": (0.0, 0.0)}, 0, 0)
    for at_ms in range(0, 1_000, 10):
        memory.append("call", call()[at_ms * 48 :][:FRAME], at_ms + 10)
    reader = MemoryReader(memory)
    memory.set_gains({"call": (6.0, 6.0)}, 0, 0)
    assert reader.seek(500.0, ("call",))
    memory.set_gains({"call": (6.0, 0.0)}, 0, 0)
    assert not reader.seek(500.0, ("call",))
    memory.set_gains({"call": (MOST_REGAIN_DB + 1, MOST_REGAIN_DB + 1)}, 0, 0)
    assert not reader.seek(500.0, ("call",)), "sixteen bits hold no more"


def test_frames_that_never_came_move_the_place() -> None:
    voice = VoiceMemory()
    for at_ms in [*range(0, 2_000, 10), *range(2_300, 4_000, 10)]:
        voice.append(call()[at_ms * 48 :][:FRAME], at_ms + 10, is_news=at_ms % 100 == 0)
    spot = voice.find(3_000.0)
    assert spot is not None
    pcm, _ = voice.read(spot, 100)
    assert np.array_equal(pcm, call()[3_000 * 48 :][:100])
    reads_on = voice.find(1_000.0)
    assert reads_on is not None
    assert voice.frames_ahead(reads_on, 10**9) == 2_700 * 48, "they are skipped without a seam"


def test_places_reported_later_make_the_first_ones_truer() -> None:
    voice = VoiceMemory()
    for at_ms in range(0, 6_000, 10):
        off_ms = 3.0 if at_ms < 1_000 else 0.0
        sound = call()[at_ms * 48 :][:FRAME]
        voice.append(sound, at_ms + 10 + off_ms, is_news=at_ms % 100 == 0)
    assert len(voice.stretches) == 1
    assert abs(voice.stretches[0].place_ms) < 0.6


def test_suspect_sound_is_fetched_again() -> None:
    voice = VoiceMemory()
    for at_ms in range(0, 2_000, 10):
        voice.append(call()[at_ms * 48 :][:FRAME], at_ms + 10)
        if at_ms == 1_000:
            voice.suspect(200 * 48)
    assert [(s.first // 48, s.end // 48, s.is_suspect) for s in voice.stretches] == [
        (0, 810, False),
        (810, 1_010, True),
        (1_010, 2_000, False),
    ]
    spot = voice.find(0.0)
    assert spot is not None
    pcm, _ = voice.read(spot, 2_000 * 48)
    assert np.array_equal(pcm, call()[: 2_000 * 48])


def test_a_stretch_is_whole_where_no_words_can_be_gone() -> None:
    memory = CallMemory()
    receive(memory, 0, 1_000)
    memory.voices["callTaker"].suspect(200 * 48)
    receive(memory, 1_000, 1_000)
    reader = MemoryReader(memory)
    assert reader.is_whole(0, 1_900, NAMES), "a trifle was made up"
    memory.voices["callTaker"].suspect(1_100 * 48, is_broken=True)
    assert reader.is_whole(0, 790, NAMES)
    assert not reader.is_whole(0, 910, NAMES)
    assert not reader.is_whole(500, 1_900, NAMES)
    receive(memory, 2_000, 1_000)
    assert reader.is_whole(2_010, 2_900, NAMES)


def test_sound_that_turns_out_suspect_while_it_is_heard_is_not_heard_again() -> None:
    memory = CallMemory()
    receive(memory, 0, 2_000)
    reader = MemoryReader(memory)
    assert reader.seek(1_000.0, NAMES)
    parts = [heard(reader, 700 * 48)]
    memory.voices["caller"].suspect(1_000 * 48)
    memory.voices["callTaker"].suspect(500 * 48)
    receive(memory, 2_000, 500)
    assert reader.frames_ahead() == 800 * 48
    parts.append(heard(reader, 800 * 48))
    assert np.array_equal(np.concatenate(parts), call()[1_000 * 48 : 2_500 * 48])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2_000),  # where the server plays
            st.integers(1, 120),  # frames
            st.floats(-20, 20),  # how far off the place reported is
            st.booleans(),  # a jump before
            st.sampled_from([-6.0, 0.0, 3.0]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_nothing_is_invented_and_nothing_skipped(
    played: list[tuple[int, int, float, bool, float]], data: st.DataObject
) -> None:
    memory, at_ms, spans = CallMemory(), 0, []
    for start_ms, frames, error_ms, jumps, db in played:
        if jumps:
            memory.close()
            at_ms = start_ms * 10
        memory.set_gains({name: (db,) for name in NAMES}, 0, 0)
        receive(memory, at_ms, frames * 10, error_ms if jumps else 0.0, db)
        spans.append((at_ms, at_ms + frames * 10))
        at_ms += frames * 10
    reader = MemoryReader(memory)
    final_db = played[-1][4]
    place_ms = data.draw(st.integers(0, 26_000))
    received = any(start - 20 <= place_ms < end + 20 for start, end in spans)
    if not reader.seek(float(place_ms), NAMES):
        return
    assert received, "a place that never came is not remembered"
    ahead = reader.frames_ahead()
    told_ms = reader.place_ms
    sound = heard(reader, min(ahead, 9_600))
    start = round(told_ms * 48)
    expected = call() * 10 ** (final_db / 20)
    lags = range(-21 * 48, 21 * 48)
    probe = sound[-min(len(sound), 400) :].astype(float)
    at = start + len(sound) - len(probe)
    errors = [
        np.abs(expected[at + lag : at + lag + len(probe)] - probe).max()
        for lag in lags
        if at + lag >= 0
    ]
    assert min(errors) <= 4, "what is heard is the call's own sound, within 20 ms of its place"


def test_levels_that_a_slow_client_did_not_take_come_later() -> None:
    took: list[tuple[str, int, int]] = []
    is_slow = False

    def take(event: m.WaveEvent) -> bool:
        if not is_slow:
            took.append((event.lane, event.start_ms, len(event.levels_db)))
        return not is_slow

    memory = CallMemory()
    memory.set_gains({name: (0.0,) for name in NAMES}, 0, 0)
    wave = Wave(memory, threading.RLock(), take)  # type: ignore[arg-type]
    for second in range(3):
        is_slow = second == 1
        receive(memory, second * 1_000, 1_000)
        wave.tick(10.0 * (second + 1))
    assert took == [(name, ms, n) for ms, n in ((0, 20), (1_000, 40)) for name in NAMES]

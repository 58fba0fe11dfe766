"""engine/audio/channel_bank.py: tracks that come and go, gate and mutes, stereo, threads."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from callplayer.engine.audio.channel_bank import DIFFER_FRAMES, ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.vendor.parties import TrackNames
from tests.audio.sound_lab import largest_step, steady

RATE_HZ = 48_000
FRAME = 480
LEVEL = 0.5
FADE_FRAMES = 240


def open_bank(*tracks: str) -> tuple[ChannelBank, Mixer]:
    """Return channels of the caller's, the gate open, and the mixer they play into."""
    bank, mixer = ChannelBank(RATE_HZ), Mixer(RATE_HZ)
    bank.connect(mixer)
    for track_id in tracks:
        bank.add(track_id, TrackNames("caller"))
    bank.set_gate(True)
    return bank, mixer


def play(bank: ChannelBank, mixer: Mixer, frames: int, *tracks: str) -> np.ndarray:
    """Let frames come for the tracks, and a card ask for as much; return what it was given."""
    heard = []
    for _ in range(frames):
        for track_id in tracks:
            bank.push(track_id, steady(LEVEL)(0, FRAME))
        out = np.zeros((FRAME, 1), dtype=np.float32)
        mixer.render(out)
        heard.append(out[:, 0])
    return np.concatenate(heard)


def test_a_track_that_ends_fades_out_and_leaves_the_mix() -> None:
    bank, mixer = open_bank("ends", "stays")
    before = play(bank, mixer, 30, "ends", "stays")
    assert before[-1] == pytest.approx(2 * LEVEL, abs=0.1)  # limited, a little
    bank.remove("ends")
    after = play(bank, mixer, 5, "ends", "stays")
    assert largest_step(np.concatenate([before[-FRAME:], after])) < 1.5 * LEVEL / FADE_FRAMES
    assert after[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert len(mixer.channels) == 2
    bank.levels(1.0)
    assert len(mixer.channels) == 1


def test_the_last_track_fades_out_too_though_nothing_comes_any_more() -> None:
    bank, mixer = open_bank("only")
    before = play(bank, mixer, 30, "only")
    bank.remove("only")
    after = play(bank, mixer, 5)
    assert largest_step(np.concatenate([before[-FRAME:], after])) < 1.5 * LEVEL / FADE_FRAMES
    assert not after[FADE_FRAMES:].any()


def test_counts_outlive_tracks_and_mixers() -> None:
    bank, mixer = open_bank("a")
    play(bank, mixer, 30, "a")
    play(bank, mixer, 10)
    assert bank.underruns == 1
    bank.remove("a")
    play(bank, mixer, 2)
    assert bank.underruns == 1
    bank.add("b", TrackNames("caller"))
    bank.disconnect()
    mixer = Mixer(44_100)
    bank.connect(mixer)
    assert bank.underruns == 1
    assert bank.received_frames == 30 * FRAME
    assert {lane.rate_hz for lane in mixer.channels} == {44_100}


def test_gate_and_mutes_hold_for_what_comes_later_too() -> None:
    bank, mixer = open_bank("a")
    bank.set_silenced(["b"])
    bank.add("b", TrackNames("callTaker"))
    assert not play(bank, mixer, 30, "b").any()
    mixer = Mixer(RATE_HZ)  # of another device
    bank.connect(mixer)
    assert not play(bank, mixer, 30, "b").any()
    bank.set_silenced([])
    assert play(bank, mixer, 30, "b").any()
    bank.set_gate(False)
    bank.add("c", TrackNames("call"))
    play(bank, mixer, 2, "b", "c")
    assert not play(bank, mixer, 30, "b", "c").any()


def test_without_a_device_nothing_piles_up() -> None:
    bank, _ = open_bank("a")
    bank.disconnect()
    for _ in range(50):
        bank.push("a", steady(LEVEL)(0, FRAME))
    assert bank.buffer_ms == 0.0


@pytest.fixture
def beside() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Do something again and again on a thread of its own; what it raises fails the test."""
    end, errors, threads = threading.Event(), [], []

    def run(work: Callable[[], None]) -> None:
        try:
            while not end.is_set():
                work()
        except BaseException as error:
            errors.append(error)

    def start(work: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=run, args=(work,)))
        threads[-1].start()

    yield start
    end.set()
    for thread in threads:
        thread.join(10.0)
    assert errors == []


def test_frames_and_blocks_go_on_while_tracks_and_gate_change(
    beside: Callable[[Callable[[], None]], None],
) -> None:
    """Frames come on the SDK's threads, blocks are asked for on the sound card's."""
    bank, mixer = open_bank("a")
    chance, pcm = random.Random(911), steady(LEVEL)(0, FRAME)
    out = np.zeros((FRAME, 1), dtype=np.float32)
    beside(lambda: bank.push("a", pcm))
    beside(lambda: bank.push("b", pcm))
    beside(lambda: mixer.render(out))
    for _ in range(150):
        match chance.randrange(5):
            case 0:
                bank.add("b", TrackNames("callTaker"))
            case 1:
                bank.remove("b")
            case 2:
                bank.set_gate(not bank.gate_open)
            case 3:
                bank.set_silenced(chance.choice(([], ["a"], ["b"])))
            case 4:
                assert all(level.rms_db < 0.0 for level in bank.levels(1.0).values())
        assert bank.buffer_ms + bank.resampler_ms >= 0.0
    bank.set_gate(False)
    blocks = mixer.rendered_frames
    while mixer.rendered_frames < blocks + 4 * FRAME:
        time.sleep(0.001)
    assert not out.any()


def stereo(left: float, right: float) -> np.ndarray:
    return np.stack([steady(left)(0, FRAME), steady(right)(0, FRAME)], axis=1)


def play_stereo(
    bank: ChannelBank, mixer: Mixer, frames: int, left: float, right: float
) -> np.ndarray:
    heard = []
    for _ in range(frames):
        bank.push("s", stereo(left, right))
        out = np.zeros((FRAME, 1), dtype=np.float32)
        mixer.render(out)
        heard.append(out[:, 0])
    return np.concatenate(heard)


def test_a_stereo_track_with_equal_channels_is_one_sound_at_full_level() -> None:
    bank, mixer = open_bank()
    bank.add("s", TrackNames("audio"))
    heard = play_stereo(bank, mixer, 40, LEVEL, LEVEL)
    assert heard[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert [lane.lane for lane in bank.layout.lanes] == ["call"]
    assert len(mixer.channels) == 1
    assert bank.received_frames == 40 * FRAME


def test_channels_that_differ_are_caller_and_call_taker_each_at_full_level() -> None:
    bank, mixer = open_bank()
    reported: list[bool] = []
    bank.on_layout = lambda: reported.append(True)
    bank.add("s", TrackNames("audio"))
    play_stereo(bank, mixer, 40, LEVEL, LEVEL)
    heard = play_stereo(bank, mixer, 40, LEVEL, -LEVEL / 2)
    assert reported == [True]
    assert heard[-1] == pytest.approx(LEVEL / 2, abs=1e-3)
    assert [lane.lane for lane in bank.layout.lanes] == ["caller", "callTaker"]
    bank.set_silenced(["s"])  # the caller
    bank.levels(0.5)  # a resampler overshoots the step to the caller's own level
    assert play_stereo(bank, mixer, 5, LEVEL, -LEVEL / 2)[-1] == pytest.approx(-LEVEL / 2, abs=1e-3)
    levels = bank.levels(1.0)
    assert levels["caller"].peak_db == pytest.approx(levels["callTaker"].peak_db + 6.0, abs=0.3)
    bank.remove("s")
    assert not bank.layout.carries
    play_stereo(bank, mixer, 3, LEVEL, LEVEL)
    bank.levels(2.0)
    assert mixer.channels == ()


def test_a_mixed_call_of_which_a_few_frames_differ_stays_one_sound() -> None:
    bank, mixer = open_bank()
    bank.add("s", TrackNames("audio"))
    for _ in range(10):
        play_stereo(bank, mixer, 40, LEVEL, LEVEL)
        play_stereo(bank, mixer, DIFFER_FRAMES - 1, LEVEL, LEVEL / 4)
        play_stereo(bank, mixer, 5, 0.0, 0.0)
    assert [lane.lane for lane in bank.layout.lanes] == ["call"]
    assert len(mixer.channels) == 1


def test_a_track_that_is_muted_stays_so_when_its_channels_part() -> None:
    bank, mixer = open_bank()
    bank.add("s", TrackNames("audio"))
    bank.set_silenced(["s"])
    assert not play_stereo(bank, mixer, 60, LEVEL, -LEVEL).any()


def test_a_stereo_track_of_one_party_is_that_party() -> None:
    bank, mixer = open_bank()
    bank.add("s", TrackNames("caller"))
    bank.add("t", TrackNames("callTaker"))
    heard = play_stereo(bank, mixer, 40, LEVEL, 0.0)
    assert heard[-1] == pytest.approx(LEVEL / 2, abs=1e-3)
    assert bank.layout.lane_of == {"s": "caller", "t": "callTaker"}


def play_tracks(bank: ChannelBank, mixer: Mixer, looks: int, **levels: float) -> float:
    """Play tracks of constant levels for so many looks at the meters; return the last sample."""
    out = np.zeros((FRAME, 1), dtype=np.float32)
    for look in range(looks):
        for _ in range(5):
            for track_id, level in levels.items():
                bank.push(track_id, steady(level)(0, FRAME))
            mixer.render(out)
        bank.levels(look * 0.05)
    return float(out[-1, 0])


def test_a_mix_beside_both_parties_own_tracks_is_not_heard_twice() -> None:
    bank, mixer = open_bank()
    for name in ("mixed", "caller", "callTaker"):
        bank.add(name, TrackNames(name))
    heard = play_tracks(bank, mixer, 20, caller=0.1, callTaker=0.05, mixed=0.15)
    assert heard == pytest.approx(0.15, abs=1e-3)
    assert [lane.lane for lane in bank.layout.lanes] == ["caller", "callTaker"]
    assert set(bank.levels(9.0)) == {"caller", "callTaker"}
    bank.remove("callTaker")  # the call taker is in the mix only
    heard = play_tracks(bank, mixer, 20, caller=0.1, mixed=0.15)
    assert heard == pytest.approx(0.25, abs=1e-3)


def test_a_mix_that_holds_more_is_heard_once_that_shows() -> None:
    bank, mixer = open_bank()
    reported: list[bool] = []
    bank.on_layout = lambda: reported.append(True)
    for name in ("mixed", "caller", "callTaker"):
        bank.add(name, TrackNames(name))
    play_tracks(bank, mixer, 20, caller=0.1, callTaker=0.0, mixed=0.1)
    assert reported == []
    heard = play_tracks(bank, mixer, 40, caller=0.0, callTaker=0.0, mixed=0.1)
    assert reported == [True]
    assert heard == pytest.approx(0.1, abs=1e-3)
    assert [lane.lane for lane in bank.layout.lanes] == ["caller", "callTaker", "call"]


def test_a_track_that_is_named_anew_takes_its_partys_place() -> None:
    bank, _ = open_bank()
    bank.add("a", TrackNames("audio", "p1"))
    bank.add("b", TrackNames("audio", "p2"))
    assert [lane.lane for lane in bank.layout.lanes] == ["call", "call-2"]
    assert not bank.rename("a", TrackNames("audio", "p1", participant_name="line 2"))
    assert bank.rename("a", TrackNames("audio", "p1", participant_name="Caller"))
    assert bank.rename("b", TrackNames("audio", "p2", '{"role": "dispatcher"}'))
    assert [lane.lane for lane in bank.layout.lanes] == ["caller", "callTaker"]
    assert not bank.rename("gone", TrackNames("caller"))


@pytest.mark.parametrize(("alone_looks", "kept"), [(1, False), (4, False), (12, True)])
def test_a_mix_that_is_left_out_is_heard_while_it_alone_has_sound(
    alone_looks: int, kept: bool
) -> None:
    """A third party speaks in it: its first words are not lost until that is sure."""
    bank, mixer = ChannelBank(RATE_HZ), Mixer(RATE_HZ)
    bank.connect(mixer)
    for name in ("caller", "callTaker", "mixed"):
        bank.add(name, TrackNames(name))
    bank.set_gate(True)
    quiet = np.zeros(FRAME, np.int16)
    now_s = itertools.count(1000.0, 0.05)

    def look(own: np.ndarray, mixed: np.ndarray) -> float:
        """Play 50 ms and look at the levels; return how loud the last 10 ms were."""
        out = np.zeros((FRAME, 1), np.float32)
        for _ in range(5):
            bank.push("caller", own)
            bank.push("callTaker", quiet)
            bank.push("mixed", mixed)
            mixer.render(out)
        bank.levels(next(now_s))
        return float(np.abs(out).max())

    tone = (np.sin(np.arange(FRAME) / 8) * 8_000).astype(np.int16)
    for _ in range(10):
        look(tone, tone)
    both = look(tone, tone)
    for _ in range(10):
        look(quiet, quiet)
    heard = [look(quiet, tone) for _ in range(alone_looks)]
    assert heard[0] < 0.01
    assert all(each > 0.1 for each in heard[4:]), "some 0.1 s and the ring"
    for _ in range(10):
        look(tone, tone)
    assert (look(tone, tone) > 1.5 * both) == kept, "else the caller is heard once"

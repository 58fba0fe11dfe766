"""The lanes of a call: what counts as a device, tracks that come and go, threads beside."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.vendor.parties import TrackNames
from tests.audio.sound_lab import largest_step, steady

RATE_HZ = 48_000
FRAME = 480
LEVEL = 0.5
FADE_FRAMES = 240


class Card:
    """An open device that asks for blocks when the test does."""

    device_name = "card"
    latency_s = 0.01

    def __init__(self) -> None:
        self.underflows = 0

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return 0.0

    def ended(self) -> bool:
        return False


def open_sound(*tracks: str) -> tuple[AudioPipeline, Mixer]:
    """Return sound with a card, tracks of the caller, and an open gate."""
    sound = AudioPipeline(RATE_HZ)
    mixer = sound._new_mixer(RATE_HZ)
    sound._output = Card()
    for track_id in tracks:
        sound.add(track_id, TrackNames("caller"))
    sound.set_gate(True)
    return sound, mixer


def play(sound: AudioPipeline, mixer: Mixer, frames: int, *tracks: str) -> np.ndarray:
    """Let frames come for the tracks, and a card ask for as much; return what it was given."""
    heard = []
    for _ in range(frames):
        for track_id in tracks:
            sound.push(track_id, steady(LEVEL)(0, FRAME))
        out = np.zeros((FRAME, 1), dtype=np.float32)
        mixer.render(out)
        heard.append(out[:, 0])
    return np.concatenate(heard)


def test_a_device_on_trial_does_not_count_as_there() -> None:
    sound = AudioPipeline(RATE_HZ)
    sound._output, sound.on_trial = Card(), True
    assert (sound.ready, sound.device_name) == (False, None)
    sound.on_trial = False
    assert (sound.ready, sound.device_name) == (True, "card")
    assert sound.detach() is not None
    assert not sound.ready


def test_what_fades_out_is_heard_for_as_long_as_the_device_holds_it() -> None:
    sound, _ = open_sound()
    assert sound.fade_s == pytest.approx(0.005 + 0.015)
    sound.detach()
    assert sound.fade_s == 0.0


def test_a_track_that_ends_fades_out_and_leaves_the_mix() -> None:
    sound, mixer = open_sound("ends", "stays")
    before = play(sound, mixer, 30, "ends", "stays")
    assert before[-1] == pytest.approx(2 * LEVEL, abs=0.1)  # limited, a little
    sound.remove("ends")
    after = play(sound, mixer, 5, "ends", "stays")
    assert largest_step(np.concatenate([before[-FRAME:], after])) < 1.5 * LEVEL / FADE_FRAMES
    assert after[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert len(mixer.lanes) == 2
    sound.levels(1.0)
    assert len(mixer.lanes) == 1


def test_the_last_track_fades_out_too_though_nothing_comes_any_more() -> None:
    sound, mixer = open_sound("only")
    before = play(sound, mixer, 30, "only")
    sound.remove("only")
    after = play(sound, mixer, 5)
    assert largest_step(np.concatenate([before[-FRAME:], after])) < 1.5 * LEVEL / FADE_FRAMES
    assert not after[FADE_FRAMES:].any()


def test_counts_outlive_tracks_and_devices() -> None:
    sound, mixer = open_sound("a")
    play(sound, mixer, 30, "a")
    play(sound, mixer, 10)
    assert sound.underruns == 1
    sound.remove("a")
    play(sound, mixer, 2)
    assert sound.underruns == 1
    sound.add("b", TrackNames("caller"))
    sound._output.underflows = 3
    assert sound.device_underflows == 3
    sound.detach()
    mixer = sound._new_mixer(44_100)
    sound._output = Card()
    assert (sound.underruns, sound.device_underflows) == (1, 3)
    assert sound.received_frames == 30 * FRAME
    assert {lane.rate_hz for lane in mixer.lanes} == {44_100}


def test_gate_and_mutes_hold_for_what_comes_later_too() -> None:
    sound, mixer = open_sound("a")
    sound.set_silenced(["b"])
    sound.add("b", TrackNames("callTaker"))
    assert not play(sound, mixer, 30, "b").any()
    mixer = sound._new_mixer(RATE_HZ)  # another device
    assert not play(sound, mixer, 30, "b").any()
    sound.set_silenced([])
    assert play(sound, mixer, 30, "b").any()
    sound.set_gate(False)
    sound.add("c", TrackNames("call"))
    play(sound, mixer, 2, "b", "c")
    assert not play(sound, mixer, 30, "b", "c").any()


def test_without_a_device_nothing_piles_up() -> None:
    sound, _ = open_sound("a")
    sound.detach()
    for _ in range(50):
        sound.push("a", steady(LEVEL)(0, FRAME))
    assert sound.buffer_ms == 0.0


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
    sound, mixer = open_sound("a")
    chance, pcm = random.Random(911), steady(LEVEL)(0, FRAME)
    out = np.zeros((FRAME, 1), dtype=np.float32)
    beside(lambda: sound.push("a", pcm))
    beside(lambda: sound.push("b", pcm))
    beside(lambda: mixer.render(out))
    for _ in range(150):
        match chance.randrange(5):
            case 0:
                sound.add("b", TrackNames("callTaker"))
            case 1:
                sound.remove("b")
            case 2:
                sound.set_gate(not sound.gate_open)
            case 3:
                sound.set_silenced(chance.choice(([], ["a"], ["b"])))
            case 4:
                assert all(level.rms_db < 0.0 for level in sound.levels(1.0).values())
        assert sound.delay_ms >= 0.0
    sound.set_gate(False)
    blocks = mixer.rendered_frames
    while mixer.rendered_frames < blocks + 4 * FRAME:
        time.sleep(0.001)
    assert not out.any()


def stereo(left: float, right: float) -> np.ndarray:
    return np.stack([steady(left)(0, FRAME), steady(right)(0, FRAME)], axis=1)


def play_stereo(
    sound: AudioPipeline, mixer: Mixer, frames: int, left: float, right: float
) -> np.ndarray:
    heard = []
    for _ in range(frames):
        sound.push("s", stereo(left, right))
        out = np.zeros((FRAME, 1), dtype=np.float32)
        mixer.render(out)
        heard.append(out[:, 0])
    return np.concatenate(heard)


def test_a_stereo_track_with_equal_channels_is_one_sound_at_full_level() -> None:
    sound, mixer = open_sound()
    sound.add("s", TrackNames("audio"))
    heard = play_stereo(sound, mixer, 40, LEVEL, LEVEL)
    assert heard[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert [lane.lane for lane in sound.layout.lanes] == ["call"]
    assert len(mixer.lanes) == 1
    assert sound.received_frames == 40 * FRAME


def test_channels_that_differ_are_caller_and_call_taker_each_at_full_level() -> None:
    sound, mixer = open_sound()
    told: list[bool] = []
    sound.on_split = lambda: told.append(True)
    sound.add("s", TrackNames("audio"))
    play_stereo(sound, mixer, 40, LEVEL, LEVEL)
    heard = play_stereo(sound, mixer, 40, LEVEL, -LEVEL / 2)
    assert told == [True]
    assert heard[-1] == pytest.approx(LEVEL / 2, abs=1e-3)
    assert [lane.lane for lane in sound.layout.lanes] == ["caller", "callTaker"]
    sound.set_silenced(["s"])  # the caller
    assert play_stereo(sound, mixer, 5, LEVEL, -LEVEL / 2)[-1] == pytest.approx(
        -LEVEL / 2, abs=1e-3
    )
    levels = sound.levels(1.0)
    assert levels["caller"].peak_db == pytest.approx(levels["callTaker"].peak_db + 6.0, abs=0.3)
    sound.remove("s")
    assert not sound.layout.carries
    play_stereo(sound, mixer, 3, LEVEL, LEVEL)
    sound.levels(2.0)
    assert mixer.lanes == ()


def test_a_track_that_is_muted_stays_so_when_its_channels_part() -> None:
    sound, mixer = open_sound()
    sound.add("s", TrackNames("audio"))
    sound.set_silenced(["s"])
    assert not play_stereo(sound, mixer, 60, LEVEL, -LEVEL).any()


def test_a_stereo_track_of_one_party_is_that_party() -> None:
    sound, mixer = open_sound()
    sound.add("s", TrackNames("caller"))
    sound.add("t", TrackNames("callTaker"))
    heard = play_stereo(sound, mixer, 40, LEVEL, 0.0)
    assert heard[-1] == pytest.approx(LEVEL / 2, abs=1e-3)
    assert sound.layout.lane_of == {"s": "caller", "t": "callTaker"}

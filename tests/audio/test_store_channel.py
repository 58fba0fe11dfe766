"""A channel that is filled from a store: what is replaced is heard in the next block."""

from __future__ import annotations

import numpy as np
import pytest

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.audio.ring import Samples
from callplayer.engine.audio.store_channel import StoreChannel
from callplayer.engine.session.recall.replay_bank import ReplayBank
from callplayer.vendor.parties import TrackNames
from tests.audio.sound_lab import RATE_HZ, largest_step

BLOCK = 480
FADE = 240


def sine(hz: float, frames: int, first: int = 0) -> Samples:
    at_s = (first + np.arange(frames)) / RATE_HZ
    return np.asarray(0.5 * np.sin(2 * np.pi * hz * at_s), np.float32)


def asked(channel: StoreChannel, blocks: int = 1) -> Samples:
    bus = np.zeros((blocks, BLOCK), np.float32)
    for number in range(blocks):
        channel.mix_into(bus[number], number * 0.01)
    return bus.reshape(-1)


def test_what_replaces_is_heard_in_the_next_block_without_a_click() -> None:
    channel = StoreChannel(RATE_HZ, RATE_HZ, 8192, 0.1)
    channel.replace(sine(200, 9_600))
    before = asked(channel, 4)
    assert largest_step(before) < 0.02
    channel.replace(sine(1_000, 9_600))
    after = asked(channel, 4)
    assert largest_step(np.concatenate((before[-10:], after))) < 0.12
    wanted = sine(1_000, 9_600)
    late = min(
        range(64), key=lambda by: np.abs(after[FADE + by :][:900] - wanted[FADE:][:900]).max()
    )
    assert np.abs(after[FADE + late :][:900] - wanted[FADE:][:900]).max() < 0.01


def test_samples_go_through_as_they_are_however_much_waits() -> None:
    channel = StoreChannel(RATE_HZ, RATE_HZ, 8192, 0.2)
    sound = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    sound = np.convolve(sound, np.ones(8, np.float32) / 8, "same").astype(np.float32)
    channel.replace(sound[:12_000])
    heard, at = [asked(channel)], 12_000
    while at < len(sound):
        lacking = min(max(channel.lacking_frames, 0), len(sound) - at)
        channel.write(sound[at : at + lacking])
        at += lacking
        heard.append(asked(channel))
    out = np.concatenate(heard)[4_800:40_000]
    lag = min(range(-40, 41), key=lambda by: np.abs(out - sound[4_800 + by :][: len(out)]).max())
    assert np.abs(out - sound[4_800 + lag :][: len(out)]).max() < 0.003
    assert (channel.underruns, channel.trimmed_frames) == (0, 0)


def test_what_waits_is_reported_and_what_was_cut_away_does_not_count() -> None:
    channel = StoreChannel(RATE_HZ, RATE_HZ, 8192, 0.1)
    channel.replace(sine(200, 9_600))
    asked(channel)
    assert channel.waiting_s(BLOCK / RATE_HZ) == pytest.approx((9_600 - BLOCK) / RATE_HZ)
    for stood_s in (0.1, 1e6):
        assert channel.waiting_s(stood_s) == pytest.approx((9_600 - BLOCK) / RATE_HZ), "it stands"
    channel.replace(sine(300, 2_400))
    assert channel.waiting_s(BLOCK / RATE_HZ) == pytest.approx(2_400 / RATE_HZ)
    assert channel.lacking_frames == 4_800 + BLOCK - 2_400


def test_the_tracks_are_set_aside_while_memory_is_heard_and_come_back() -> None:
    bank, mixer = ChannelBank(RATE_HZ), Mixer(RATE_HZ)
    bank.connect(mixer)
    bank.add("t1", TrackNames("caller"))
    bank.set_gate(True)
    replay = ReplayBank(RATE_HZ, bank)
    replay.prepare(["caller"])
    frame = np.full(480, 8_000, np.int16)
    out = np.zeros((BLOCK, 1), np.float32)
    for _ in range(20):
        bank.push("t1", frame)
        mixer.render(out)
    assert out.mean() == pytest.approx(8_000 / 32_768, abs=0.01)
    replay.start({"caller": np.zeros(4_800, np.float32)}, lambda _name: False)
    for _ in range(4):
        bank.push("t1", frame)
        mixer.render(out)
    assert not out.any(), "only the memory is heard, and that is silent here"
    replay.stop()
    replay.give_way()
    for _ in range(20):
        bank.push("t1", frame)
        mixer.render(out)
    assert out.mean() == pytest.approx(8_000 / 32_768, abs=0.01)

"""engine/session/pipeline.py: what counts as an open device, and what it still plays."""

from __future__ import annotations

import pytest

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.session.pipeline import AudioPipeline

RATE_HZ = 48_000


class Card:
    """An open device that asks for blocks when the test does."""

    device_name = "card"
    latency_s = 0.01
    closes = True

    def __init__(self) -> None:
        self.underflows = 0
        self.takes_latency = True

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return 0.0

    def take_gap_s(self) -> float:
        return 0.0

    def ended(self) -> bool:
        return False


def with_card() -> tuple[AudioPipeline, Card]:
    pipeline, card = AudioPipeline(RATE_HZ), Card()
    pipeline.attach(card, Mixer(RATE_HZ))
    return pipeline, card


def test_a_device_on_trial_does_not_count_as_there() -> None:
    pipeline, card = with_card()
    pipeline.on_trial = True
    assert (pipeline.ready, pipeline.device_name) == (False, None)
    pipeline.on_trial = False
    assert (pipeline.ready, pipeline.device_name) == (True, "card")
    assert pipeline.detach() is card
    assert not pipeline.ready


def test_what_fades_out_is_heard_for_as_long_as_the_device_holds_it() -> None:
    pipeline, _ = with_card()
    assert pipeline.fade_s == pytest.approx(0.005 + 0.015)
    pipeline.detach()
    assert pipeline.fade_s == 0.0


def test_underflows_outlive_the_device() -> None:
    pipeline, card = with_card()
    card.underflows = 3
    assert pipeline.device_underflows == 3
    pipeline.detach()
    pipeline.attach(Card(), Mixer(44_100))
    assert pipeline.device_underflows == 3


def test_for_more_latency_only_a_device_that_takes_it_is_opened_anew() -> None:
    for takes_latency in (True, False):
        pipeline, card = with_card()
        card.takes_latency, card.underflows = takes_latency, 100
        assert pipeline.wants_other_latency(10.0, unheard=False) is takes_latency

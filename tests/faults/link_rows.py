"""A link that is cut, lossy, slow, or lets no UDP through."""

from __future__ import annotations

import time

from tests.faults.play import Outcome
from tests.faults.rig import Rig
from tests.rig.packet_relay import Impairment

LOST = "connection broke|room is gone|no sound comes"


def link_down(rig: Rig, row: str, *, down_s: float, wishes: bool = False) -> Outcome:
    """Nothing comes through for a while."""
    with rig.play_far() as play:
        play.broke()
        rig.link.set_up(False)
        time.sleep(down_s / 2)
        if wishes:
            play.wish(70_000, 30_000, 95_000)
        time.sleep(down_s / 2)
        play.mended()
        rig.link.set_up(True)
        play.wait_back()
        return play.outcome(row, says=LOST, names_next_try=down_s > 30)


def loss(rig: Rig, row: str, *, percent: float, for_s: float) -> Outcome:
    """Many packets are lost, both ways."""
    with rig.play_far() as play:
        play.broke()
        rig.link.impair(Impairment(loss_percent=percent))
        time.sleep(for_s)
        play.mended()
        rig.link.impair(Impairment())
        play.wait_back()
        return play.outcome(row, says="", breaks=False)


def delay(rig: Rig, row: str, *, delay_ms: float, for_s: float) -> Outcome:
    """All packets take long, from one moment on, both ways."""
    with rig.play_far() as play:
        play.broke()
        rig.link.impair(Impairment(delay_ms=delay_ms))
        play.wait_lost()
        time.sleep(for_s)
        play.wait_back()
        return play.outcome(row, says=LOST)


def udp_blocked(rig: Rig, row: str) -> Outcome:
    """A firewall begins to drop UDP; media must go over TCP."""
    with rig.play_far() as play:
        play.broke()
        rig.link.impair(Impairment(udp_blocked=True))
        play.wait_lost()
        play.wait_back(60.0)
        return play.outcome(row, says=LOST)


def udp_never(rig: Rig, row: str) -> Outcome:
    """UDP never came through: the call must begin over TCP all the same."""
    began_s = time.monotonic()
    with rig.play_far(Impairment(udp_blocked=True)) as play:
        took_s = play.settled_s - began_s
        play.broke()
        play.wait_back()
        outcome = play.outcome(row, says="", breaks=False)
        return outcome.with_note(f"begins over TCP, {took_s:.1f} s after the start")

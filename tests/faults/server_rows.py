"""Servers that die and come back."""

from __future__ import annotations

import time

from tests.faults.play import Outcome
from tests.faults.rig import Rig, kill

LOST = "connection broke|room is gone|no sound comes|has left"


def livekit_killed(rig: Rig, row: str, *, gone_s: float, wishes: bool = False) -> Outcome:
    """livekit-server is killed and started again."""
    with rig.play_served() as play:
        livekit = rig.served.livekit
        play.broke()
        livekit.kill()
        lost = play.wait_lost()
        if wishes:
            play.wish(70_000, 30_000, 95_000)
        time.sleep(max(gone_s - (lost["as_of_s"] - play.broke_s), 0.0))
        play.mended()
        livekit.start()
        play.wait_back()
        return play.outcome(row, says=LOST, names_next_try=gone_s > 10)


def service_killed(rig: Rig, row: str, *, gone_s: float, paused: bool = False) -> Outcome:
    """The service is killed with its bots, and started again."""
    with rig.play_served(paused=paused) as play:
        play.broke()
        kill(rig.served.service.process.pid)
        play.wait_lost()
        if not paused:
            play.wish(70_000, 30_000)
        time.sleep(gone_s)
        play.mended()
        rig.served.restart()
        play.wait_back()
        return play.outcome(row, says=LOST)

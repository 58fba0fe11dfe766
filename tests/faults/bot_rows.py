"""A vendor whose bot misbehaves in a room that stands, and tokens that end early."""

from __future__ import annotations

import time
from typing import Any

from tests.faults.play import Outcome
from tests.faults.rig import Rig

PASSING_MS = frozenset((70_000, 30_000))
"""Wishes typed before the last one: they must not be sent."""


def away(
    rig: Rig, row: str, *, what: str, says: str, for_s: float, wishes: bool = False
) -> Outcome:
    """The bot, its tracks or its sound are gone for a while."""
    with rig.play_vendor() as (play, vendor):
        play.broke()
        vendor.talk({what: False})
        play.wait_lost()
        asked = len(vendor.talk({"report": True})["asked"])
        if wishes:
            play.wish(*PASSING_MS, 95_000)
        time.sleep(for_s)
        play.mended()
        vendor.talk({what: True})
        play.wait_back()
        report = vendor.talk({"report": True})
        asked_for = {command.get("position") for command in report["asked"][asked:]}
        outcome = play.outcome(row, says=says)
        return outcome.but("a wish that was passed was sent") if asked_for & PASSING_MS else outcome


def sound_never_back(rig: Rig, row: str) -> Outcome:
    """The sound stops for good in this room: only a new bot has it again."""
    with rig.play_vendor() as (play, vendor):
        play.broke()
        vendor.talk({"sound": False})
        play.wait_lost()
        play.engine.wait_for(
            lambda e: e["event"] == "state" and "room is gone" in e["detail"], 20.0, play.broke_s
        )
        play.mended()
        vendor.talk({"sound": True})
        play.wait_back()
        return play.outcome(row, says="no sound comes")


def status_stops(rig: Rig, row: str, *, for_s: float) -> Outcome:
    """The bot sends no status any more, and plays on."""
    with rig.play_vendor() as (play, vendor):
        play.broke()
        vendor.talk({"status": False})
        reported = play.wait_lost()
        outcome_wrong = "" if reported["phase"] == "playing" else f"it is {reported['phase']}"
        time.sleep(for_s)
        play.mended()
        vendor.talk({"status": True})
        play.wait_back()
        outcome = play.outcome(row, says="does not say any more", breaks=False)
        return outcome.but(outcome_wrong) if outcome_wrong else outcome


def token_refused(rig: Rig, row: str, *, times: int) -> Outcome:
    """The room server refuses a token that the API has just made: once, or for good."""
    with rig.play_vendor() as (play, vendor):
        vendor.talk({"bad_tokens": times})
        play.broke()
        vendor.talk({"close_room": True})
        play.mended()
        says = "room server refuses the stream token"
        if times > 1:
            return play.failure(row, exit_code=3, code="sign-in-refused", says=says)
        play.wait_lost()
        play.wait_back()
        return play.outcome(row, says=says, names_next_try=True)


def tokens_end(rig: Rig, row: str, *, lasts_s: float) -> Outcome:
    """Access and stream token end in mid-call, and the room is lost: twice."""
    with rig.play_vendor(access_s=lasts_s, stream_s=lasts_s) as (play, vendor):
        first: dict[Any, Any] = vendor.talk({"report": True})
        for _ in range(2):
            time.sleep(lasts_s)
            play.broke()
            vendor.talk({"close_room": True})
            play.mended()
            play.wait_back()
        last = vendor.talk({"report": True})
        renewed = last["sign_ins"] - first["sign_ins"], last["grants"] - first["grants"]
        outcome = play.outcome(row, says="room is gone")
        return outcome if min(renewed) >= 2 else outcome.but(f"renewed {renewed} times")

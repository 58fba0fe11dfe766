"""Which lane's level stands at which party: a party may share its sound with the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from callplayer.ipc.messages import LaneState
from callplayer.vendor.parties import PARTIES, Party


class PartyMeter(msgspec.Struct, frozen=True):
    """A party's meter: the `lane` it shows, and what it is called.

    Without a lane there is none: `label`, and `text` (`short` in a few cells), say where the
    party's sound is shown.
    """

    lane: str | None
    label: str
    text: str = ""
    short: str = ""


OWN = "level"
MIXED = "mixed"
SHARED = PartyMeter(None, MIXED, "with the caller: the meter above", "same sound")
BY_WORDS = PartyMeter(None, "mixed", "who speaks, by the transcript", "by words")
"""Beside the lane of words, where a mixed sound has one."""

NONE = PartyMeter(None, OWN, "no sound of its own", "no sound")


def meters_of(lanes: Sequence[LaneState]) -> dict[Party, PartyMeter]:
    """Return each party's meter: of its own sound, or else of what it may be in.

    One mixed sound has one meter, which stands at the first party; of two sounds that may hold both
    parties each has one, called by its number.
    """
    own = {each.carries[0]: each.lane for each in lanes if len(each.carries) == 1}
    shared = [each.lane for each in lanes if len(each.carries) > 1]
    numbered = len(shared) > 1
    meters: dict[Party, PartyMeter] = {}
    for party in PARTIES:
        if party in own or not lanes:
            meters[party] = PartyMeter(own.get(party, party), OWN)
        elif shared:
            number = len([each for each in meters.values() if each.label != OWN]) + 1
            label = f"track {number}" if numbered else MIXED
            meters[party] = PartyMeter(shared.pop(0), label)
        else:
            mixed = any(len(each.carries) > 1 for each in lanes)
            meters[party] = SHARED if mixed else NONE
    return meters

"""The volumes at the server that what comes was received with. Pure."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from callplayer.engine.memory.stretch import GainsDb


class _AskedVolume(NamedTuple):
    """Volumes asked for: what comes may have them from `first` on, and has them from `sure`."""

    first: int
    sure: int
    gains_db: GainsDb


class Volumes:
    """Which volumes a lane's samples have, by their numbers."""

    def __init__(self, gains_db: GainsDb) -> None:
        self._asked: deque[_AskedVolume] = deque([_AskedVolume(0, 0, gains_db)])

    @property
    def newest_db(self) -> GainsDb:
        """Return the volumes that the server was asked for last."""
        return self._asked[-1].gains_db

    @property
    def change(self) -> bool:
        """Return whether it is not yet sure that they are had."""
        return len(self._asked) > 1

    def take(self, first: int, sure: int, gains_db: GainsDb) -> None:
        """Samples may have other volumes from `first` on, and have them from `sure` on."""
        self._asked.append(_AskedVolume(first, sure, gains_db))

    def at(self, sample: int) -> GainsDb:
        """Return the volumes of what comes now: of several that it may have the loudest.

        So it is heard too soft for a moment, and never too loud.
        """
        asked = self._asked
        while len(asked) > 1 and asked[1].sure <= sample:
            asked.popleft()
        may_be = [each.gains_db for each in asked if each.first <= sample or each is asked[0]]
        if len({len(each) for each in may_be}) > 1:  # a lane that has come to hold other parties
            return may_be[-1]
        return tuple(map(max, zip(*may_be, strict=True)))


def step_factor(before_db: GainsDb, after_db: GainsDb) -> float:
    """Return the factor from sound at some volumes to the same sound at others."""
    if not before_db or len(before_db) != len(after_db):
        return 1.0
    return float(10 ** ((after_db[0] - before_db[0]) / 20))

"""Which parties the tracks of a room carry, and which lanes of sound they make. Pure.

A part is what the player can hear and silence by itself: a track, or one of the two channels of a
stereo track, which are caller (left) and call taker (right).
"""

from __future__ import annotations

from collections.abc import Iterable

from callplayer.ipc.messages import LaneState
from callplayer.vendor.parties import (
    BOTH,
    CALL_TAKER,
    CALLER,
    NEITHER,
    PARTIES,
    Carries,
    TrackNames,
    carriage,
    is_named_mix,
)

MIXED_LANE = "call"
OTHER_LANE = "other"


class TrackLayout:
    """The tracks of a room. `carries` has an entry a part, `lane_of` too.

    `left_out` are the mixes beside tracks of either party's own: with them each party would be
    heard twice. They have no entry and no lane. Where such a mix turns out to have sound of its
    own, as a third party's, `keep` has it heard.
    """

    def __init__(self) -> None:
        self._names: dict[str, TrackNames] = {}
        self._split: set[str] = set()
        self._kept: set[str] = set()
        self.left_out: frozenset[str] = frozenset()
        self._seen: Carries = NEITHER
        self.carries: dict[str, Carries] = {}
        self.lane_of: dict[str, str] = {}
        self.lanes: tuple[LaneState, ...] = ()

    def add(self, track_id: str, names: TrackNames) -> None:
        """A track has come, or is named anew."""
        self._names[track_id] = names
        self._update()

    def remove(self, track_id: str) -> None:
        """A track has ended."""
        self._names.pop(track_id, None)
        self._split.discard(track_id)
        self._kept.discard(track_id)
        self._update()

    def keep(self, track_id: str) -> None:
        """A mix that is left out has turned out to hold more than the parties' own tracks."""
        self._kept.add(track_id)
        self._update()

    def split(self, track_id: str) -> None:
        """The channels of a stereo track have turned out to differ."""
        self._split.add(track_id)
        self._update()

    def forget(self) -> None:
        """Another room: what the tracks of the last one were says nothing of this one's."""
        self._seen = NEITHER
        self._update()

    @property
    def own(self) -> Carries:
        """Return the parties that have tracks of their own here and now."""
        return NEITHER.union(*(each for each in self.carries.values() if len(each) == 1))

    @property
    def seen(self) -> Carries:
        """Return the parties that have, or had, tracks of their own in this room."""
        return self._seen

    def may_split(self, track_id: str) -> bool:
        """Return whether a track that turns out to be stereo holds one party in each channel.

        The channels of a track that holds one party are that party's, both of them.
        """
        return self.carries.get(track_id) == BOTH

    def _update(self) -> None:
        of_tracks = carriage(self._names, self._seen)
        self.carries = {}
        for track_id, carries in of_tracks.items():
            if track_id in self._split:
                self.carries |= {left(track_id): CALLER, right(track_id): CALL_TAKER}
            else:
                self.carries[track_id] = carries
        self.left_out = self._doubled()
        self.carries = {p: each for p, each in self.carries.items() if p not in self.left_out}
        if self.own == BOTH:
            self._seen = BOTH
        self.lane_of = _lanes_of(self.carries)
        self.lanes = tuple(self._lane_states())

    def _doubled(self) -> frozenset[str]:
        if self.own != BOTH:
            return frozenset()
        return frozenset(
            track_id
            for track_id, names in self._names.items()
            if self.carries.get(track_id) == BOTH
            and track_id not in self._kept
            and is_named_mix(names)
        )

    def _lane_states(self) -> Iterable[LaneState]:
        """Return the lanes in the order they are drawn: each party's own, then what is shared."""
        names = list(self.lane_of.values())
        for party in PARTIES:
            if party in names or party in self._seen:
                yield LaneState(lane=party, carries=(party,), tracks=names.count(party))
        for name in dict.fromkeys(names):
            if name not in PARTIES:
                carries = () if name == OTHER_LANE else PARTIES
                yield LaneState(lane=name, carries=carries, tracks=names.count(name))


def left(track_id: str) -> str:
    """Return the name of a stereo track's first part: the track's own."""
    return track_id


def right(track_id: str) -> str:
    """Return the name of a stereo track's second part."""
    return f"{track_id} right"


def _lanes_of(carries: dict[str, Carries]) -> dict[str, str]:
    """Return the lane of each part; each track that may hold both parties has one of its own."""
    lanes: dict[str, str] = {}
    mixed = 0
    for part, each in carries.items():
        if each == BOTH:
            mixed += 1
            lanes[part] = MIXED_LANE if mixed == 1 else f"{MIXED_LANE}-{mixed}"
        else:
            lanes[part] = next(iter(each), OTHER_LANE)
    return lanes

"""Samples of one lane without a break, and their place in the call. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from callplayer.recordings.samples import SAMPLE_RATE_HZ

FRAMES_PER_MS = SAMPLE_RATE_HZ / 1000

GainsDb = tuple[float, ...]


@dataclass(slots=True, eq=False)
class Stretch:
    """Samples `first` to `end` without a break; `place_ms` is the first one's, from the call's
    start.

    `gains_db` are the volumes at the server that they were received with. `following` goes on at
    the end of this one. Of what `is_suspect` some was made up or lacks, of what `is_broken` so much
    that words may be gone. `fades_from` is the sample whose sound fades out over the first 5 ms,
    `fades_gain` times as loud as it is stored, so that it fits.
    `cut_to` is what goes before this one where all of this one turned out to be made up. What this
    one was joined to ended at `ended_before`. `anchors` is how often the server had to be asked for
    what its place rests on: each time what is reported is off otherwise.
    """

    first: int
    end: int
    place_ms: float
    gains_db: GainsDb = ()
    is_suspect: bool = False
    is_broken: bool = False
    following: Stretch | None = None
    fades_from: int | None = None
    fades_gain: float = 1.0
    cut_to: Stretch | None = None
    ended_before: int | None = None
    anchors: int = 1

    def place_of(self, sample: int) -> float:
        """Return the place of a sample, in ms."""
        return self.place_ms + (sample - self.first) / FRAMES_PER_MS

    @property
    def end_ms(self) -> float:
        """Return the place where it ends, or the next one goes on."""
        end_ms = self.place_of(max(self.end, self.first))
        following = self.following
        return end_ms if following is None else max(end_ms, following.place_ms)

    @property
    def whole_end(self) -> int:
        """Return the sample where it ended before another was joined to it."""
        before = self.following.ended_before if self.following is not None else None
        return self.end if before is None else before

    def onwards(self) -> Iterator[Stretch]:
        """Return this one and those that go on from it."""
        each: Stretch | None = self
        while each is not None:
            yield each
            each = each.following


class Spot(NamedTuple):
    """A sample in a stretch: where a lane is read."""

    stretch: Stretch
    sample: int

    @property
    def place_ms(self) -> float:
        """Return its place in the call."""
        return self.stretch.place_of(self.sample)

    def settled(self) -> Spot:
        """Return the same spot where its stretch was split, joined to another or cut away since."""
        stretch, sample = self
        while True:
            following, cut_to = stretch.following, stretch.cut_to
            if cut_to is not None:
                stretch, sample = cut_to, cut_to.whole_end
            elif following is not None and following.first == stretch.end < sample:
                stretch = following
            elif following is not None and following.fades_from == stretch.end < sample:
                beyond = min(sample, stretch.whole_end) - stretch.end
                stretch, sample = following, following.first + beyond
            else:
                return Spot(stretch, sample)

"""One lane's past: its samples, and the stretches that say where in the call they belong. Pure.

Counting samples inside an unbroken stretch is exact; where it begins is known from the cursor, by
the median of what is reported in its first second. A stretch ends at a jump or a pause. One that
only has another place, gain or grade from here on goes on without a seam in the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.reports import LEAP_MS, PlaceReports
from callplayer.engine.memory.sample_store import SampleStore
from callplayer.engine.memory.stretch import FRAMES_PER_MS, GainsDb, Spot, Stretch
from callplayer.engine.memory.volumes import Volumes, step_factor
from callplayer.recordings.samples import SAMPLE_RATE_HZ

JOIN_FRAMES = SAMPLE_RATE_HZ // 200
"""A join fades over 5 ms."""


class VoiceMemory:
    """What one lane has received. `gains_db` are the volumes at the server."""

    def __init__(self, gains_db: GainsDb = ()) -> None:
        self.store = SampleStore()
        self.stretches: list[Stretch] = []
        self._volumes = Volumes(gains_db)
        self._open: Stretch | None = None
        self._reports = PlaceReports()

    # --- what comes -------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Return whether what comes next goes on without a seam."""
        return self._open is not None

    @property
    def newest(self) -> Stretch | None:
        """Return the stretch that grows, or None."""
        return self._open

    def append(self, pcm: Pcm, place_ms: float, *, is_news: bool = True) -> None:
        """Take a frame; `place_ms` is that of the sample after it, of use where it `is_news`."""
        written, frames = self.store.written, len(pcm)
        if self._open is None:
            start_ms = place_ms - frames / FRAMES_PER_MS
            self._open = Stretch(written, written, start_ms, self._volumes.at(written))
            self.stretches.append(self._open)
            self._reports.begin()
            is_news = True
        elif self._volumes.change and self._open.gains_db != self._volumes.at(written):
            self._go_on()
        self.store.append(pcm)
        self._open.end = self.store.written
        if is_news:
            self._take_place(self._open, place_ms)

    def close(self) -> None:
        """The sound breaks off: what comes next is of another place."""
        closed, self._open = self._open, None
        if closed is None or closed.end > closed.first:
            return
        # It was joined on, and what was to follow has not come.
        self.stretches.remove(closed)
        for each in self.stretches:
            if each.following is closed:
                each.following, closed.cut_to = None, each
                each.end = max(each.end, closed.ended_before or 0)

    def cut(self, frames: int) -> None:
        """The last `frames`, as far as there are any, were made up: no sound of the call."""
        start = self.store.written - frames
        while self._open is not None:
            opened = self._open
            opened.end = max(min(opened.end, start), opened.first)
            self.close()
            self._open = opened.cut_to

    @property
    def gains_db(self) -> GainsDb:
        """Return the volumes that the server was asked for last."""
        return self._volumes.newest_db

    def set_gains(self, gains_db: GainsDb, after_frames: int, sure_frames: int) -> None:
        """The server has been asked for other volumes.

        What comes after `after_frames` may have them, after `sure_frames` it does.
        """
        written = self.store.written
        self._volumes.take(written + after_frames, written + sure_frames, gains_db)

    def suspect(self, frames: int, *, is_broken: bool = False) -> None:
        """The last `frames` were made up in part, or lack some that were lost: more than a trifle
        if that `is_broken`."""
        start = self.store.written - frames
        for each in self.stretches[::-1]:
            if each.end <= start:
                break
            if each.is_suspect or each.end <= each.first:
                each.is_broken = each.is_broken or (is_broken and each.is_suspect)
                continue
            made_up = each
            if start > each.first:
                made_up = Stretch(start, each.end, each.place_of(start), each.gains_db)
                made_up.anchors = each.anchors
                made_up.following = each.following
                each.end, each.following = start, made_up
                self.stretches.insert(self.stretches.index(each) + 1, made_up)
            made_up.is_suspect, made_up.is_broken = True, is_broken
            if each is self._open:
                self._open = made_up
                self._go_on()

    def _unbroken(self) -> Iterator[Stretch]:
        """Return the open stretch and those that it came right after, the latest first."""
        opened = self._open
        if opened is None:
            return
        for each in self._leading_to(opened):
            if each is not opened and each.end != opened.first:
                return
            yield each
            opened = each

    @property
    def unbroken_frames(self) -> int:
        """Return how many of the last frames came without a break."""
        return self.store.written - min(
            (each.first for each in self._unbroken()), default=self.store.written
        )

    def _go_on(self, shift_ms: float = 0.0) -> None:
        """Go on without a seam: what comes now is so much further on, or has other volumes."""
        before, written = self._open, self.store.written
        assert before is not None
        gains_db, place_ms = self._volumes.at(written), before.place_of(written) + shift_ms
        if written >= before.first:
            opened = Stretch(written, written, place_ms, gains_db, anchors=before.anchors)
            before.following = self._open = opened
            self.stretches.append(opened)
            return
        # It was joined on, and what is to be heard of it is still to come.
        before.first = max(before.first - round(shift_ms * FRAMES_PER_MS), written)
        before.place_ms = place_ms + (before.first - written) / FRAMES_PER_MS
        before.fades_gain *= step_factor(before.gains_db, gains_db)
        before.gains_db = gains_db

    def _take_place(self, opened: Stretch, place_ms: float) -> None:
        """Take one more place of the sample that comes next."""
        origin_ms = place_ms - self.store.written / FRAMES_PER_MS
        moved_ms, from_now = self._reports.take(origin_ms, self._origin_ms(opened))
        if from_now:
            self._go_on(moved_ms)
        else:
            opened.place_ms += moved_ms

    def _origin_ms(self, opened: Stretch) -> float:
        return opened.place_of(self.store.written) - self.store.written / FRAMES_PER_MS

    # --- what is asked ----------------------------------------------------------------------------

    def find(
        self, place_ms: float, usable: Callable[[Stretch], bool] = lambda _: True
    ) -> Spot | None:
        """Return where a place is stored, of several the newest, or None."""
        oldest = self.store.first
        for stretch in reversed(self.stretches):
            if stretch.place_ms <= place_ms < stretch.end_ms and usable(stretch):
                sample = stretch.first + round((place_ms - stretch.place_ms) * FRAMES_PER_MS)
                sample = min(sample, stretch.end - 1)
                if oldest <= sample and stretch.first <= sample:
                    return Spot(stretch, sample)
        return None

    def first_since(self, sample: int) -> Stretch | None:
        """Return the first stretch at `sample` or after it that leads to the open one, or None."""
        first = None
        for each in self._unbroken():
            if each.first >= sample:
                first = each
        return first

    def unbroken_from(self, stretch: Stretch) -> int:
        """Return the first sample that a stretch's places can be counted back to, about.

        A jitter buffer may have moved the sound by some ms since.
        """
        first, place_ms = stretch, stretch.place_ms
        for each in reversed(self.stretches):
            follows = each.following is first and each.end == first.first
            if follows and abs(each.place_of(each.end) - place_ms) <= LEAP_MS:
                first, place_ms = each, each.place_ms
        return max(first.first, self.store.first)

    def frames_ahead(self, spot: Spot, at_most: int) -> int:
        """Return how many samples can be read on from a spot, counted up to `at_most`."""
        stretch, sample = spot.settled()
        frames = max(stretch.end - sample, 0)
        while frames < at_most and stretch.following is not None:
            stretch = stretch.following
            frames += max(stretch.end - stretch.first, 0)
        return min(frames, at_most)

    def last_of(self, spot: Spot) -> Spot:
        """Return the end of what can be read on from a spot."""
        *_, stretch = spot.settled().stretch.onwards()
        return Spot(stretch, max(stretch.end, stretch.first))

    def read(self, spot: Spot, frames: int) -> tuple[Pcm, Spot]:
        """Return up to `frames` samples from a spot on, and the spot after them."""
        parts, after = self.read_parts(spot, frames)
        return np.concatenate([pcm for pcm, _ in parts] or [np.zeros(0, np.int16)]), after

    def read_parts(self, spot: Spot, frames: int) -> tuple[list[tuple[Pcm, Stretch]], Spot]:
        """Return the same by the stretches that the samples are of."""
        parts: list[tuple[Pcm, Stretch]] = []
        stretch, sample = spot.settled()
        left = frames
        while left:
            count = min(left, max(stretch.end - sample, 0))
            if count:
                parts.append((self.read_within(stretch, sample, count), stretch))
                sample, left = sample + count, left - count
            elif stretch.following is None:
                break
            else:
                stretch = stretch.following
                sample = stretch.first
        return parts, Spot(stretch, sample)

    def read_within(self, stretch: Stretch, sample: int, count: int) -> Pcm:
        """Return samples of one stretch; where it was joined on, what was before fades out."""
        pcm = self.store.read(sample, count)
        into = sample - stretch.first
        fading = min(JOIN_FRAMES - into, count)
        if stretch.fades_from is not None and fading > 0:
            rise = (into + np.arange(fading) + 0.5) / JOIN_FRAMES
            old = self.store.read(stretch.fades_from + into, fading) * stretch.fades_gain
            mixed = np.rint(pcm[:fading] * rise + old * (1 - rise))
            pcm[:fading] = np.clip(mixed, -32_768, 32_767).astype(np.int16)
        return pcm

    # --- a new stretch that goes on where an old one ends -----------------------------------------

    def join(
        self,
        old: Stretch,
        fresh: Stretch,
        old_at_fresh: int,
        heard_to: int | None = None,
        *,
        same_to: int | None = None,
        off_ms: float | None = None,
        moved_ms: float = 0.0,
    ) -> float:
        """Have `fresh`, and what follows it, go on at the end of `old`, or before it.

        `old_at_fresh` is the sample of `old` that is the same sound as the first one of `fresh`. It
        may be that the sound has not come so far yet. The two were seen to be the same up to the
        sample `same_to` of `old`: there the seam is, but not before the sample `heard_to`. Where
        the sound did not show this, the reported places count, and are `off_ms` too low.

        Return by how much the place of `old`, and of what leads to it, was moved: what is reported
        of both counts. Without the sound it is `moved_ms`, as other lanes'.
        """
        # What was heard beyond the end was made up: there is no sound of the call to go on from.
        heard = heard_to if heard_to is not None and heard_to <= old.end else 0
        last_fits = min(old.end if same_to is None else same_to, old.end) - JOIN_FRAMES
        seam, origin = max(last_fits, old.first, heard), fresh.first
        fades = old.end - seam >= JOIN_FRAMES
        first = origin + max(seam - old_at_fresh, 0)
        while fresh.following is not None and first >= fresh.end:
            self.stretches.remove(fresh)
            fresh = fresh.following
        reported_ms = fresh.place_of(first)
        shift_ms = old.place_of(old_at_fresh + first - origin) - reported_ms
        if off_ms is not None:
            shift_ms = off_ms
        elif abs(shift_ms) <= LEAP_MS:
            moved_ms = -shift_ms / (old.anchors + 1)
        for each in self._leading_to(old):
            each.place_ms += moved_ms
        shift_ms += moved_ms
        fresh.place_ms, fresh.anchors = reported_ms + shift_ms, old.anchors + 1
        fresh.first, fresh.fades_from = first, seam if fades else None
        fresh.fades_gain = step_factor(old.gains_db, fresh.gains_db)
        fresh.ended_before = old.end
        old.end, old.following = seam, fresh
        last = fresh
        for last in fresh.onwards():
            if last is not fresh:
                last.place_ms += shift_ms
                last.anchors = fresh.anchors
        if last is self._open:
            if off_ms is not None:
                self._reports.move(shift_ms)
            else:
                self._reports.believe(self._origin_ms(last))
        return moved_ms

    def _leading_to(self, stretch: Stretch) -> Iterator[Stretch]:
        """Return a stretch and those that are read on to it, the latest first."""
        yield stretch
        for each in reversed(self.stretches):
            if each.following is stretch:
                yield each
                stretch = each

    # --- memory -----------------------------------------------------------------------------------

    def forget_dropped(self) -> None:
        """Forget stretches whose samples were dropped."""
        oldest = self.store.first
        self.stretches = [
            each for each in self.stretches if each.end > oldest or each is self._open
        ]

    def ranges_ms(self) -> list[tuple[float, float]]:
        """Return what is stored, merged, in the order of the call."""
        merged: list[tuple[float, float]] = []
        oldest = self.store.first
        spans = (
            (each.place_of(max(each.first, oldest)), each.end_ms)
            for each in self.stretches
            if each.end > max(each.first, oldest)
        )
        for start_ms, end_ms in sorted(spans):
            if merged and start_ms <= merged[-1][1] + 1.0:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end_ms))
            else:
                merged.append((start_ms, end_ms))
        return merged

"""Kept places: the bookmark that was just set, and the next one in either direction. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from callplayer.bookmarks import Bookmark

PAST_MS = 1_000
"""The search for the previous place starts this far back: the one just reached does not count."""


NOTE_S = 6.0
"""The key that set a bookmark, pressed again within this time, adds a note to it."""

STAYED_MS = 500
"""A place this far from where playing leads was reached by a jump."""


class RecentBookmark(msgspec.Struct, frozen=True):
    """The bookmark that was set last, and when (monotonic, s)."""

    bookmark: Bookmark
    at_s: float


def noted_next(
    fresh: RecentBookmark | None, kept: Sequence[Bookmark], here_ms: int, now_s: float
) -> Bookmark | None:
    """Return the bookmark that the key adds a note to; None if it sets another one.

    That is the one just set, unless it was removed or the cursor was moved since.
    """
    if fresh is None or now_s - fresh.at_s > NOTE_S or fresh.bookmark not in kept:
        return None
    moved_ms = here_ms - fresh.bookmark.position_ms
    stayed = -STAYED_MS <= moved_ms <= (now_s - fresh.at_s) * 1000 + STAYED_MS
    return fresh.bookmark if stayed else None


def mark_from(places_ms: Sequence[int], here_ms: int, step: int) -> int | None:
    """Return the next (1) or the last (−1) of places in order; None if there is none."""
    if step > 0:
        return next((ms for ms in places_ms if ms > here_ms), None)
    return next((ms for ms in reversed(places_ms) if ms < here_ms - PAST_MS), None)

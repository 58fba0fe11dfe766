"""The timeline of the player's screen: what is marked on it, and what pointing at it does."""

from __future__ import annotations

from callplayer.ui.screens.player.move_keys import MoveKeys
from callplayer.ui.screens.player.transcript_keys import TranscriptKeys
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.timeline_rows import Marks
from callplayer.vendor.commands import Scrub


class TimelinePointer(MoveKeys, TranscriptKeys, inherit_bindings=False):
    """Marks, clicks, the mouse over a place, and the wheel."""

    _marks = Marks()
    _marks_of: tuple[object, ...] = ()

    def on_timeline_scrubbed(self, message: Timeline.Scrubbed) -> None:
        """Move the cursor to where the user points."""
        self.request(Scrub(message.position_ms))

    def on_timeline_hovered(self, message: Timeline.Hovered) -> None:
        """Show the place that the mouse is over."""
        self.hover_column = message.column
        self.draw_time()

    def on_timeline_zoomed(self, message: Timeline.Zoomed) -> None:
        """Look closer, or from farther away."""
        self._zoom_by(message.step)

    def _marked(self, now_s: float) -> Marks:
        """Return what is marked on the timeline; the same object while nothing has changed."""
        ahead, is_live = self.view.ahead, self.view.state.phase == "live"
        speaks = ahead is not None and now_s < ahead.until_s and not is_live
        shown = ahead.speaker if ahead is not None and speaks else ""
        pointed = self._pointed()
        parts = (
            self.view.navigation.loop,
            self.likes.store.bookmarks,
            self._found.hits,
            shown,
            pointed,
        )
        if len(parts) != len(self._marks_of) or not all(map(_same, parts, self._marks_of)):
            self._marks_of = parts
            self._marks = Marks(
                loop=self.view.navigation.loop,
                bookmarks_ms=tuple(each.position_ms for each in self.likes.store.bookmarks),
                hits_ms=tuple(hit.position_ms for hit in self._found.hits),
                ahead=shown,
                pointed=pointed,
            )
        return self._marks


def _same(one: object, other: object) -> bool:
    """Return whether two parts are the same, without comparing thousands of hits one by one."""
    return one is other or (not isinstance(one, tuple) and one == other)

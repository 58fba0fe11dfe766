"""The timeline of the player's screen: how close it is looked at, what is marked, pointing."""

from __future__ import annotations

from collections.abc import Callable

from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.rules import UNKNOWN_LENGTH
from callplayer.ui.model.format import clock_text, is_growing, shown_duration_ms, shown_position_ms
from callplayer.ui.model.time_input import at_clock
from callplayer.ui.model.transcript import word_at
from callplayer.ui.model.zoom import deepest_zoom, whole_span
from callplayer.ui.widgets.rows import Part
from callplayer.ui.widgets.timeline import POINT_MOVES, Timeline
from callplayer.ui.widgets.timeline_rows import HOVERS, POINTS, Marks, PointedPlace
from callplayer.vendor.commands import Scrub

WHOLE = "The whole call is shown."
CLOSEST = "The timeline is as close as it gets."


class TimelinePointer:
    """Looks closer, points at places, and marks them; `changed` draws what came of it.

    `hover_column` is what the mouse is over: what stands there changes as the timeline does.
    `point_ms` is what the keys point at. None: neither.
    """

    def __init__(
        self, control: CallControl, timeline: Timeline, changed: Callable[[], None]
    ) -> None:
        self._control = control
        self._timeline = timeline
        self._changed = changed
        self._marks = Marks()
        self._marks_of: tuple[object, ...] = ()
        self.zoom = 0
        self.hover_column: int | None = None
        self.point_ms: int | None = None

    @property
    def title(self) -> Part:
        """What is said of the place that is pointed at, or of who speaks at the live end."""
        pointed, ahead = self._marks.pointed, self._marks.ahead
        if pointed is not None:
            return f"{POINTS if pointed.by_key else HOVERS}{pointed.text}", "strong"
        return (f"● {ahead} speaks", "play") if ahead else ("", "text")

    def draw(self, now_s: float) -> None:
        """Draw the timeline."""
        view = self._control.view
        heard_ms = shown_position_ms(view.state, now_s)
        look_ms = heard_ms if self.point_ms is None else self.point_ms
        self._timeline.show(
            view.state, now_s, self._marked(now_s), view.script, zoom=self.zoom, look_ms=look_ms
        )

    def zoom_by(self, step: int, unchanged: str = "") -> None:
        """Look `step` times twice as close; note `unchanged` if that is not possible."""
        state, now_s, before = self._control.view.state, self._control.clock(), self.zoom
        whole = whole_span(shown_duration_ms(state, now_s), is_growing(state))
        self.zoom = min(max(before + step, 0), deepest_zoom(whole))
        if unchanged and self.zoom == before:
            self._control.note(unchanged, "text")
        self._changed()

    def hover(self, column: int | None) -> None:
        """Show the place that the mouse is over."""
        self.hover_column = column
        self._changed()

    def toggle(self) -> None:
        """Point at what is heard, for the arrows to move on from there, or no more."""
        if self.point_ms is not None:
            self.stop()
        elif self._control.view.state.duration_ms <= 0:
            self._control.note(UNKNOWN_LENGTH)
        else:
            self.point_ms, self.hover_column = self._control.context().facts.here_ms, None
            self._changed()

    def stop(self) -> None:
        """Point at nothing."""
        self.point_ms = None
        self._changed()

    def press(self, key: str) -> bool:
        """Give a key to the place that is pointed at; return whether it was for it."""
        if self.point_ms is None or not self._timeline.display:
            return False
        if key == "enter":
            place_ms = self.point_ms
            self.stop()
            self._control.request(Scrub(place_ms))
        elif key in POINT_MOVES:
            self.point_ms, self.hover_column = self._timeline.moved(self.point_ms, key), None
            self._changed()
        else:
            return False
        return True

    def _pointed(self) -> PointedPlace | None:
        """Return what is pointed at, and offset, clock time and word there."""
        column = self.hover_column
        at_ms = self.point_ms if column is None else self._timeline.position_at(column)
        if at_ms is None:
            return None
        facts = self._control.context().facts
        offset = clock_text(at_ms, facts.duration_ms)
        word = word_at(self._control.view.script, at_ms, self._timeline.column_ms // 2)
        parts = (offset, at_clock(at_ms, facts), word)
        return PointedPlace(at_ms, "  ".join(part for part in parts if part), by_key=column is None)

    def _marked(self, now_s: float) -> Marks:
        """Return what is marked on the timeline; the same object while nothing has changed."""
        view = self._control.view
        ahead, is_live = view.ahead, view.state.phase == "live"
        speaks = ahead is not None and now_s < ahead.until_s and not is_live
        shown = ahead.speaker if ahead is not None and speaks else ""
        bookmarks, pointed = self._control.store.bookmarks, self._pointed()
        found = view.found
        parts = (view.navigation.loop, bookmarks, found.hits, found.at, shown, pointed)
        if len(parts) != len(self._marks_of) or not all(map(_same, parts, self._marks_of)):
            self._marks_of = parts
            self._marks = Marks(
                loop=view.navigation.loop,
                bookmarks_ms=tuple(each.position_ms for each in bookmarks),
                hits_ms=tuple(hit.position_ms for hit in found.hits),
                hit_ms=found.hit.position_ms if found.hit is not None else None,
                ahead=shown,
                pointed=pointed,
            )
        return self._marks


def _same(one: object, other: object) -> bool:
    """Return whether two parts are the same, without comparing thousands of hits one by one."""
    return one is other or (not isinstance(one, tuple) and one == other)

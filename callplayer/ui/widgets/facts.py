"""What is known of the call and its marks, beside the transcript of a wide window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from callplayer.bookmarks import Bookmark
from callplayer.text import plain_text
from callplayer.ui.model.format import hidden_phone, phone_text, when_text
from callplayer.ui.model.player import PlayerView
from callplayer.ui.widgets.bookmarks import bookmark_row
from callplayer.ui.widgets.lines import recording_text
from callplayer.ui.widgets.list_panel import title_row
from callplayer.ui.widgets.rows import Row, Rows, fit, fit_words

LABEL_CELLS = 11


class FactsPanel(Rows):
    """Shows the call's facts and its bookmarks."""

    hide_phone = False
    zone: tzinfo | None = None

    def show(self, view: PlayerView, bookmarks: Sequence[Bookmark]) -> None:
        """Draw them."""
        shown = facts_of(view, self.hide_phone, self.zone)
        duration_ms = view.state.duration_ms
        self.draw_with(lambda width, _: facts_rows(shown, bookmarks, duration_ms, width))


@dataclass(frozen=True)
class Fact:
    """A line of what is known."""

    label: str
    text: str


def facts_of(view: PlayerView, hide_phone: bool, zone: tzinfo | None) -> tuple[Fact, ...]:
    """Return what is known of the call, in full."""
    incident, state = view.incident, view.state
    facts = [Fact("recording", recording_text(state))]
    if incident is not None:
        phone = phone_text(plain_text(incident.caller_phone_number, 20))
        facts += [
            Fact("received", plain_text(when_text(incident.created_at or "", zone), 40)),
            Fact("from", hidden_phone(phone) if hide_phone else phone),
            Fact("place", plain_text(incident.location, 200)),
            Fact("incident", plain_text(incident.id, 80)),
        ]
    facts += [
        Fact("sound from", plain_text(state.device or "", 80)),
        Fact("tracks", ", ".join(plain_text(lane.lane, 30) for lane in state.lanes)),
    ]
    return tuple(fact for fact in facts if fact.text)


def facts_rows(
    facts: Sequence[Fact], bookmarks: Sequence[Bookmark], duration_ms: int, width: int
) -> list[Row]:
    """Return a line a fact, and one a bookmark."""
    rows: list[Row] = [title_row("call", width)]
    for fact in facts:
        text = fit_words(fact.text, max(width - LABEL_CELLS, 1))
        rows.append(((fit(fact.label, LABEL_CELLS), "dim"), (text, "text")))
    if bookmarks:
        rows += [(), title_row(f"bookmarks {len(bookmarks)}", width)]
    for number, each in enumerate(bookmarks, 1):
        rows.append(bookmark_row(each, number, duration_ms, width, pointed=False))
    return rows

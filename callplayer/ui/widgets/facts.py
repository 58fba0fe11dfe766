"""What is known of the call and its marks, and the keys, beside a wide window's transcript."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

import msgspec

from callplayer.bookmarks import Bookmark
from callplayer.text import plain_text
from callplayer.ui.model.format import clock_text, hidden_phone, phone_text, when_text
from callplayer.ui.model.player import PlayerView
from callplayer.ui.model.transcript import Script
from callplayer.ui.model.transcript_search import Found
from callplayer.ui.widgets.bookmarks import bookmark_row
from callplayer.ui.widgets.lines import recording_text
from callplayer.ui.widgets.list_panel import title_row
from callplayer.ui.widgets.rows import Part, Row, Rows, cells, fit, fit_words, quoted
from callplayer.ui.widgets.transcript_lines import NAME_CELLS, NAMES, SPEAKER_TONES

LABEL_CELLS = 11
MOST_HITS = 12
WORDS_BEFORE_HIT = 3


class FactsPanel(Rows):
    """Shows the call's facts, what a search has found, and the bookmarks."""

    hide_phone = False
    zone: tzinfo | None = None
    key_rows: Callable[[int], Sequence[Sequence[Row]]] = staticmethod(lambda _: ())
    """Makes the groups of keys for a width; those that have room stand below all else."""

    def show(self, view: PlayerView, bookmarks: Sequence[Bookmark]) -> None:
        """Draw them."""
        shown = facts_of(view, self.hide_phone, self.zone)
        duration_ms = view.state.duration_ms

        def build(width: int, height: int) -> list[Row]:
            rows = [
                *facts_rows(shown, width),
                *hits_rows(view.script, view.found, duration_ms, width),
                *bookmarks_rows(bookmarks, duration_ms, width),
            ]
            for group in self.key_rows(width):
                if len(rows) + 1 + len(group) <= height:
                    rows += [(), *group]
            return rows

        self.draw_with(build)


class Fact(msgspec.Struct, frozen=True):
    """A line of what is known."""

    label: str
    text: str


def facts_of(view: PlayerView, hide_phone: bool, zone: tzinfo | None) -> tuple[Fact, ...]:
    """Return what is known of the call, in full."""
    incident, state = view.incident, view.state
    facts = [Fact("recording", recording_text(state).removeprefix("recording "))]
    if incident is None:
        facts.append(Fact("incident", plain_text(view.asked_id, 80)))
    else:
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


def facts_rows(facts: Sequence[Fact], width: int) -> list[Row]:
    """Return a line a fact."""
    rows: list[Row] = [title_row("call", width)] if facts else []
    for fact in facts:
        text = fit_words(fact.text, max(width - LABEL_CELLS, 1))
        rows.append(((fit(fact.label, LABEL_CELLS), "dim"), (text, "text")))
    return rows


def hits_rows(script: Script, found: Found, duration_ms: int, width: int) -> list[Row]:
    """Return a line a hit around the one that was gone to last; none where nothing is found."""
    hits = found.hits
    if not hits:
        return []
    rows: list[Row] = [(), title_row(f"hits {len(hits)}", width)]
    first = max(min(found.at - MOST_HITS // 2, len(hits) - MOST_HITS), 0)
    for at, hit in enumerate(hits[first : first + MOST_HITS], first):
        said = script.utterances[hit.utterance]
        words = " ".join(word.text for word in said.words[max(hit.first - WORDS_BEFORE_HIT, 0) :])
        row: list[Part] = [
            (f"{'▸' if at == found.at else ' '}{at + 1:>3} ", "ask"),
            (f"{clock_text(hit.position_ms, duration_ms):>9}  ", "text"),
            (f"{NAMES[said.speaker]:<{NAME_CELLS}}", SPEAKER_TONES[said.speaker]),
        ]
        rows.append((*row, (quoted(words, width - cells(row)), "text")))
    return rows


def bookmarks_rows(bookmarks: Sequence[Bookmark], duration_ms: int, width: int) -> list[Row]:
    """Return a line a bookmark."""
    if not bookmarks:
        return []
    return [
        (),
        title_row(f"bookmarks {len(bookmarks)}", width),
        *(
            bookmark_row(each, number, duration_ms, width, pointed=False)
            for number, each in enumerate(bookmarks, 1)
        ),
    ]

"""The place in the call that is heard: its facts, a bookmark there, and how it is cited. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from callplayer.bookmarks import Bookmark
from callplayer.text import plain_text
from callplayer.ui.model.format import (
    aimed_ms,
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.model.player import PlayerView
from callplayer.ui.model.time_input import CallFacts, at_clock
from callplayer.ui.model.transcript import began_at, quote
from callplayer.vendor.times import parse_datetime


def call_facts(view: PlayerView, now_s: float, zone: tzinfo | None = None) -> CallFacts:
    """Return what a typed place, or a clock time, is measured against now."""
    return CallFacts(
        here_ms=shown_position_ms(view.state, now_s),
        duration_ms=shown_duration_ms(view.state, now_s),
        growing=is_growing(view.state),
        began=_began(view),
        zone=zone,
    )


def _began(view: PlayerView) -> datetime | None:
    """Return when the call began: the words know it to the ms, the incident to the second."""
    began_s = began_at(view.script)
    if began_s is not None:
        return datetime.fromtimestamp(began_s, UTC)
    return parse_datetime(view.incident.created_at or "") if view.incident is not None else None


MIDDLE_MS = 5_000
"""How far from its start and its end the middle of a call begins."""


def left_at_ms(view: PlayerView, now_s: float) -> int | None:
    """Return where a call that is left now can be gone on with; None at its start or its end."""
    here_ms = aimed_ms(view.state, now_s)
    if MIDDLE_MS <= here_ms <= shown_duration_ms(view.state, now_s) - MIDDLE_MS:
        return here_ms
    return None


def bookmark_here(view: PlayerView, facts: CallFacts, made_at: datetime) -> Bookmark:
    """Return a bookmark at what is heard, with the clock time and the words there."""
    return Bookmark(
        position_ms=facts.here_ms,
        clock=at_clock(facts.here_ms, facts),
        words=quote(view.script, facts.here_ms),
        made_at=made_at.astimezone(UTC).isoformat(timespec="milliseconds"),
    )


def citation(view: PlayerView, facts: CallFacts) -> str:
    """Return incident, date and clock time, offset and words of what is heard, as one line."""
    incident = view.incident
    name = plain_text(incident.id if incident is not None else view.asked_id, 80)
    clock = at_clock(facts.here_ms, facts)
    offset = clock_text(facts.here_ms, facts.duration_ms)
    words = quote(view.script, facts.here_ms)
    here = facts.began and facts.began + timedelta(milliseconds=facts.here_ms)
    date = f"{here.astimezone(facts.zone):%Y-%m-%d} " if here else ""
    parts = [f"Incident {name}", f"{date}{clock}".strip(), f"{offset} into the call"]
    return ", ".join(part for part in parts if part) + (f". {_quoted(words)}" if words else "")


def _quoted(words: str) -> str:
    speaker, _, said = words.partition(": ")
    return f"{speaker}: “{said}”"

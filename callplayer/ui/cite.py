"""Places that are kept: which is next, and how one is cited. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from callplayer.text import plain_text
from callplayer.ui.goto import CallFacts, at_clock
from callplayer.ui.model import PlayerView
from callplayer.ui.script import quote
from callplayer.ui.view import clock_text

PAST_MS = 1_000
"""The place before is looked for so far behind: the one just gone to is not the one before."""


def mark_from(places_ms: Sequence[int], here_ms: int, step: int) -> int | None:
    """Return the next (1) or the last (−1) of places in order; None if there is none."""
    if step > 0:
        return next((ms for ms in places_ms if ms > here_ms), None)
    return next((ms for ms in reversed(places_ms) if ms < here_ms - PAST_MS), None)


def citation(view: PlayerView, facts: CallFacts) -> str:
    """Return incident, date and clock time, offset and words of what is heard, as one line."""
    incident = view.incident
    name = plain_text(incident.id if incident is not None else view.asked_id, 80)
    clock = at_clock(facts.here_ms, facts)
    offset = clock_text(facts.here_ms, facts.duration_ms)
    words = quote(view.script, facts.here_ms)
    date = f"{facts.began.astimezone(facts.zone):%Y-%m-%d} " if facts.began else ""
    parts = [f"Incident {name}", f"{date}{clock}".strip(), f"{offset} into the call"]
    return ", ".join(part for part in parts if part) + (f". {_quoted(words)}" if words else "")


def _quoted(words: str) -> str:
    speaker, _, said = words.partition(": ")
    return f"{speaker}: “{said}”"

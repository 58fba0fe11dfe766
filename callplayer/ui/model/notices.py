"""What the notice area says: why there is no link, no sound, no answer, or the last note. Pure."""

from __future__ import annotations

from callplayer.ipc.messages import (
    StateEvent,
)
from callplayer.text import plain_text
from callplayer.ui.model.format import (
    PARTY_NAMES,
    UNCONFIRMED_AFTER_S,
    clock_text,
    desktop_text,
    shown_position_ms,
    waiting_s,
)
from callplayer.ui.model.player import Notice, PlayerView

QUIET_AFTER_S = 3.0
"""How long a silence is before a notice says so: it could be taken for a fault."""


SLOW_CONNECT_S = 2.0
"""From then on a notice says what connecting waits for; most calls open sooner."""


def shown_notice(
    view: PlayerView, now_s: float, retry_key: str = "R", audible_key: str = "X"
) -> Notice | None:
    """Return what the notice area says now, the gravest first.

    `retry_key` tries to reconnect, `audible_key` undoes what the desktop's mixer takes away.

    A failure; why there is no link; a silent server; the last note; what connecting waits for, or
    what the sound lacks. The screen's own short notes come before the link: one of them reports a
    lost engine.
    """
    if view.failure is not None:
        return Notice(view.failure.message, view.failure.hint, "alert")
    note = view.notice if view.notice is not None and now_s < view.notice.until_s else None
    reason = _link_reason(view, now_s, retry_key)
    if reason is not None and view.state.phase in ("failed", "reconnecting"):
        return note if note is not None and note.tone == "hold" else reason
    waited_s = waiting_s(view.state, now_s)
    if waited_s >= UNCONFIRMED_AFTER_S:
        marks = "◇ is where you asked to be, ◆ is where the call is."
        return Notice(
            f"Not confirmed by the server for {int(waited_s)} s.",
            marks if view.state.requested_ms is not None else "",
            "hold",
        )
    # What the call could do can wait until it is heard again.
    if note is not None and note.tone == "ask":
        note, reason = reason, note
    return note or reason or _silence_reason(view, now_s, audible_key)


def _silence_reason(view: PlayerView, now_s: float, audible_key: str) -> Notice | None:
    """Return why nothing is heard while the call plays; what stops it has its own notice."""
    state = view.state
    if not state.advancing:
        return None
    if view.link.quality == "cut":
        return Notice("No sound comes from the server.", "The call goes on without it.", "hold")
    if lacks := desktop_text(state):
        return Notice(f"The call is {lacks}.", f"{audible_key} undoes it.", "hold")
    quiet_s = 0.0 if view.quiet_since_s is None else now_s - view.quiet_since_s
    if quiet_s < QUIET_AFTER_S:
        return None
    following = view.script.at(shown_position_ms(state, now_s)) + 1
    hint = ""
    if following < len(view.script.utterances):
        next_ms = view.script.utterances[following].start_ms
        hint = f"Words go on at {clock_text(next_ms, state.duration_ms, tenths=False)}."
    muted = [PARTY_NAMES[party.party] for party in state.parties if party.muted_at_server]
    if muted:
        text = f"{' and '.join(muted)}: muted at the server; no other sound for {int(quiet_s)} s."
        return Notice(text, hint, "dim")
    return Notice(f"Nobody speaks, for {int(quiet_s)} s now.", hint, "dim")


def _link_reason(view: PlayerView, now_s: float, retry_key: str) -> Notice | None:
    """Return why there is no link; while connecting, only once that takes long.

    Where there is a link, it is what the sound lacks.
    """
    detail = plain_text(view.state.detail)
    if not detail:
        return None
    phase = view.state.phase
    if phase == "connecting":
        if view.state.retry_at_s is not None:
            next_try = _next_try(view.state.retry_at_s, now_s, retry_key)
            return Notice(detail, next_try[:1].upper() + next_try[1:], tone="ask")
        slow = _in_phase_s(view, now_s) > SLOW_CONNECT_S
        return Notice(detail, tone="ask") if slow else None
    lacks_device = view.state.device is None and not view.state.opening
    grave = phase == "failed" or (phase != "reconnecting" and lacks_device)
    lost = _lost_text(view.state, now_s, retry_key)
    return Notice(detail, lost, tone="alert" if grave else "hold")


def _lost_text(state: StateEvent, now_s: float, retry_key: str) -> str:
    """Write since when the room is out of reach, and when the next try to come back begins."""
    if state.lost_at_s is None:
        return ""
    lost = f"Lost {max(now_s - state.lost_at_s, 0.0):.0f} s ago"
    if state.retry_at_s is None:
        return f"{lost}; trying now."
    return f"{lost}; {_next_try(state.retry_at_s, now_s, retry_key)}"


def _next_try(retry_at_s: float, now_s: float, retry_key: str) -> str:
    at_once = f" {retry_key} tries at once." if retry_key else ""
    return f"next try in {max(retry_at_s - now_s, 0.0):.0f} s.{at_once}"


def _in_phase_s(view: PlayerView, now_s: float) -> float:
    return 0.0 if view.phase_since_s is None else now_s - view.phase_since_s

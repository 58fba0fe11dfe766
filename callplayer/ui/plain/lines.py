"""What plain mode says of a call: one line for each thing that changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from callplayer.bookmarks import Bookmark
from callplayer.ipc.messages import DevicesEvent, PartyState, StateEvent
from callplayer.text import plain_text
from callplayer.ui.keymap import Action, FrontAction
from callplayer.ui.model.format import (
    PARTY_NAMES,
    clock_text,
    gain_text,
    is_growing,
    look_of,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.model.player import Notice, PlayerView


def changes(before: PlayerView, view: PlayerView, now_s: float) -> list[str]:
    """Return the lines that report a change: mostly one, or none."""
    lines = []
    if view.incident is not None and before.incident is None:
        lines.append(f"Incident {plain_text(view.incident.id, 80)}.")
    state, old = view.state, before.state
    if _stage_of(view.offer.notice) != _stage_of(before.offer.notice):
        lines.append(plain_text(view.offer.notice))
    if state.recording and not old.recording:
        lines.append(f"Recording {plain_text(state.recording, 80)}, no server.")
    if look_of(state) != look_of(old) and view.was_connected:
        # A call that has just come back is still on its way to its place.
        place = place_text(state, now_s, asked=True)
        lines.append(f"{look_of(state).word.capitalize()}{place}.")
    elif old.requested_ms is not None and state.requested_ms is None:
        lines.append(f"At{place_text(state, now_s).removeprefix(' at')}.")
    if before.phase_since_s is not None:
        lines += _party_changes(old, state)
    if view.notice is not None and _is_news(view.notice, before.notice):
        lines.append(notice_text(view.notice))
    ahead, was = view.ahead, before.ahead
    if ahead is not None and ahead is not was:
        # Each message of words brings it again.
        goes_on = was is not None and was.speaker == ahead.speaker and now_s < was.until_s
        lines += [] if goes_on else [f"{ahead.speaker} speaks at the live end."]
    return lines


def _is_news(notice: Notice, before: Notice | None) -> bool:
    """Return whether a notice is another one: how far a clip is changes each second."""
    is_same = before is not None and before.code == notice.code == "clip-fetching"
    return notice is not before and not is_same


def _stage_of(notice: str) -> str:
    """Return what a successor's notice says besides how far it is: that changes all the time."""
    return re.sub(r"[\d,:]+|\bof\b", "", notice).strip()


def notice_text(notice: Notice) -> str:
    """Return a notice as a line; a hint about marks of the screen is left out."""
    parts = (notice.text[:1].upper() + notice.text[1:], notice.hint)
    return " ".join(part for part in parts if part and "◇" not in part)


def _party_changes(before: StateEvent, state: StateEvent) -> list[str]:
    lines = []
    was = {party.party: party for party in before.parties}
    for party in state.parties:
        last = was.get(party.party, party)
        name = PARTY_NAMES[party.party]
        if party.gain_db != last.gain_db:
            lines.append(f"{name}: volume {gain_text(party.gain_db)}.")
        if party.muted != last.muted:
            lines.append(f"{name}: {_muted_text(party)}.")
        if party.soloed != last.soloed:
            lines.append(f"{name}: {'solo' if party.soloed else 'no solo'}.")
    return lines


def _muted_text(party: PartyState) -> str:
    if not party.muted:
        return "not muted"
    return "muted, at the server" if party.muted_at_server else "muted"


def stats_text(view: PlayerView, now_s: float) -> str:
    """Return the state, the place, how far behind a call that goes on is heard, and the delay."""
    state, stats = view.state, view.stats
    delay = f" Delay {stats.delay_ms:.0f} ms." if stats is not None else ""
    behind_ms = shown_duration_ms(state, now_s) - shown_position_ms(state, now_s)
    behind = f" {behind_ms // 1000} s behind." if is_growing(state) else ""
    word = look_of(state).word.capitalize()
    return f"{word}{place_text(state, now_s)}.{behind}{delay}"


_SPOKEN_KEYS = {
    "left": "left arrow", "right": "right arrow", "up": "up arrow", "down": "down arrow",
    "space": "space bar", "pageup": "page up", "pagedown": "page down",
    "equals_sign": "equals sign", "full_stop": "full stop", "question_mark": "question mark",
}  # fmt: skip
_SHARE = re.compile(r"to-(\d)0-percent")
_SPOKEN_SIGNS = (("±", ""), ("+", "plus "), ("−", "minus "), ("%", "percent"), (" dB", " decibel"))


def spoken_help(actions: Iterable[Action], front_actions: Container[FrontAction]) -> list[str]:
    """Return a line for each action that plain mode has: what it does, then its keys, in words."""
    lines: list[str] = []
    for action in actions:
        if not action.keys or (action.rule is None and action.front not in front_actions):
            continue
        if (share := _SHARE.fullmatch(action.name)) is not None:
            # Nine lines for what one says.
            if share[1] == "1":
                lines.append("To 10 up to 90 percent of the call: 1 to 9.")
            continue
        text = re.sub(r"\b1 s\b", "1 second", action.title or action.topic)
        text = re.sub(r"\b(\d+) s\b", r"\1 seconds", text).replace(" / ", " or ")
        for sign, word in _SPOKEN_SIGNS:
            text = text.replace(sign, word)
        lines.append(f"{text}: {' or '.join(map(spoken_key, action.keys))}.")
    return lines


def spoken_key(key: str) -> str:
    """Return a key in words: `left arrow`, `shift N`, `control C`, `question mark`."""
    *modifiers, last = key.split("+")
    if len(last) == 1 and last.isupper():
        modifiers.append("shift")
    name = _SPOKEN_KEYS.get(last, last.replace("_", " "))
    words = ("control" if modifier == "ctrl" else modifier for modifier in modifiers)
    return " ".join((*words, name.upper() if modifiers and len(name) == 1 else name))


def bookmark_text(bookmark: Bookmark, duration_ms: int) -> str:
    """Return a bookmark's place, note and words."""
    place = clock_text(bookmark.position_ms, duration_ms)
    parts = (place, plain_text(bookmark.note), plain_text(bookmark.words))
    return "  ".join(part for part in parts if part)


def device_lines(listed: DevicesEvent) -> list[str]:
    """Return the devices, numbered."""
    return [
        f"{number}: {plain_text(device.label, 80)}"
        + (", plays now" if device.name == listed.current else "")
        for number, device in enumerate(listed.devices, 1)
    ]


def place_text(state: StateEvent, now_s: float, *, asked: bool = False) -> str:
    """Return ` at 1:23 of 4:32`; "" while no length is known. `asked`: where it is to be, if that
    was asked for."""
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        return ""
    asked_ms = state.requested_ms if asked else None
    place_ms = shown_position_ms(state, now_s) if asked_ms is None else asked_ms
    position = clock_text(place_ms, duration_ms, tenths=False)
    return f" at {position} of {clock_text(duration_ms, duration_ms, tenths=False)}"

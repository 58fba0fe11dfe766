"""What goes to the terminal beside the screen: its title, and the call's progress. Pure.

No phone number and no word of a call: a title is seen in task bars and kept in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import clock_text, look_of, shown_duration_ms, shown_position_ms

SAVE_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
NO_PROGRESS = "\x1b]9;4;0;\x07"
_OF_256_COLOURS = ("alacritty", "foot", "ghostty", "kitty", "wezterm")
"""Terminals with 256 colours whose TERM does not say so."""

_KNOWN_PROGRAMS = ("ghostty", "WezTerm")

ColourSystem = Literal["standard", "256", "truecolor"]
"""16 colours, 256, or all, by Textual's names."""


def colour_system(environment: Mapping[str, str]) -> ColourSystem:
    """Return how many colours the terminal can be sent.

    GNU screen hands COLORTERM on to its shells, but takes a true colour apart into attributes. It
    and tmux pass on 256 colours, whatever their TERM.
    """
    if "STY" in environment:
        return "256"
    term = environment.get("TERM", "").lower()
    colours = environment.get("COLORTERM", "").strip().lower()
    if colours in ("truecolor", "24bit") or term.endswith("-direct"):
        return "truecolor"
    many = "256color" in term or any(name in term for name in _OF_256_COLOURS)
    return "256" if many or "TMUX" in environment else "standard"


def has_dots(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal's font has braille signs: the console's of Linux does not."""
    return environment.get("TERM") != "linux"


def knows_progress(environment: Mapping[str, str]) -> bool:
    """Return whether this terminal takes OSC 9;4 for progress: to others it is a notification."""
    return (
        environment.get("TERM_PROGRAM") in _KNOWN_PROGRAMS
        or "WT_SESSION" in environment
        or "ConEmuPID" in environment
    )


def title(state: StateEvent, now_s: float) -> str:
    """Return the sequence that sets the window's title: the state, and where the call is."""
    duration_ms = shown_duration_ms(state, now_s)
    look = look_of(state)
    text = f"{look.symbol} {look.word.lower()}"
    if duration_ms > 0:
        position = clock_text(shown_position_ms(state, now_s), duration_ms, tenths=False)
        text = f"{look.symbol} {position} / {clock_text(duration_ms, duration_ms, tenths=False)}"
    return f"\x1b]0;{text} callplayer\x07"


def progress(state: StateEvent, now_s: float) -> str:
    """Return the sequence that draws progress: 4 stands still, 2 failed, 3 how far is not known."""
    duration_ms = shown_duration_ms(state, now_s)
    if state.phase == "failed":
        return "\x1b]9;4;2;100\x07"
    if duration_ms <= 0:
        return "\x1b]9;4;3;\x07"
    percent = round(100 * shown_position_ms(state, now_s) / duration_ms)
    return f"\x1b]9;4;{4 if state.paused else 1};{min(max(percent, 0), 100)}\x07"

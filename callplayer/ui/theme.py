"""The player's colours: dark and calm, one strong colour for what sounds."""

from __future__ import annotations

from textual.theme import Theme

_TONES = {
    "strong": "#f4f7fb",
    "dim": "#8a97a8",
    "faint": "#465366",
    "past": "#4f7fae",
    "play": "#5fd38d",
    "hold": "#f2b84b",
    "alert": "#ff6b6b",
    "ask": "#6cb8ff",
}

THEME = Theme(
    name="callplayer",
    primary="#6cb8ff",
    accent="#6cb8ff",
    warning=_TONES["hold"],
    error=_TONES["alert"],
    success=_TONES["play"],
    foreground="#d3dbe6",
    background="#0e131a",
    surface="#141b24",
    panel="#1b2430",
    variables=_TONES,
)


def theme_variables() -> dict[str, str]:
    """Return the colours of the tones, by name, for style sheets."""
    return dict(_TONES)

"""The player's colours: dark and calm, light, or of high contrast; a strong one for what sounds."""

from __future__ import annotations

from textual.theme import Theme

DARK = {
    "strong": "#f4f7fb",
    "dim": "#8a97a8",
    "faint": "#465366",
    "past": "#4f7fae",
    "play": "#5fd38d",
    "hold": "#f2b84b",
    "alert": "#ff6b6b",
    "ask": "#6cb8ff",
}
LIGHT = {
    "strong": "#0b1520",
    "dim": "#55616f",
    "faint": "#aab4c0",
    "past": "#3a6ea5",
    "play": "#0d7a3e",
    "hold": "#8a5a00",
    "alert": "#b3261e",
    "ask": "#0b5cad",
}
CONTRAST = {
    "strong": "#ffffff",
    "dim": "#dddddd",
    "faint": "#9a9a9a",
    "past": "#00bfff",
    "play": "#00ff66",
    "hold": "#ffd700",
    "alert": "#ff8080",
    "ask": "#66d9ff",
}


def _theme(name: str, tones: dict[str, str], text: str, grounds: tuple[str, str, str]) -> Theme:
    background, surface, panel = grounds
    return Theme(
        name=name,
        primary=tones["ask"],
        accent=tones["ask"],
        warning=tones["hold"],
        error=tones["alert"],
        success=tones["play"],
        foreground=text,
        background=background,
        surface=surface,
        panel=panel,
        dark=name != "light",
        variables=tones,
    )


THEMES = {
    theme.name: theme
    for theme in (
        _theme("dark", DARK, "#d3dbe6", ("#0e131a", "#141b24", "#1b2430")),
        _theme("light", LIGHT, "#1f2a36", ("#f7f9fb", "#eef2f6", "#e2e8ef")),
        _theme("contrast", CONTRAST, "#ffffff", ("#000000", "#000000", "#1a1a1a")),
    )
}
DEFAULT = "dark"


def theme_variables() -> dict[str, str]:
    """Return the colours of the tones, by name, for style sheets."""
    return dict(DARK)


def next_theme(name: str) -> str:
    """Return the name of the theme after `name`; the first follows the last."""
    names = list(THEMES)
    return names[(names.index(name) + 1) % len(names)] if name in names else DEFAULT

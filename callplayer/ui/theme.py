"""The player's colours: dark and calm, light, or of high contrast; a strong one for what sounds.

Text has 4.5:1 against the background and all else that is drawn 3:1, in 256 colours too. `past` has
3:1 against `text`, as what was played stands beside what was not; `ahead`, words to come, has 2:1.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = {
    "strong": "#f4f7fb",
    "dim": "#8a97a8",
    "ahead": "#8a97a8",
    "faint": "#566579",
    "past": "#2d72b8",
    "play": "#5fd38d",
    "hold": "#f2b84b",
    "alert": "#ff6b6b",
    "ask": "#6cb8ff",
}
LIGHT = {
    "strong": "#0b1520",
    "dim": "#55616f",
    "ahead": "#55616f",
    "faint": "#858f9b",
    "past": "#3f78b2",
    "play": "#0a7a2a",
    "hold": "#8a5a00",
    "alert": "#b3261e",
    "ask": "#0b5cad",
}
CONTRAST = {
    "strong": "#ffffff",
    "dim": "#dddddd",
    "ahead": "#959595",
    "faint": "#9a9a9a",
    "past": "#0092cf",
    "play": "#00ff66",
    "hold": "#ffd700",
    "alert": "#ff8080",
    "ask": "#66d9ff",
}
SIXTEEN_TONES = {
    "strong": "ansi_bright_white",
    "dim": "ansi_white",
    "ahead": "ansi_white",
    "faint": "ansi_bright_blue",
    "past": "ansi_bright_blue",
    "play": "ansi_bright_green",
    "hold": "ansi_bright_yellow",
    "alert": "ansi_bright_red",
    "ask": "ansi_bright_magenta",
}


def _theme(name: str, tones: dict[str, str], text: str, grounds: tuple[str, str, str]) -> Theme:
    background, surface, panel = grounds
    is_ansi = text.startswith("ansi_")
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
        variables=(BUILTIN_THEMES["ansi-dark"].variables | tones) if is_ansi else tones,
        ansi=is_ansi,
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
SIXTEEN = _theme("sixteen", SIXTEEN_TONES, "ansi_white", ("ansi_black",) * 3)
"""For a terminal of 16 colours: it would show the others in colours of its own choice."""


def theme_variables() -> dict[str, str]:
    """Return the colours of the tones, by name, for style sheets."""
    return dict(DARK)


def next_theme(name: str) -> str:
    """Return the name of the theme after `name`; the first follows the last."""
    names = list(THEMES)
    return names[(names.index(name) + 1) % len(names)] if name in names else DEFAULT

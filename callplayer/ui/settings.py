"""The user's settings of the screen: the `[screen]` table of config.toml, checked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import fields

from callplayer.errors import UsageError
from callplayer.text import plain_text

LONGEST_STEP_S = 60.0
THEME_NAMES = ("dark", "light", "contrast")


class ScreenSettings(msgspec.Struct, frozen=True):
    """What the screen does by itself; each field is a key of `[screen]`.

    `back_step_s` is how far going on after a pause steps back (0: not at all); `say_again_s` how
    far the first press of say again goes back; silence longer than `silence_s` is skipped where
    that is asked for; `theme` names the colours, "" for those chosen last; `hide_phone` keeps phone
    numbers off the screen but for their last two digits; `remember_place` keeps where a call was
    left in the middle, to go on there.
    """

    back_step_s: float = 1.0
    say_again_s: float = 2.0
    silence_s: float = 3.0
    theme: str = ""
    hide_phone: bool = False
    remember_place: bool = True


def screen_settings(table: Mapping[str, Any]) -> ScreenSettings:
    """Return the settings of a `[screen]` table; raise UsageError for one that cannot be used."""
    known = {field.name: field.default for field in fields(ScreenSettings)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise UsageError(
                f"[screen] sets {plain_text(name, 40)!r}, which is no setting.",
                f"It may set {', '.join(known)}.",
            )
        values[name] = _READ[name](name, value)
    return ScreenSettings(**values)


def _seconds(name: str, value: object) -> float:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else -1
    if 0 <= number <= LONGEST_STEP_S:
        return float(number)
    raise UsageError(
        f"{name} of [screen] is no time.",
        f"Set it to a number of seconds from 0 to {LONGEST_STEP_S:g}.",
    )


def _one_of(name: str, value: object) -> str:
    if value in THEME_NAMES:
        return str(value)
    raise UsageError(
        f"{name} of [screen] is {plain_text(str(value), 40)!r}.", f"Set {' or '.join(THEME_NAMES)}."
    )


def _yes_or_no(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UsageError(f"{name} of [screen] is no choice.", "Set true or false.")


_READ: dict[str, Callable[[str, object], Any]] = {
    "back_step_s": _seconds,
    "say_again_s": _seconds,
    "silence_s": _seconds,
    "theme": _one_of,
    "hide_phone": _yes_or_no,
    "remember_place": _yes_or_no,
}

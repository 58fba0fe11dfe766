"""What a row of the list of incidents says, and what it is found by. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from callplayer.text import plain_text
from callplayer.ui.model.format import clock_text, hidden_phone, phone_text
from callplayer.ui.options import PickerRow

OLD_DAYS = 100
"""From then on the age of an incident is no use: its day is."""

_NO_DIGITS = re.compile(r"[^0-9]")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9()+.\-]{3,}")


def kind_text(row: PickerRow, now: datetime) -> str:
    """Return `● LIVE 0:42` or `● LIVE 1h02`, for how long it goes on by now, or `recorded`."""
    if not row.live:
        return "recorded"
    since_s = (now - row.created).total_seconds() if row.created is not None else -1.0
    if since_s < 0:
        return "● LIVE"
    hours, minutes = divmod(int(since_s) // 60, 60)
    clock = clock_text(int(since_s) * 1000, 0, tenths=False)
    return f"● LIVE {f'{hours}h{minutes:02}' if hours else clock}"


def ago_text(row: PickerRow, now: datetime) -> str:
    """Return `42 s ago`, `2 min ago`, `3 h ago`, `5 days ago`, the day of what is older than that.

    Where no date came, what did.
    """
    if row.created is None:
        return plain_text(row.when, 20)
    since_s = max((now - row.created).total_seconds(), 0.0)
    for most_s, unit_s, word in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if since_s < most_s:
            return f"{int(since_s // unit_s)} {word} ago"
    days = int(since_s // 86_400)
    if days >= OLD_DAYS:
        return f"{row.created.astimezone():%Y-%m-%d}"
    return "1 day ago" if days == 1 else f"{days} days ago"


def caller_text(row: PickerRow, hide_phone: bool) -> str:
    """Return the number as people read it, hidden if it is to be."""
    phone = phone_text(plain_text(row.phone, 32))
    return hidden_phone(phone) if hide_phone else phone or "unknown"


def matches(row: PickerRow, text: str) -> bool:
    """Return whether every word of `text` stands in a row, in any letter case.

    Numbers are found however they are grouped: `555-0100` finds +15550100.
    """
    digits, searched = _NO_DIGITS.sub("", row.phone), _searched(row)

    def stands(word: str) -> bool:
        only = _NO_DIGITS.sub("", word) if _LOOKS_LIKE_A_NUMBER.fullmatch(word) else ""
        return word in searched or (len(only) >= 3 and only in digits)

    return all(map(stands, text.lower().split()))


def _searched(row: PickerRow) -> str:
    kind = "live" if row.live else "recorded"
    day = ""
    if row.created is not None:
        local = row.created.astimezone()
        day = f"{local:%Y-%m-%d %H:%M %A} {local.day} {local:%B %d}"
    parts = (row.id, row.when, day, row.phone, phone_text(row.phone), row.place, kind)
    return " ".join(parts).lower()

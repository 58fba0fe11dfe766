"""Dates and times in the forms that APIs give them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

FIRST_YEAR, LAST_YEAR = 2, 9998
"""Times outside are taken for none: in another time zone, or a call later, no calendar has them."""

MAX_CHARS = 80
FIRST_EPOCH_S = 1e8
"""An epoch before 1973 is a counter or a "never", not the time of a call."""

_EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
"""Below the first number an epoch is in s, then in ms, µs and ns."""

_EPOCH = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
_REMARK = re.compile(r"\s*\([^()]*\)$|\[[^\[\]]*\]$")
_OFFSET = re.compile(r"^(.*\d)\s*(?:UTC|GMT)?\s*([+-])(\d{1,2}):?(\d{2})?$", re.IGNORECASE)
_ZONE = re.compile(r"^(.*\d(?:\s*[AP]M)?)\s*([A-Z][A-Za-z_]*(?:/[A-Za-z_+-]+\d*){0,2})$")
_JAVASCRIPT = re.compile(r"^[A-Z][a-z]{2} ([A-Z][a-z]{2} \d{2} \d{4} \d{2}:\d{2}:\d{2})$")

_HOURS = {
    **{"UTC": 0, "GMT": 0, "Z": 0, "UT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2},
    **{"EET": 2, "EEST": 3, "NST": -3.5, "NDT": -2.5, "AST": -4, "ADT": -3, "EST": -5, "EDT": -4},
    **{"CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8},
    **{"HST": -10, "HAST": -10, "HDT": -9, "HADT": -9, "SST": -11, "CHST": 10, "JST": 9},
    **{"AEST": 10, "AEDT": 11, "ACST": 9.5, "ACDT": 10.5, "AWST": 8, "NZST": 12, "NZDT": 13},
}
"""Abbreviations that two zones share are North America's: that is where 911 is called."""


def parse_datetime(value: object) -> datetime | None:
    """Return `value` as an aware datetime, None if it is no time.

    Read are ISO 8601, with or without a zone (then UTC); the same followed by an offset, an
    abbreviation (`UTC`, `EST`) or a name of the zone data base; RFC 2822; JavaScript's `Date`; and
    epochs in s, ms, µs or ns, as numbers or digits.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str) or len(value) > MAX_CHARS:
        return None
    text = value.strip()
    if text.isdigit() and len(text) > len("20240115"):  # fromisoformat takes any number of digits
        moment = _from_epoch(float(text)) if _EPOCH.fullmatch(text) else None
    else:
        moment = _from_iso(text) or _from_zoned(text) or _from_mail(text)
        if moment is None and _EPOCH.fullmatch(text):
            moment = _from_epoch(float(text))
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_epoch(number: float) -> datetime | None:
    if not FIRST_EPOCH_S <= number < _EPOCH_UNITS[-1][0]:  # and no NaN
        return None
    unit = next(unit for below, unit in _EPOCH_UNITS if number < below)
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=number / unit)
    return moment if moment.year <= LAST_YEAR else None


def _from_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_zoned(text: str) -> datetime | None:
    """Read a time with its zone behind it: an offset, an abbreviation or a name."""
    named = re.search(r"\[([^\[\]]+)\]$", text)
    text = _REMARK.sub("", text)
    if named and _from_iso(text):
        moment = _from_iso(text)
        zone = _zone(named[1])
        return moment if moment is None or moment.tzinfo or zone is None else _at(moment, zone)
    found = _OFFSET.match(text)
    if found:
        hours, minutes = int(found[3]), int(found[4] or 0)
        if hours > 14 or minutes > 59:
            return None
        offset = timedelta(hours=hours, minutes=minutes)
        return _at(_plain(found[1]), timezone(-offset if found[2] == "-" else offset))
    found = _ZONE.match(text)
    if not found:
        return None
    zone = _zone(found[2])
    return None if zone is None else _at(_plain(found[1]), zone)


def _plain(text: str) -> datetime | None:
    found = _JAVASCRIPT.match(text.strip())
    if found:
        return datetime.strptime(found[1], "%b %d %Y %H:%M:%S").replace(tzinfo=None)
    return _from_iso(text.strip())


def _at(moment: datetime | None, zone: tzinfo) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return None
    return moment.replace(tzinfo=zone)


def _zone(name: str) -> tzinfo | None:
    hours = _HOURS.get(name.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours)) if hours else UTC
    if "/" not in name:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        return None
    except KeyError:
        return None


def _from_mail(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # the screen, too, imports this module

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

"""A row of the list of incidents: how long ago, who, where, and what it is found by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callplayer.ui.model.incident_row import ago_text, caller_text, kind_text, matches
from callplayer.ui.options import PickerRow

NOW = datetime(2026, 1, 15, 10, 42, 0, tzinfo=UTC)
PLACE = "40.71280, -74.00600"


def row(since_s: float | None, *, live: bool = False) -> PickerRow:
    created = None if since_s is None else NOW - timedelta(seconds=since_s)
    return PickerRow("77bb0c11", "2026-01-15 10:40:00 UTC", "+15550100123", live, created, PLACE)


@pytest.mark.parametrize(
    ("since_s", "ago"),
    [
        (0, "0 s ago"),
        (42.9, "42 s ago"),
        (125, "2 min ago"),
        (7_300, "2 h ago"),
        (86_400, "1 day ago"),
        (5 * 86_400, "5 days ago"),
        (150 * 86_400, "2025-08-18"),
        (-30, "0 s ago"),
        (None, "2026-01-15 10:40:00"),
    ],
)
def test_how_long_ago(since_s: float | None, ago: str) -> None:
    assert ago_text(row(since_s), NOW).startswith(ago)


def test_a_live_call_shows_how_long_it_goes_on() -> None:
    assert kind_text(row(42, live=True), NOW) == "● LIVE 0:42"
    assert kind_text(row(3_725, live=True), NOW) == "● LIVE 1h02"
    assert kind_text(row(None, live=True), NOW) == "● LIVE"
    assert kind_text(row(-5, live=True), NOW) == "● LIVE"
    assert kind_text(row(42), NOW) == "recorded"


def test_the_caller_is_grouped_hidden_or_unknown() -> None:
    assert caller_text(row(1), False) == "+1 555 010 0123"
    assert caller_text(row(1), True).endswith("23")
    assert "555" not in caller_text(row(1), True)
    assert caller_text(PickerRow("i", "", "", False), False) == "unknown"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("0123", True),
        ("555-0100", True),
        ("555 010 0123", True),
        ("(555)", True),
        ("40.71", True),
        ("2026-01-15", True),
        ("january", True),
        ("thursday", True),
        ("RECORDED 77BB", True),
        ("live", False),
        ("-", True),
        ("556-0100", False),
    ],
)
def test_it_is_found_by_number_place_and_date(text: str, found: bool) -> None:
    assert matches(row(60), text) is found

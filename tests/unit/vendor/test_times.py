"""Times in the forms that APIs give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.vendor.times import parse_datetime

NOON = datetime(2024, 1, 15, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-15 12:00:00 UTC",
        "2024-01-15 12:00:00 GMT",
        "2024-01-15T12:00:00Z",
        "2024-01-15T07:00:00-05:00",
        "2024-01-15 07:00:00 EST",
        "2024-01-15 06:00 CST",
        "2024-01-15 04:00:00 PST",
        "2024-01-15 07:00:00 -0500",
        "2024-01-15 13:00:00 +01:00",
        "2024-01-15 13:00:00 GMT+1",
        "2024-01-15 07:00:00 America/New_York",
        "2024-01-15T07:00:00-05:00[America/New_York]",
        "2024-01-15T07:00:00[America/New_York]",
        "Mon, 15 Jan 2024 12:00:00 GMT",
        "Mon, 15 Jan 2024 07:00:00 EST",
        "15 Jan 2024 07:00:00 -0500",
        "Mon Jan 15 2024 13:00:00 GMT+0100 (Central European Standard Time)",
        NOON.timestamp(),
        int(NOON.timestamp()),
        NOON.timestamp() * 1e3,
        int(NOON.timestamp() * 1e6),
        int(NOON.timestamp()) * 10**9,
        str(int(NOON.timestamp())),
        str(int(NOON.timestamp() * 1000)),
    ],
)
def test_one_moment_in_many_forms(value: object) -> None:
    moment = parse_datetime(value)
    assert moment == NOON
    assert moment is not None
    assert moment.tzinfo is not None


def test_summer_time_is_the_zones_own() -> None:
    july = datetime(2024, 7, 15, 12, tzinfo=UTC)
    for text in ("2024-07-15 08:00:00 EDT", "2024-07-15 08:00:00 America/New_York"):
        assert parse_datetime(text) == july


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 5, -1, 1e30, float("nan"), float("inf"), 10**400, "", "soon", [], {},
     "2024-01-15 12:00:00 XYZ", "2024-01-15 12:00:00 Nowhere/Land", "2024-01-15 12:00 ../../etc",
     "2024-13-45", "2024-01-15 12:00:00 +99:00", "1" * 79],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_datetime(value) is None


@given(moment=st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2200, 1, 1)))
def test_an_epoch_is_read_in_s_and_ms(moment: datetime) -> None:
    wanted = moment.replace(tzinfo=UTC)
    for unit in (1, 1000):
        read = parse_datetime(wanted.timestamp() * unit)
        assert read is not None
        assert abs(read - wanted) < timedelta(milliseconds=2)


@given(value=st.text(max_size=90) | st.floats() | st.integers())
def test_anything_gives_an_aware_time_or_none(value: object) -> None:
    moment = parse_datetime(value)
    assert moment is None or moment.tzinfo is not None

"""Places as people type them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.ui.model.format import clock_text
from callplayer.ui.model.time_input import (
    CallFacts,
    TimeTarget,
    at_clock,
    is_begun,
    read_offset_ms,
    read_place,
)

BEGAN = datetime(2026, 1, 15, 14, 0, 0, tzinfo=UTC)
CALL = CallFacts(83_400, 272_000, began=BEGAN, zone=UTC)
LONG = CallFacts(0, 3 * 3_600_000, began=BEGAN, zone=UTC)


def place_ms(text: str, call: CallFacts = CALL) -> int:
    place = read_place(text, call)
    assert isinstance(place, TimeTarget), place
    return place.position_ms


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [
        ("1:23", 83_000),
        ("83", 83_000),
        ("83.5", 83_500),
        ("1:23.45", 83_450),
        (" 0:00 ", 0),
        ("-10", 73_400),
        ("−10", 73_400),
        ("+10", 93_400),
        ("+1:00", 143_400),
        ("-200", 0),
        ("+900", 272_000),
        ("50%", 136_000),
        ("0%", 0),
        ("12.5 %", 34_000),
        ("100%", 272_000),
        ("900%", 272_000),
        ("14:03:11", 191_000),
        ("@14:03:11", 191_000),
        ("@14:03", 180_000),
        ("99:00", 272_000),
    ],
)
def test_every_form(text: str, wanted_ms: int) -> None:
    assert place_ms(text) == wanted_ms


def test_three_numbers_are_an_offset_as_far_as_the_call_is_that_long() -> None:
    assert place_ms("1:02:03", LONG) == 3_723_000
    assert place_ms("14:02:03", LONG) == 123_000
    assert place_ms("@15:02:03", LONG) == 3_723_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1:2",
        "1:60",
        "1:2:3",
        "1:60:00",
        "--3",
        "%",
        "5%%",
        "1e3",
        "٣",
        "+",
        "@",
        "@25:00:00",
    ],
)
def test_what_is_no_place_is_answered_with_one_line(text: str) -> None:
    answer = read_place(text, CALL)
    assert isinstance(answer, str)
    assert answer
    assert "\n" not in answer


def test_a_clock_time_outside_the_call_shows_when_the_call_was() -> None:
    assert read_place("@15:00:00", CALL) == "The call was from 14:00:00 to 14:04:32 UTC."


def test_a_clock_time_needs_to_know_when_the_call_began() -> None:
    nobody = CallFacts(0, 272_000)
    assert read_place("@14:00:00", nobody) == "When this call began is not known."
    assert place_ms("14:00:00", nobody) == 272_000


def test_a_share_of_a_growing_call_is_refused() -> None:
    growing = CallFacts(0, 272_000, growing=True)
    assert isinstance(read_place("50%", growing), str)
    assert place_ms("83", growing) == 83_000


def test_nothing_is_a_place_before_the_length_is_known() -> None:
    assert isinstance(read_place("1:23", CallFacts(0, 0)), str)


def test_a_call_over_midnight() -> None:
    call = CallFacts(0, 600_000, began=datetime(2026, 1, 15, 23, 55, tzinfo=UTC), zone=UTC)
    assert place_ms("@23:56:00", call) == 60_000
    assert place_ms("@00:01:00", call) == 360_000
    assert isinstance(read_place("@00:06:00", call), str)


def test_clock_times_are_those_of_the_zone_and_say_so() -> None:
    eastern = timezone(timedelta(hours=-5), "EST")
    call = CallFacts(0, 272_000, began=BEGAN, zone=eastern)
    assert place_ms("@09:03:11", call) == 191_000
    assert read_place("@09:03:11", call) == TimeTarget(191_000, "3:11.0   09:03:11 EST")
    assert at_clock(191_000, call) == "09:03:11 EST"
    assert at_clock(191_000, CallFacts(0, 1)) == ""


def test_a_call_that_began_within_a_second_is_found_by_its_first_second() -> None:
    call = CallFacts(0, 60_000, began=BEGAN + timedelta(milliseconds=600), zone=UTC)
    assert place_ms("@14:00:00", call) == 0
    assert place_ms("@14:00:01", call) == 400


@settings(deadline=None)
@given(st.text(max_size=30), st.booleans(), st.integers(0, 10**7))
def test_any_text_is_a_place_in_the_call_or_one_line(
    text: str, growing: bool, duration_ms: int
) -> None:
    call = CallFacts(duration_ms // 2, duration_ms, growing, BEGAN, UTC)
    place = read_place(text, call)
    if isinstance(place, TimeTarget):
        assert 0 <= place.position_ms <= duration_ms
    else:
        assert place


@settings(deadline=None)
@given(st.integers(0, 10**8))
def test_what_the_clock_shows_can_be_typed(position_ms: int) -> None:
    shown = clock_text(position_ms, position_ms)
    read_ms = read_offset_ms(shown)
    assert read_ms is not None
    assert 0 <= position_ms - read_ms < (1000 if position_ms >= 3_600_000 else 100)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6 - 1))
def test_a_step_there_and_back_is_no_step(here_ms: int, by_s: int) -> None:
    call = CallFacts(here_ms, 10**10)
    there_ms = place_ms(f"+{by_s}", call)
    assert place_ms(f"-{by_s}", CallFacts(there_ms, 10**10)) == here_ms


@settings(deadline=None)
@given(st.integers(0, 86_399), st.integers(0, 86_399))
def test_the_clock_time_of_a_place_leads_back_to_it(began_s: int, at_s: int) -> None:
    began = datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=began_s)
    call = CallFacts(0, 86_400_000, began=began, zone=UTC)
    clock = at_clock(at_s * 1000, call).split()[0]
    assert place_ms(f"@{clock}", call) == at_s * 1000


# --- a change of daylight time --------------------------------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")
FALL = CallFacts(0, 2 * 3_600_000, began=datetime(2026, 11, 1, 5, 30, tzinfo=UTC), zone=NEW_YORK)
SPRING = CallFacts(0, 2 * 3_600_000, began=datetime(2026, 3, 8, 6, 30, tzinfo=UTC), zone=NEW_YORK)


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [
        ("@01:30:30 EDT", 30_000), ("@01:30:30", 30_000), ("@01:30:30 EST", 3_630_000),
        ("@01:00:30 EST", 1_830_000), ("@01:00:30", 1_830_000), ("@02:00:00", 5_400_000),
        ("@06:00:30 UTC", 1_830_000), ("@01:00:30 -0500", 1_830_000),
    ],
)  # fmt: skip
def test_an_hour_that_comes_twice_can_be_typed_as_it_is_shown(text: str, wanted_ms: int) -> None:
    assert place_ms(text, FALL) == wanted_ms


def test_an_hour_that_never_comes_is_no_place() -> None:
    assert place_ms("@03:00:00", SPRING) == 1_800_000
    assert read_place("@02:15:00", SPRING) == "The call was from 01:30:00 to 04:30:00 EST, EDT."


@given(st.integers(0, 2 * 3600), st.sampled_from([FALL, SPRING, CALL, LONG]))
def test_what_a_citation_shows_goes_back_to_where_it_was(second: int, call: CallFacts) -> None:
    second = min(second, call.duration_ms // 1000)
    assert place_ms(f"@{at_clock(second * 1000, call)}", call) == second * 1000


def test_the_machines_own_zone_knows_the_change_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        call = CallFacts(0, 2 * 3_600_000, began=FALL.began, zone=None)
        assert at_clock(1_830_000, call) == "01:00:30 EST"
        assert place_ms("@01:00:30 EST", call) == 1_830_000
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["1:00", "-10", "+1:23", "50%", "@14:03:11", "1:02:03.5", "83.25"])
def test_a_place_is_never_called_none_while_it_is_typed(text: str) -> None:
    for end in range(1, len(text)):
        part = text[:end]
        assert isinstance(read_place(part, CALL), TimeTarget) or is_begun(part), part


@pytest.mark.parametrize("text", ["abc", "1:2:3:4", "1::2x", "--5", "1:60x"])
def test_what_can_be_no_place_is_not_begun(text: str) -> None:
    assert not is_begun(text)

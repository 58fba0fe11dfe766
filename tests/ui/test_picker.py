"""The picker over a list that the test gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual import events

from callplayer.errors import UnreachableError
from callplayer.ui.model.layout import window_start
from callplayer.ui.options import PickerRow
from callplayer.ui.screens.picker import PickerApp, PickerScreen, matching
from tests.ui.make_screenshots import picker_app
from tests.ui.scripted import screen_text

ROWS = (
    PickerRow("3f2a91c0-aaaa", "2026-01-15 10:30:00 UTC", "+15550100199", False),
    PickerRow("77bb0c11-bbbb", "2026-01-15 10:42:00 UTC", "+15550100123", True),
    PickerRow("9c00dd22-cccc", "2026-01-15 10:50:00 UTC", "+15550100150", False),
)


class Source:
    """Gives the rows it holds, or raises the error it holds."""

    def __init__(self, rows: Sequence[PickerRow] = ROWS) -> None:
        self.rows = rows
        self.error: UnreachableError | None = None
        self.asked = 0

    async def __call__(self) -> Sequence[PickerRow]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.rows


def test_every_word_must_match_in_any_letter_case() -> None:
    assert matching(ROWS, "") == list(ROWS)
    assert matching(ROWS, "LIVE") == [ROWS[1]]
    assert matching(ROWS, "recorded 0150") == [ROWS[2]]
    assert matching(ROWS, "live 0150") == []


@pytest.mark.parametrize(
    ("index", "count", "height", "start", "wanted"),
    [(0, 3, 10, 0, 0), (9, 20, 5, 0, 5), (6, 20, 5, 5, 5), (4, 20, 5, 5, 4), (1, 2, 5, 4, 0)],
)
def test_the_list_scrolls_only_as_far_as_needed(
    index: int, count: int, height: int, start: int, wanted: int
) -> None:
    assert window_start(index, count, height, start) == wanted


async def test_enter_returns_the_chosen_id() -> None:
    app = PickerApp(PickerScreen(Source()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "● LIVE" in screen_text(app)
        await pilot.press("down", "enter")
    assert app.return_value == ROWS[1].id


async def test_typing_filters_and_backspace_undoes_it() -> None:
    app = PickerApp(PickerScreen(Source()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*"0150")
        assert "1 of 3" in screen_text(app)
        assert "3f2a91c0" not in screen_text(app)
        await pilot.press("backspace", "backspace", "backspace", "backspace")
        assert "3 of 3" in screen_text(app)
        await pilot.press(*"0150", "enter")
    assert app.return_value == ROWS[2].id


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
async def test_leaving_returns_nothing(key: str) -> None:
    app = PickerApp(PickerScreen(Source()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert app.return_code == 0
    assert app.return_value is None


async def test_a_filter_may_hold_a_q_and_escape_takes_it_away_before_it_leaves() -> None:
    app = PickerApp(PickerScreen(Source((*ROWS, PickerRow("q-1", "", "", False)))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("-", "q")
        await pilot.pause()
        assert "0 of 4" in screen_text(app)
        await pilot.press("ctrl+u", "0", "q", "backspace")
        await pilot.pause()
        assert app.return_code is None
        assert "Esc clear" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "4 of 4" in screen_text(app)
        assert "q quit" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.return_code == 0


async def test_a_pasted_id_filters() -> None:
    app = PickerApp(PickerScreen(Source()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.post_message(events.Paste("9c00dd22-cccc\n"))
        await pilot.pause()
        assert "1 of 3" in screen_text(app)
        await pilot.press("enter")
    assert app.return_value == ROWS[2].id


async def test_why_the_last_call_could_not_be_played_is_reported_until_a_key_is_pressed() -> None:
    app = PickerApp(
        PickerScreen(Source(), notice=("There is no such incident.", "Choose another."))
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        assert "3 of 3" in screen_text(app)
        assert "✖ There is no such incident.  Choose another." in screen_text(app)
        await pilot.press("down")
        await pilot.pause()
        assert "no such incident" not in screen_text(app)


async def test_the_list_is_asked_for_again_and_the_choice_stays_with_its_incident() -> None:
    source = Source()
    app = PickerApp(PickerScreen(source, refresh_s=0.05))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("down")
        source.rows = (PickerRow("newest", "now", "+1", True), *ROWS)
        asked = source.asked
        while source.asked < asked + 2:
            await pilot.pause(0.02)
        assert "newest" in screen_text(app)
        await pilot.press("enter")
    assert app.return_value == ROWS[1].id


async def test_a_call_that_comes_under_the_mark_is_not_opened_by_the_key_for_the_one_before() -> (
    None
):
    source = Source(ROWS[:1])
    app = PickerApp(PickerScreen(source, refresh_s=0.05))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        source.rows, asked = (ROWS[1], ROWS[0]), source.asked
        while source.asked < asked + 2:
            await pilot.pause(0.02)
        await pilot.press("enter")
        assert app.is_running
        assert "Another call has just come under the mark." in screen_text(app)
        await pilot.press("enter")
    assert app.return_value == ROWS[1].id


async def test_an_error_is_reported_and_goes_when_the_server_answers_again() -> None:
    source = Source()
    source.error = UnreachableError("The server does not answer.", "Check the network.")
    app = PickerApp(PickerScreen(source, refresh_s=0.05))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "✖ The server does not answer.  Check the network." in screen_text(app)
        await pilot.press("enter")
        assert app.return_value is None
        source.error = None
        asked = source.asked
        while source.asked < asked + 2:
            await pilot.pause(0.02)
        assert "does not answer" not in screen_text(app)
        assert "3 of 3" in screen_text(app)


async def test_a_long_error_is_not_cut_in_the_least_window() -> None:
    source = Source()
    what = "The call server api.calls.example.org:8443 does not answer."
    source.error = UnreachableError(what, "Check the network and CALLPLAYER_API_URL, then wait.")
    async with PickerApp(PickerScreen(source)).run_test(size=(60, 16)) as pilot:
        await pilot.pause(0.1)
        lines = screen_text(pilot.app).splitlines()
    assert " ".join(" ".join(lines[-4:-1]).split()) == f"✖ {what} {source.error.hint}"
    assert "q quit" in lines[-1]


async def test_text_of_the_list_is_drawn_harmless() -> None:
    harm = "[red]x[/]\x1b[2J\n"
    app = PickerApp(PickerScreen(Source((PickerRow(harm, harm, harm, False),))))
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "[red]x[/]" in text
        assert "\x1b" not in text
        assert len(text.splitlines()) == 24


class Pages:
    """A list of 60 incidents in pages of 25, all but the first to be loaded."""

    def __init__(self) -> None:
        self.loaded = 25
        self.left_out = ""

    @property
    def ended(self) -> bool:
        return self.loaded >= 60

    def rows(self) -> list[PickerRow]:
        return [PickerRow(f"i-{n:02}", "", "", False) for n in range(self.loaded)]

    async def fetch(self) -> list[PickerRow]:
        return self.rows()

    async def load_more(self) -> list[PickerRow]:
        self.loaded = min(self.loaded + 25, 60)
        if self.ended:
            self.left_out = "3 more incidents are left out."
        return self.rows()


async def test_the_list_loads_on_as_one_scrolls() -> None:
    pages = Pages()
    app = PickerApp(PickerScreen(pages.fetch, pages=pages))
    async with app.run_test(size=(80, 16)) as pilot:
        await pilot.pause()
        assert pages.loaded == 25
        assert "25 of 25 loaded so far" in screen_text(app)
        for _ in range(20):
            await pilot.press("down")
        await pilot.pause()
        assert pages.loaded == 50
        await pilot.press("end")
        await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
        assert pages.ended
        assert "60 of 60" in text
        assert "▸ recorded                  unknown" in text
        assert "i-59" in text
        assert "3 more incidents are left out." in text


async def test_a_filter_looks_through_all_pages() -> None:
    pages = Pages()
    app = PickerApp(PickerScreen(pages.fetch, pages=pages))
    async with app.run_test(size=(80, 16)) as pilot:
        await pilot.pause()
        await pilot.press("i", "-", "5", "7")
        await pilot.pause()
        await pilot.pause()
        assert "1 of 60" in screen_text(app)
        await pilot.press("enter")
    assert app.return_value == "i-57"


@pytest.mark.parametrize(("columns", "place"), [(60, "Harbour …"), (80, "Harbour Road 7, pier 4")])
async def test_a_row_reads_well_in_a_narrow_window(columns: int, place: str) -> None:
    async with picker_app().run_test(size=(columns, 16)) as pilot:
        await pilot.pause()
        text = screen_text(pilot.app)
    rows = text.splitlines()[4:8]
    assert "● LIVE 0:42   42 s ago    +1 555 010 0199  42 Maple" in rows[0]
    assert rows[2].split("  ")[-1].startswith("9c00dd22")
    assert place in rows[3]
    assert ("b81f4a33" in rows[3]) == (columns == 80)
    assert "2026-01-15 10:42:07 UTC  42 Maple Street  3f2a91c0" in text, "the chosen one in full"

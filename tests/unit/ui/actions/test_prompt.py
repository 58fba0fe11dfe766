"""The line that is typed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.ui.actions.outcome import PromptHint
from callplayer.ui.actions.prompt import InputLine, pasted, typed
from callplayer.ui.widgets.lines import prompt_rows
from callplayer.ui.widgets.rows import cells

ASKED = InputLine("Go to", max_chars=12)


def after(*keys: str) -> str:
    question = ASKED
    for key in keys:
        question, reply = typed(question, key, key if len(key) == 1 else None)
        assert reply == "typing"
    return question.text


def test_letters_and_the_keys_that_take_them_away() -> None:
    assert after(*"hello", "backspace") == "hell"
    assert after(*"one two", "ctrl+w") == "one"
    assert after(*"one", "ctrl+u", *"two") == "two"
    assert after("left", "f5", "tab", "up") == ""
    assert after(*"a line that is too long") == "a line that "


def test_enter_answers_and_escape_leaves() -> None:
    assert typed(ASKED, "enter", "\r")[1] == "answered"
    assert typed(ASKED, "escape", "\x1b")[1] == "left"
    assert typed(ASKED, "ctrl+c", "\x03")[1] == "typing"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_what_is_pasted_is_one_harmless_line_no_longer_than_allowed(text: str) -> None:
    question = pasted(ASKED, text)
    assert len(question.text) <= ASKED.max_chars
    assert not set(question.text) & set("\x1b\x07\r\n\u202e")


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(58, 200), st.integers(1, 2))
def test_it_is_drawn_in_the_rows_there_are(text: str, width: int, height: int) -> None:
    question = pasted(InputLine("Note"), text)
    rows = prompt_rows(question, PromptHint("Enter keeps it"), width, height)
    assert len(rows) == height
    assert all(cells(row) <= width for row in rows)

"""Texts cut to a width: between words, quotes closed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from callplayer.ui.widgets.rows import fit_words, quoted

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=80)


@given(TEXTS, st.integers(1, 90))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert cell_len(fit_words(text, width)) <= max(width, cell_len(text) if not text else width)


@given(st.lists(st.text("abcdefg", min_size=1, max_size=9), max_size=12), st.integers(20, 80))
def test_no_word_is_cut_in_its_middle(words: list[str], width: int) -> None:
    text = " ".join(words)
    cut = fit_words(text, width)
    assert cut == text or (
        cut.endswith(" …") and cut.removesuffix(" …").split() == words[: len(cut.split()) - 1]
    )


def test_a_long_word_is_cut_where_it_must_be() -> None:
    assert fit_words("a" * 40, 20) == "a" * 19 + "…"
    assert fit_words("It goes on here, then there.", 20) == "It goes on here …"


@given(TEXTS, st.integers(5, 90))
def test_quotes_are_closed(text: str, width: int) -> None:
    cut = quoted(text, width)
    assert cut.startswith("“")
    assert cut.endswith("”")
    assert cell_len(cut) <= width

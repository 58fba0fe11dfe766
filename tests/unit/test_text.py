"""Text from the network, made safe to show."""

from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.text import plain_json, plain_text

JOINERS = "\u200c\u200d"
MARK = "\N{REPLACEMENT CHARACTER}"


@given(value=st.text(st.characters(), max_size=60), max_chars=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_no_text_can_steer_a_terminal(value: str, max_chars: int) -> None:
    safe = plain_text(value, max_chars)
    assert len(safe) <= max_chars
    assert "\n" not in safe
    for character in safe:
        if character not in "\u200c\u200d":
            assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    safe.encode()
    assert plain_text(safe, max_chars) == safe


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("Grüße, 東京 🚒", "Grüße, 東京 🚒"),
        ("👩‍🚒 👍🏽 🇺🇸 1️⃣ ☎️", "👩🚒 👍 US 1 ☎"),
        ("a\u200db क्\u200dष می\u200cخواهم", "ab क्\u200dष می\u200cخواهم"),
        ("Zoe\u0308 z" + "\u0335" * 40, "Zoë z" + "\u0335" * 4),
        ("\x1b[2J\x1b]0;title\x07", f"{MARK}[2J{MARK}]0;title{MARK}"),
        ("\x9b31m", f"{MARK}31m"),
        ("one\r\ntwo\tthree\u2028four\u0085five", "one  two three four five"),
        ("user\u202egnp.exe", f"user{MARK}gnp.exe"),
        ("\u2066a\u2069\u200fb\u061c", f"{MARK}a{MARK}{MARK}b{MARK}"),
        ("a\u00adb\ufeffc\u200bd", f"a{MARK}b{MARK}c{MARK}d"),
        ("\ud83d\ue000\x00\x7f", MARK * 4),
        ("\U000e0041", MARK),
        ("", ""),
    ],
)
def test_known_tricks(value: str, safe: str) -> None:
    assert plain_text(value) == safe


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert plain_text("a" * 200) == "a" * 200
    assert plain_text("a" * 201) == "a" * 199 + "…"
    assert len(plain_text("\n" * 5_000_000, 10)) == 10


@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_json_text_says_the_same_and_cannot_steer_a_terminal(value: str) -> None:
    line = plain_json(msgspec.json.encode({"said": value}))
    assert json.loads(line) == msgspec.json.decode(line) == {"said": value}
    steering = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
    assert not [
        c for c in line.decode() if unicodedata.category(c) in steering and c not in JOINERS
    ]


def test_letters_of_any_script_stay_readable_in_a_json_text() -> None:
    line = '{"said":"Grüße, 東京 👩\u200d🚒"}'.encode()
    assert plain_json(line) == line
    assert plain_json('"\U000e0041\x9b\x7f\u202e"'.encode()) == rb'"\udb40\udc41\u009b\u007f\u202e"'

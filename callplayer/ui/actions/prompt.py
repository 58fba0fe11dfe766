"""A line that the user types: how each key changes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from callplayer.text import plain_text

Reply = Literal["typing", "answered", "left"]


@dataclass(frozen=True)
class InputLine:
    """A line being typed, after its label."""

    label: str
    text: str = field(default="", kw_only=True)
    max_chars: int = field(default=200, kw_only=True)


Line = TypeVar("Line", bound=InputLine)


def typed(question: Line, key: str, character: str | None) -> tuple[Line, Reply]:
    """Return the line after a key, and whether that was the end of it.

    Ctrl+U empties the line, Ctrl+W takes the last word away; keys that mean nothing here change
    nothing.
    """
    if key == "enter":
        return question, "answered"
    if key == "escape":
        return question, "left"
    shorter = {
        "backspace": question.text[:-1],
        "ctrl+h": question.text[:-1],
        "ctrl+u": "",
        "ctrl+w": question.text.rstrip().rpartition(" ")[0],
    }
    if key in shorter:
        return replace(question, text=shorter[key]), "typing"
    if character is not None and character.isprintable():
        return pasted(question, character), "typing"
    return question, "typing"


def pasted(question: Line, text: str) -> Line:
    """Return the line with `text` added at its end, made harmless and cut to what it may hold."""
    room = question.max_chars - len(question.text)
    return replace(question, text=question.text + plain_text(text, 10_000)[:room])

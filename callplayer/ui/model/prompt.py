"""A line that the user types: what it is for, and how each key changes it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from callplayer.text import plain_text
from callplayer.ui.model.format import Tone

Reply = Literal["typing", "answered", "left"]


@dataclass(frozen=True)
class PromptHint:
    """What stands beside a typed line: what it would do, or why it would do nothing."""

    text: str
    tone: Tone = "dim"


@dataclass(frozen=True)
class Prompt:
    """A line being typed.

    `hint` returns what the text so far would do; `answer` is called with the text on Enter,
    `changed` after each change, `left` when the user goes away without an answer.
    """

    label: str
    hint: Callable[[str], PromptHint]
    answer: Callable[[str], None]
    changed: Callable[[str], None] | None = None
    left: Callable[[], None] | None = None
    text: str = ""
    max_chars: int = 200


def typed(question: Prompt, key: str, character: str | None) -> tuple[Prompt, Reply]:
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


def pasted(question: Prompt, text: str) -> Prompt:
    """Return the line with `text` added at its end, made harmless and cut to what it may hold."""
    room = question.max_chars - len(question.text)
    return replace(question, text=question.text + plain_text(text, 10_000)[:room])

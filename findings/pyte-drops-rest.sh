#!/usr/bin/env bash
# One would guess: an emulator passes over a character that takes no cell (a direction mark, a zero-width space, the
#   selector of a symbol's form), or keeps it with the one before.
# What happens: pyte stops there, and the rest of the text up to the next escape sequence or line end is not drawn.
#   Accents are kept; a vowel sign of Hindi, a right-to-left mark and an isolate are not.
# Why it matters: isolates round a caller's name are how a program keeps Hebrew or Arabic names from turning the line
#   about. In a test by pyte the name and all behind it are missing, though terminals show them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyte==0.8.2 wcwidth==0.9.4
"$work/venv/bin/python" - <<'PY'
import sys

import pyte

TEXTS = {
    "an accent": "e\u0301 on line 2",
    "an isolate": "Caller \u2068Dana\u2069 on line 2",
    "a right-to-left mark": "Dana\u200f on line 2",
    "a zero-width space": "Elm\u200bStreet",
    "a symbol's form": "\u260e\ufe0f line 2",
    "a Hindi vowel sign": "\u0915\u093e on line 2",
}


def shown(text: str) -> str:
    screen = pyte.Screen(30, 1)
    pyte.Stream(screen).feed(text)
    return screen.display[0].rstrip()


found = {name: shown(text) for name, text in TEXTS.items()}
print("pyte 0.8.2: what is shown of text with " + ", ".join(f"{name}: {text!a}" for name, text in found.items()))
sys.exit([*found.values()] != ["\xe9 on line 2", "Caller", "Dana", "Elm", "\u260e", "\u0915"])
PY

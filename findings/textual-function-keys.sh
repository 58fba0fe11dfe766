#!/usr/bin/env bash
# One would guess: F13 to F20, as xterm's VT220 keys and the Linux console send them (25~ to 34~), arrive
#   in Textual as f13 to f20, or as nothing.
# What happens: the number is taken for a character. F18 arrives as Space, F19 as an exclamation mark,
#   F20 as a quotation mark, those below as control characters.
# Why it matters: foot pedals and macro pads type just these keys, as no program uses them. In a player
#   such a pedal pauses, or types into the search.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check textual==8.2.8
"$work/venv/bin/python" - <<'PY'
import sys

from textual._xterm_parser import XTermParser


def key(sequence: str) -> str:
    parser = XTermParser()
    events = [*parser.feed(sequence), *parser.feed("")]
    return "+".join(getattr(event, "key", type(event).__name__) for event in events)


codes = {"F12": 24, "F13": 25, "F18": 32, "F19": 33, "F20": 34}
got = {name: key(f"\x1b[{code}~") for name, code in codes.items()}
print(f"textual 8.2.8: {got}")
wanted = {"F12": "f12", "F13": "\x19", "F18": "space", "F19": "exclamation_mark", "F20": "quotation_mark"}
sys.exit(got != wanted)
PY

#!/usr/bin/env bash
# One would guess: an emulator that does not know a colour written with colons (ISO 8613-6, as
#   xterm, kitty and tmux write it) passes over the sequence.
# What happens: pyte ends the sequence at the first colon and prints the rest of it as text. It does
#   so for underline styles (4:3) and for colours (38:2::R:G:B).
# Why it matters: a screen that looks right in every terminal has digits and colons in it in the test.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyte==0.8.2
"$work/venv/bin/python" - <<'PY'
import sys

import pyte


def shown(text: str) -> str:
    screen = pyte.Screen(24, 1)
    pyte.Stream(screen).feed(text)
    return screen.display[0].rstrip()


colour, style = shown("a\x1b[38:2::255:0:0mb"), shown("a\x1b[4:3mb")
print(f"pyte 0.8.2: 38:2::255:0:0 between a and b shows {colour!r}, 4:3 shows {style!r}")
sys.exit(not (colour == "a2::255:0:0mb" and style == "a3mb"))
PY

#!/usr/bin/env bash
# One would guess: a terminal emulator used for tests keeps the main screen apart from the
#   alternate one, so that after ?1049l the shell's lines are back.
# What happens: pyte knows no alternate screen. What a full-screen program drew stays on the
#   display after it has left, and the shell's own line is gone.
# Why it matters: a test that asks pyte whether a program left the terminal as it found it fails for
#   every clean program, and a test that asks whether its last screen is still there always passes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyte==0.8.2
"$work/venv/bin/python" - <<'PY'
import sys

import pyte

screen = pyte.Screen(12, 2)
pyte.Stream(screen).feed("shell\x1b[?1049h\x1b[2J\x1b[Hprogram\x1b[?1049l")
line = screen.display[0].strip()
print(f"pyte 0.8.2: after ?1049h, a drawn screen and ?1049l the display shows {line!r}")
sys.exit(line != "program")
PY

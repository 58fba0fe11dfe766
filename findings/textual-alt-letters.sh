#!/usr/bin/env bash
# One would guess: Alt with a letter arrives in Textual as alt and that letter, whichever it is.
# What happens: Alt+X does. Alt+F and Alt+B, sent by every terminal without the kitty protocol as ESC and
#   the letter, arrive as Ctrl+Right and Ctrl+Left; with the kitty protocol Alt+F is alt+f again.
# Why it matters: a binding for alt+f never fires in one half of the terminals and does in the other,
#   and one for Ctrl+Right fires for a key that was not pressed.
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


got = {text: key(sequence) for text, sequence in {
    "ESC f": "\x1bf", "ESC b": "\x1bb", "ESC x": "\x1bx", "kitty Alt+F": "\x1b[102;3u"}.items()}
print(f"textual 8.2.8: {got}")
wanted = {"ESC f": "ctrl+right", "ESC b": "ctrl+left", "ESC x": "alt+x", "kitty Alt+F": "alt+f"}
sys.exit(got != wanted)
PY

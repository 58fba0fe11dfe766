#!/usr/bin/env bash
# One would guess: a reader of TTML gives the paragraphs of all divisions, and adds up times that are nested, as the
#   format has it: a paragraph that begins at 1 s in a division that begins at 10 s is shown at 11 s.
# What happens: pycaption keeps one division for each language, the last. Those before it are gone, with no error. Of
#   the one that is left the begin is not added: 1 s.
# Why it matters: a division for each part or speaker is how a long recording's transcript is put together, with
#   times from the part's own start. What is read back is its last part, at the call's beginning.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pycaption==2.3.14
"$work/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata
import sys

from pycaption import DFXPReader

FILE = """<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body>
<div><p begin="1s" end="3s">Where are you?</p></div>
<div begin="10s"><p begin="1s" end="3s">On Elm Street.</p></div>
</body></tt>"""
captions = DFXPReader().read(FILE).get_captions("en")
found = [(caption.start / 1e6, caption.get_text()) for caption in captions]
print(
    f"pycaption {importlib.metadata.version('pycaption')}: of 'Where are you?' at 1 s and 'On Elm Street.' at 11 s,"
    f" in two divisions, is read: {', '.join(f'{text!r} at {start_s:.0f} s' for start_s, text in found)}"
)
sys.exit(found != [(1.0, "On Elm Street.")])
PY

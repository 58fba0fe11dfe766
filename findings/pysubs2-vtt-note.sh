#!/usr/bin/env bash
# One would guess: a NOTE in a WebVTT file is a comment, and a reader of subtitles passes over it.
# What happens: pysubs2 takes it as words of the cue before it, on a line of its own after an empty one.
#   Character references stay as they are, too: "Elm &amp; Third". webvtt-py passes over the note.
# Why it matters: notes hold what must not be read as said: who transcribed, what is uncertain, what was
#   left out and why. Here it stands among the caller's words.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pysubs2==1.8.1 webvtt-py==0.6.0
"$work/venv/bin/python" - <<'PY'
import sys

import pysubs2
import webvtt

FILE = """WEBVTT

00:01.000 --> 00:02.000
corner of Elm &amp; Third

NOTE checked by the second listener

00:03.000 --> 00:04.000
hurry
"""
ours = [event.plaintext for event in pysubs2.SSAFile.from_string(FILE)]
other = [cue.text for cue in webvtt.from_string(FILE)]
print(f"pysubs2 {pysubs2.__version__}: {ours}; webvtt-py {webvtt.__version__}: {other}")
sys.exit(not ("NOTE" in ours[0] and "&amp;" in ours[0] and "NOTE" not in other[0] and len(ours) == 2))
PY

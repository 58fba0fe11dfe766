#!/usr/bin/env bash
# One would guess: where two people speak in one WebVTT cue, each in a voice span of their own, a reader
#   that knows voices gives both, or none.
# What happens: webvtt-py's voice is the first one's name, and its text holds what both said. Nothing says
#   that there was a second voice; only raw_text still has it.
# Why it matters: what the caller answered is shown as the call taker's words. Cues with two voices are
#   how captions write an interruption.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check webvtt-py==0.6.0
"$work/venv/bin/python" - <<'PY'
import sys

import webvtt

FILE = """WEBVTT

00:01.000 --> 00:03.000
<v Call taker>Is he breathing?</v>
<v Caller>No.</v>
"""
(cue,) = webvtt.from_string(FILE)
print(f"webvtt-py {webvtt.__version__}: voice {cue.voice!r}, text {cue.text!r}")
sys.exit(not (cue.voice == "Call taker" and cue.text == "Is he breathing?\nNo."))
PY

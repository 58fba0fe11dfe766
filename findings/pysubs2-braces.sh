#!/usr/bin/env bash
# One would guess: a WebVTT or SRT file that is read and written again in the same format has the same words.
# What happens: pysubs2 takes what stands in braces for a command of another format, SubStation Alpha, whatever
#   format it read: plaintext and what it writes have lost it. "{maybe Elm} Street" becomes "Street".
# Why it matters: braces are how transcribers mark a word that is a guess or could not be heard. Just these vanish,
#   with the mark, and a sentence is left that nobody said. It is the same from SRT and from WebVTT.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pysubs2==1.8.1
"$work/venv/bin/python" - <<'PY'
import sys

import pysubs2

TEXT = "{maybe Elm} Street, {not} breathing"
FILES = {
    "srt": f"1\n00:00:01,000 --> 00:00:02,000\n{TEXT}\n",
    "vtt": f"WEBVTT\n\n00:01.000 --> 00:02.000\n{TEXT}\n",
}
found = {}
for name, file in FILES.items():
    read = pysubs2.SSAFile.from_string(file, format_=name)
    found[name] = (read[0].plaintext.strip(), read.to_string(name).strip().splitlines()[-1].strip())
print(
    f"pysubs2 {pysubs2.VERSION}: {TEXT!r}: "
    + ", ".join(f"{name} plaintext {plain!r}, written again {again!r}" for name, (plain, again) in found.items())
)
sys.exit(not all("Elm" not in text and "not" not in text for pair in found.values() for text in pair))
PY

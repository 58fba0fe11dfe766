#!/usr/bin/env bash
# One would guess: a converter of subtitles makes as many cues of SRT as the WebVTT file had, with the same words.
# What happens: where two cues overlap, ttconv makes a cue for each span of time in which the picture is the same.
#   Two cues become three: what each of the two says is there twice. The speakers' names are gone.
# Why it matters: right for a picture, wrong for a record. A transcript in which caller and call taker speak at once
#   has each such sentence twice, or more often, and counts of words, searches and translations see them all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ttconv==1.2.3
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import importlib.metadata
import io
import sys

import ttconv.srt.writer
import ttconv.vtt.reader

FILE = """WEBVTT

00:01.000 --> 00:03.000
<v Call taker>Is he breathing?

00:02.000 --> 00:04.000
<v Caller>Send someone.
"""
written = ttconv.srt.writer.from_model(ttconv.vtt.reader.to_model(io.StringIO(FILE)))
cues = written.count("-->")
times = {words: written.count(words) for words in ("Is he breathing?", "Send someone.", "Caller")}
print(f"ttconv {importlib.metadata.version('ttconv')}: 2 cues become {cues}; how often each is there: {times}")
sys.exit(not (cues == 3 and [*times.values()] == [2, 2, 0]))
PY

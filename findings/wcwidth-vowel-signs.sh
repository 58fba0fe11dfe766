#!/usr/bin/env bash
# One would guess: the cells of a word are the sum of its characters' cells where each has a width of its own, and
#   wcwidth's two functions agree on it, as they do for Latin, Thai and Chinese.
# What happens: for the vowel signs of Hindi, Bengali or Tamil that stand beside their letter, wcwidth() says 0 and
#   wcswidth() of letter and sign says 2. Who adds up (prompt_toolkit) or has a table of its own (rich) counts 1;
#   tmux, whose cursor is asked, takes 2.
# Why it matters: a list of callers or places in these scripts is ragged, and a line that was cut to fit wraps. Ask
#   wcswidth for the whole text, never for its characters.
# Needs: tmux, a UTF-8 locale (C.UTF-8).
set -euo pipefail
work=$(mktemp -d)
trap 'tmux -S "$work/tmux" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    wcwidth==0.9.4 rich==15.0.0 prompt_toolkit==3.0.53
cd "$work"
LC_ALL=C.UTF-8 "$work/venv/bin/python" - <<'PY'
import importlib.metadata
import subprocess
import sys
import time

import wcwidth
from prompt_toolkit.utils import get_cwidth
from rich.cells import cell_len

WORDS = {"Hindi": "\u0915\u093e", "Bengali": "\u0995\u09be", "Tamil": "\u0b95\u0bbf"}  # ka with a sign beside it


def in_tmux(word: str) -> int:
    tmux = ["tmux", "-u", "-S", "tmux", "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "-x", "20", "-y", "3", f"printf %s {word}; sleep 5"], check=True)
    time.sleep(1.0)
    asked = subprocess.run([*tmux, "display", "-p", "#{cursor_x}"], check=True, capture_output=True, text=True)
    subprocess.run([*tmux, "kill-server"], check=True)
    time.sleep(0.3)
    return int(asked.stdout)


found = {
    name: {
        "sum of wcwidth": sum(map(wcwidth.wcwidth, word)),
        "rich": cell_len(word),
        "prompt_toolkit": get_cwidth(word),
        "wcswidth": wcwidth.wcswidth(word),
        "tmux": in_tmux(word),
    }
    for name, word in WORDS.items()
}
versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("wcwidth", "rich", "prompt_toolkit"))
tmux = subprocess.run(["tmux", "-V"], check=True, capture_output=True, text=True).stdout.strip()
print(f"{versions}, {tmux}: cells of ka with a vowel sign: {found}")
sys.exit(not all([*cells.values()] == [1, 1, 1, 2, 2] for cells in found.values()))
PY

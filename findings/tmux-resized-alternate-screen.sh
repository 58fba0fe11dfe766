#!/usr/bin/env bash
# One would guess: what a full-screen program drew is gone from the terminal once it has left the
#   alternate screen, also when the window was made wider meanwhile.
# What happens: in tmux 3.3a the program's full-width rows stay on the main screen after ?1049l, cut
#   to the new width, above the prompt. Without the resize the terminal is as it was.
# Why it matters: the rows can hold what nobody else should read. Erasing the alternate screen before
#   it is left helps.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
(cd "$work" && apt-get download -qq tmux=3.3a-3 libutempter0=1.2.1-3 libevent-core-2.1-7 2>/dev/null)
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libutempter.so.0')")
export LD_LIBRARY_PATH
tmux() { "$work/root/usr/bin/tmux" -S "$work/socket" -f /dev/null "$@"; }
cat >"$work/program.py" <<'PY'
import os
import sys
import time

sys.stdout.write("\x1b[?1049h")
for _ in range(12):
    size = os.get_terminal_size()
    for row in range(size.lines):
        sys.stdout.write(f"\x1b[{row + 1};1H" + (f"PROGRAM{row} " * 30)[: size.columns])
    sys.stdout.flush()
    time.sleep(0.25)
if sys.argv[1] == "erase":
    sys.stdout.write("\x1b[0m\x1b[2J")
sys.stdout.write("\x1b[?1049l")
sys.stdout.flush()
PY
rows_left() { # rows_left NEW_WIDTH keep|erase
    tmux new-session -d -x 40 -y 8 "sh -c 'python3 $work/program.py $2; sleep 30'"
    sleep 1.5
    tmux resize-window -x "$1" -y 8
    sleep 3.5
    tmux capture-pane -p -S -100 | grep -c PROGRAM || true
    tmux kill-server
    sleep 0.3
}
same=$(rows_left 40 keep)
wider=$(rows_left 70 keep)
erased=$(rows_left 70 erase)
echo "tmux 3.3a: rows left after ?1049l: $same at the same width, $wider after it was made wider, $erased if erased before"
[ "$same" = 0 ] && [ "$wider" -gt 0 ] && [ "$erased" = 0 ]

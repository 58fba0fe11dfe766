#!/usr/bin/env bash
# One would guess: GNU screen, which has no true colour by default, passes over a colour written as
#   38;2;R;G;B, or takes the nearest of its 256.
# What happens: it reads each number for itself. The 2 becomes dim, and where red, green or blue
#   happens to be the number of an attribute, that is set: 38;2;2;4;7 comes out as dim, underlined
#   and reversed, and a green of 100 as a bright background. 38;5;N is passed on rightly.
# Why it matters: COLORTERM=truecolor is inherited by shells inside screen, so a program that believes
#   it draws dim text in wrong colours there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
(cd "$work" && apt-get download -qq screen=4.9.0-4 libutempter0=1.2.1-3 2>/dev/null)
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
python3 - "$work" <<'PY'
import os
import pty
import re
import sys

work = sys.argv[1]
folder = f"{work}/sockets"
os.mkdir(folder, 0o700)
library = next(d for d, _, names in os.walk(f"{work}/root/usr/lib") if "libutempter.so.0" in names)
environment = {**os.environ, "TERM": "xterm-256color", "SCREENDIR": folder, "LD_LIBRARY_PATH": library}
drawn = r"printf 'A\033[38;2;2;4;7mB\033[0m\033[38;2;200;100;50mC\033[0m\033[38;5;208mD\033[0m'; sleep 1"
pid, terminal = pty.fork()
if pid == 0:
    program = f"{work}/root/usr/bin/screen"
    os.execve(program, ["screen", "-c", "/dev/null", "-q", "sh", "-c", drawn], environment)
out = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    out += read
os.waitpid(pid, 0)
sent = re.search(rb"A((?:\x1b\[[0-9;]*m)+)B.*?((?:\x1b\[[0-9;]*m)+)C.*?((?:\x1b\[[0-9;]*m)+)D", out)
got = [re.findall(rb"\x1b\[([0-9;]*)m", part) for part in sent.groups()] if sent else []
got = [" ".join(code.decode() for code in part if code != b"0") for part in got]
print(f"screen 4.9.0: 38;2;2;4;7 is drawn as {got[:1]}, 38;2;200;100;50 as {got[1:2]}, 38;5;208 as {got[2:]}")
sys.exit(got[:1] != ["2 4 7"] or got[2:] != ["38;5;208"] or "100" not in got[1])
PY

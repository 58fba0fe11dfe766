#!/usr/bin/env bash
# One would guess: mosh, which passes on bold, italics, inverse and true colours, passes on dim text too, as
#   ssh does in the same terminal.
# What happens: dim (SGR 2) and struck-out text (SGR 9) come out as plain text, a curly underline as none.
#   The terminal around it, and TERM, say that all of them are there.
# Why it matters: many terminal programs show what is off, old or unknown by dim alone. Over mosh, which is
#   what one takes on a bad link, it looks as if it were on. Show it by form as well.
# Needs: tmux, openssl's libssl3, libtinfo6.
set -euo pipefail
work=$(mktemp -d)
chmod 755 "$work"
terminal() { tmux -S "$work/tmux" -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
(cd "$work" && apt-get download -qq mosh=1.4.0-1+b1 libprotobuf32=3.21.12-3+deb12u1 libutempter0=1.2.1-3 2>/dev/null)
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
cat >"$work/draw" <<'DRAW'
printf '\033[2J\033[H\033[2mdim\033[0m \033[9mstruck\033[0m \033[3mitalic\033[0m \033[1mbold\033[0m'
printf ' \033[38;2;10;20;30mcolour\033[0m'
sleep 4
DRAW
LIBRARIES=$(dirname "$(find "$work/root" -name 'libprotobuf.so.32')")
export LC_ALL=C.UTF-8

seen() { # seen COMMAND: the first row of a terminal in which it runs
    terminal new-session -d -x 80 -y 10 "$1"
    sleep 2
    terminal capture-pane -p -e | head -1
    terminal kill-server
    sleep 0.3
}

direct=$(seen "bash $work/draw")
key=$(LD_LIBRARY_PATH=$LIBRARIES "$work/root/usr/bin/mosh-server" new -i 127.0.0.1 -- bash "$work/draw" 2>/dev/null |
    awk '/^MOSH CONNECT/ { print $3, $4 }')
remote=$(seen "LD_LIBRARY_PATH=$LIBRARIES MOSH_KEY=${key#* } $work/root/usr/bin/mosh-client 127.0.0.1 ${key% *}")

drawn() { # drawn ROW: the attributes that stand before the words of a row
    for pair in dim:2 struck:9 italic:3 bold:1 "colour:38;2;10;20;30"; do
        if [[ $1 == *$'\e['"${pair#*:}m${pair%%:*}"* ]]; then printf '%s yes ' "${pair%%:*}"; else printf '%s no ' "${pair%%:*}"; fi
    done
}
without=$(drawn "$direct") with=$(drawn "$remote")
echo "mosh 1.4.0: in tmux directly: ${without}through mosh: $with"
[ "$without" = "dim yes struck yes italic yes bold yes colour yes " ] &&
    [ "$with" = "dim no struck no italic yes bold yes colour yes " ]

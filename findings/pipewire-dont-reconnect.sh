#!/usr/bin/env bash
# One would guess: node.dont-reconnect keeps the session manager from moving a stream by itself, as when the
#   default sink changes, and a person can still move it in a mixer.
# What happens: the stream stays, and a move by hand is refused, too: pactl says "Invalid argument".
# Why it matters: it looks like the way to keep a call on the headset that was chosen, and takes from the
#   person the mixer that all other programs obey. Watch the stream instead, and go back by yourself.
# Needs: dbus-daemon, pipewire, wireplumber, pipewire-pulse, pulseaudio-utils.
set -euo pipefail
work=$(mktemp -d)
daemons=()
trap 'for each in "${daemons[@]}"; do kill "$each" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
mkdir -m 700 "$work/run"
export XDG_RUNTIME_DIR=$work/run HOME=$work PULSE_SERVER=unix:$work/run/pulse/native LC_ALL=C
dbus-daemon --session --nofork "--address=unix:path=$work/bus" >/dev/null 2>&1 &
daemons+=("$!")
export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus
for daemon in pipewire wireplumber pipewire-pulse; do
    "$daemon" >/dev/null 2>&1 &
    daemons+=("$!")
    sleep 1.5
done
for sink in one two; do
    pactl load-module module-null-sink "sink_name=$sink" >/dev/null
    sleep 0.5
done
moved() { # moved PROPERTY: play a stream with it, move it by hand; say how that went
    pacat --playback --device=one --property="$1" /dev/zero >/dev/null 2>&1 &
    daemons+=("$!")
    sleep 1.5
    stream=$(pactl list short sink-inputs | tail -1 | cut -f1)
    if said=$(pactl move-sink-input "$stream" two 2>&1); then echo moved; else echo "$said"; fi
    kill "${daemons[-1]}"
    sleep 0.5
}
without=$(moved media.role=music)
with=$(moved node.dont-reconnect=true)
version=$(pipewire --version | tail -1 | grep -o '[0-9.]*$')
echo "PipeWire $version: a stream is $without by hand; with node.dont-reconnect: $with"
[ "$without" = moved ] && [ "$with" = "Failure: Invalid argument" ]

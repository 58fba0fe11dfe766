#!/usr/bin/env bash
# One would guess: a sink that is suspended by hand while a program plays to it wakes again with all its
#   channels: the stream runs on, and pactl shows the sink as running a moment later.
# What happens: of the links from the stream to the sink, only the first channel's becomes active again. The
#   others stay paused for as long as the stream lives, and nothing that PulseAudio's API gives shows it.
# Why it matters: a call is heard on one side only, and no check of "running" finds that. Look at the state of
#   the links (pw-dump), or record more than one channel; a stream that is opened anew has them all.
# Needs: dbus-daemon, pipewire, wireplumber, pipewire-pulse, pulseaudio-utils, python3.
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
pactl load-module module-null-sink sink_name=one >/dev/null
pacat --playback --device=one --channels=2 /dev/zero >/dev/null 2>&1 &
daemons+=("$!")
links() { # links: the states of the links, each channel's in turn
    pw-dump | python3 -c '
import json, sys
known, _ = json.JSONDecoder().raw_decode(sys.stdin.read().lstrip())
print(*(each["info"]["state"] for each in known if each["type"].endswith(":Link")))'
}
sleep 2
before=$(links)
after=$before
for _ in 1 2 3; do
    pactl suspend-sink one 1
    sleep 1
    after=$(links)
    [ "$after" = "$before" ] || break
done
state=$(pactl list short sinks | grep -P '\tone\t' | cut -f5)
version=$(pipewire --version | tail -1 | grep -o '[0-9.]*$')
echo "PipeWire $version: links before: $before; after the sink was suspended: $after; the sink is $state"
[ "$before" = "active active" ] && [ "$after" = "active paused" ] && [ "$state" = RUNNING ]

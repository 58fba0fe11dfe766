#!/usr/bin/env bash
# One would guess: a stream that names its device stays there when the desktop's default changes, and only
#   streams without a name follow the default.
# What happens: PulseAudio moves a stream that names a device with the others, if that device happens to be
#   the default when another one becomes it. A recorder that names a monitor is moved as well.
# Why it matters: a call that was put on the headset by name goes to the speakers of the room once another
#   program makes them the default. Watch the stream's device, and go back.
# Needs: pulseaudio, pulseaudio-utils.
set -euo pipefail
work=$(mktemp -d)
programs=()
trap 'for each in "${programs[@]}"; do kill "$each" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
export HOME=$work XDG_RUNTIME_DIR=$work PULSE_SERVER=unix:$work/native LC_ALL=C
pulseaudio -n --daemonize=no --exit-idle-time=-1 --use-pid-file=no --log-level=error \
    --load="module-native-protocol-unix socket=$work/native auth-anonymous=1" \
    --load="module-null-sink sink_name=headset" --load="module-null-sink sink_name=speakers" >/dev/null 2>&1 &
programs+=($!)
sleep 1.5

device_of() { # device_of KIND: the device of the only stream of that kind (sink or source)
    local streams=sink-inputs
    [ "$1" = sink ] || streams=source-outputs
    local id
    id=$(pactl list short "$streams" | cut -f2)
    pactl list short "$1s" | awk -v id="$id" '$1 == id { print $2 }'
}

pactl set-default-sink headset
pactl set-default-source headset.monitor
pacat --playback --device=headset --raw /dev/zero 2>/dev/null &
programs+=($!)
pacat --record --device=headset.monitor --raw >/dev/null 2>&1 &
programs+=($!)
sleep 1
played_at=$(device_of sink) recorded_at=$(device_of source)
pactl set-default-sink speakers
pactl set-default-source speakers.monitor
sleep 1
plays_at=$(device_of sink) records_at=$(device_of source)
echo "PulseAudio $(pulseaudio --version | cut -d' ' -f2): named headset, after the default changed to speakers:" \
    "playing $played_at -> $plays_at, recording $recorded_at -> $records_at"
[ "$played_at $plays_at $recorded_at $records_at" = "headset speakers headset.monitor speakers.monitor" ]

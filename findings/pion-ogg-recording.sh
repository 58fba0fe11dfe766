#!/usr/bin/env bash
# One would guess: a recorder that writes each RTP packet of Opus that came into an Ogg file (pion's oggwriter)
#   gives a file that sounds as long as the call did.
# What happens: its header says that the first 3840 samples are an encoder's run-in, which they are in a stream's
#   first packets only. Players drop them: 80 ms of the call. And it counts packets, not their RTP times: a second
#   without packets (DTX, a mute, a loss) is neither in the sound nor in the file's own times.
# Why it matters: the first syllable of each recording is gone, and two parties' files slip apart with each pause.
#   Fill gaps with packets of silence, and begin with 80 ms of it.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 'numpy<3'
cd "$work"
cat >go.mod <<'MOD'
module finding

go 1.24.0

require (
	github.com/pion/rtp v1.10.6
	github.com/pion/webrtc/v4 v4.2.26
)
MOD
cat >main.go <<'GO'
package main

import (
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

const packets, each = 50, 960

func record(name string, pause uint32) {
	file, err := oggwriter.New(name, 48000, 2)
	if err != nil {
		panic(err)
	}
	at := uint32(1_000_000)
	for number := range packets {
		if number == packets/2 {
			at += pause
		}
		header := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: uint16(number), Timestamp: at}
		packet := &rtp.Packet{Header: header, Payload: []byte{0xfc, 0xff, 0xfe}} // 20 ms of silence
		if err := file.WriteRTP(packet); err != nil {
			panic(err)
		}
		at += each
	}
	if err := file.Close(); err != nil {
		panic(err)
	}
}

func main() {
	record("steady.ogg", 0)
	record("pause.ogg", 48000)
}
GO
CGO_ENABLED=0 go mod tidy 2>log && CGO_ENABLED=0 go run . 2>>log || { cat log >&2; exit 1; }
"$work/venv/bin/python" - <<'PY'
import sys

import soundfile

steady, pause = (len(soundfile.read(f"{name}.ogg")[0]) / 48_000 for name in ("steady", "pause"))
print(
    f"pion/webrtc 4.2.26, read by libsndfile {soundfile.__libsndfile_version__}: 50 packets of 20 ms give"
    f" {steady:.2f} s; the same with 1 s between the 25th and the next give {pause:.2f} s"
)
sys.exit(not (steady == pause == 0.92))
PY

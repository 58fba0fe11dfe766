#!/usr/bin/env bash
# One would guess: a reader of WAV files that knows PCM only refuses a file in µ-law, or calls it invalid.
# What happens: go-audio/wav calls it valid, and gives each byte's code as if it were a sample of 8-bit PCM, with
#   no error: silence comes as 255, the top of the range. The byte that pads an odd chunk comes as a sample, too.
# Why it matters: µ-law and A-law are what recorders of calls write. Made louder, measured or sent to a recogniser
#   it is noise in the rhythm of speech. Look at WavAudioFormat by yourself: 1 is PCM, 6 A-law, 7 µ-law.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
printf 'module finding\n\ngo 1.24.0\n\nrequire github.com/go-audio/wav v1.1.0\n' >go.mod
cat >main.go <<'GO'
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"github.com/go-audio/wav"
)

const silence, count = 0xff, 799

func main() {
	var file bytes.Buffer
	put := func(parts ...any) {
		for _, part := range parts {
			if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
				panic(err)
			}
		}
	}
	put([]byte("RIFF"), uint32(4+8+18+12+8+count+1), []byte("WAVE"))
	put([]byte("fmt "), uint32(18), uint16(7), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8), uint16(0))
	put([]byte("fact"), uint32(4), uint32(count))
	put([]byte("data"), uint32(count), bytes.Repeat([]byte{silence}, count), byte(0))
	valid := wav.NewDecoder(bytes.NewReader(file.Bytes())).IsValidFile()
	sound, err := wav.NewDecoder(bytes.NewReader(file.Bytes())).FullPCMBuffer()
	if err != nil {
		fmt.Println("go-audio/wav 1.1.0: 799 samples of silence in µ-law:", err)
		os.Exit(1)
	}
	values := slices.Compact(slices.Clone(sound.Data))
	fmt.Printf("go-audio/wav 1.1.0: 799 samples of silence in µ-law: valid %v, error %v, %d samples, their values %v\n",
		valid, err, len(sound.Data), values)
	if !valid || len(sound.Data) != count+1 || !slices.Equal(values, []int{silence, 0}) {
		os.Exit(1)
	}
}
GO
CGO_ENABLED=0 go mod tidy 2>log || { cat log >&2; exit 1; }
CGO_ENABLED=0 go run .

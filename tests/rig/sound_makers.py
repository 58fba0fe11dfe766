"""Recordings as the programs of the field write them, made by Debian's own tools.

Every row makes a file of 3 s whose burst begins at 1.000 s. `length_ms` is how far the length may
be off, where nothing in the file says it: up to a block of the codec. `why` goes into the table of
docs/recordings.md.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

SECONDS = 3
BURST_AT_S = 1.0
BURST_S = 0.06
RATES_HZ = (8_000, 16_000, 44_100, 48_000)


@dataclass(frozen=True)
class Maker:
    """One row: `command` makes `{out}` of `{in}`, a WAV of `rate_hz`."""

    container: str
    codec: str
    tool: str
    suffix: str
    rate_hz: int
    command: str
    length_ms: float = 1.0
    why: str = ""

    @property
    def id(self) -> str:
        """What a test names it."""
        return f"{self.container}-{self.codec}-{self.tool}-{self.rate_hz}{self.suffix}"


_TAGLESS = "no LAME header: late by what the encoder adds beyond LAME's 576 samples"
_NO_PRIMING = "nothing says the priming: 1,024 samples are taken, others add as many again"
_BLOCK = "to a block"


def _ffmpeg(arguments: str) -> str:
    return f"ffmpeg -v error -nostdin -y -i {{in}} {arguments} {{out}}"


MAKERS = (
    Maker("WAV", "PCM 16", "sox", ".wav", 8_000, "sox {in} {out}"),
    Maker("WAV", "PCM 24", "sox", ".wav", 48_000, "sox {in} -b 24 {out}"),
    Maker("WAV", "PCM 8", "sox", ".wav", 8_000, "sox {in} -b 8 {out}"),
    Maker("WAV", "float", "ffmpeg", ".wav", 48_000, _ffmpeg("-c:a pcm_f32le")),
    Maker("WAV", "PCM 16, a pipe", "ffmpeg", ".wav", 8_000,
          "ffmpeg -v error -nostdin -i {in} -f wav - | cat > {out}"),
    Maker("WAV", "RF64", "ffmpeg", ".wav", 8_000, _ffmpeg("-rf64 always")),
    Maker("WAV", "big-endian (RIFX)", "sox", ".wav", 16_000, "sox {in} -B {out}"),
    Maker("WAV", "µ-law", "sox", ".wav", 8_000, "sox {in} -e mu-law {out}"),
    Maker("WAV", "A-law", "sox", ".wav", 8_000, "sox {in} -e a-law {out}"),
    Maker("WAV", "GSM 6.10", "sox", ".wav", 8_000, "sox {in} -e gsm-full-rate {out}", 20, _BLOCK),
    Maker("WAV", "IMA ADPCM", "sox", ".wav", 8_000, "sox {in} -e ima-adpcm {out}", 64, _BLOCK),
    Maker("WAV", "MS ADPCM", "sox", ".wav", 8_000, "sox {in} -e ms-adpcm {out}", 64, _BLOCK),
    Maker("WAV", "G.722", "ffmpeg", ".wav", 16_000, _ffmpeg("-c:a g722")),
    Maker("WAV", "G.726", "ffmpeg", ".wav", 8_000, _ffmpeg("-c:a g726")),
    Maker("WAV", "G.723.1", "ffmpeg", ".wav", 8_000, _ffmpeg("-c:a g723_1 -b:a 6300"), 30, _BLOCK),
    Maker("WAV", "MP3", "ffmpeg", ".wav", 44_100, _ffmpeg("-c:a libmp3lame"), 27, _TAGLESS),
    Maker("W64", "PCM 16", "sox", ".w64", 44_100, "sox {in} {out}"),
    Maker("FLAC", "FLAC", "flac", ".flac", 44_100, "flac -s -f {in} -o {out}"),
    Maker("FLAC", "FLAC 24", "ffmpeg", ".flac", 48_000, _ffmpeg("-sample_fmt s32")),
    Maker("FLAC", "FLAC, a pipe", "ffmpeg", ".flac", 44_100,
          "ffmpeg -v error -nostdin -i {in} -f flac - | cat > {out}"),
    Maker("Ogg", "FLAC", "flac", ".oga", 44_100, "flac -s -f --ogg {in} -o {out}"),
    Maker("Ogg", "FLAC, a pipe", "flac", ".oga", 16_000,
          "cat {in} | flac -s --ogg -c - | cat > {out}"),
    Maker("Ogg", "Vorbis", "oggenc", ".ogg", 44_100, "oggenc -Q -o {out} {in}"),
    Maker("Ogg", "Vorbis", "sox", ".ogg", 8_000, "sox {in} {out}"),
    Maker("Ogg", "Opus", "opusenc", ".opus", 48_000, "opusenc --quiet {in} {out}"),
    Maker("Ogg", "Opus", "ffmpeg", ".ogg", 48_000, _ffmpeg("-c:a libopus")),
    Maker("Ogg", "Speex", "speexenc", ".spx", 8_000, "speexenc --quiet {in} {out}"),
    Maker("Ogg", "Speex wide-band", "speexenc", ".spx", 16_000, "speexenc --quiet -w {in} {out}"),
    Maker("MP3", "MP3, CBR", "lame", ".mp3", 44_100, "lame --quiet {in} {out}"),
    Maker("MP3", "MP3, VBR", "lame", ".mp3", 48_000, "lame --quiet -V4 {in} {out}"),
    Maker("MP3", "MP3, low bit rate", "lame", ".mp3", 16_000, "lame --quiet -b 32 {in} {out}",
          72, _TAGLESS),
    Maker("MP3", "MP3", "ffmpeg", ".mp3", 48_000, _ffmpeg("-c:a libmp3lame")),
    Maker("MP3", "MP3, VBR, no header", "lame", ".mp3", 48_000, "lame --quiet -t -V4 {in} {out}",
          48, _TAGLESS),
    Maker("MP2", "MP2", "twolame", ".mp2", 48_000, "twolame --quiet {in} {out}", 25, _BLOCK),
    Maker("M4A", "AAC", "ffmpeg", ".m4a", 48_000, _ffmpeg("-c:a aac")),
    Maker("M4A", "AAC", "ffmpeg", ".m4a", 8_000, _ffmpeg("-c:a aac")),
    Maker("M4A", "ALAC", "ffmpeg", ".m4a", 48_000, _ffmpeg("-c:a alac")),
    Maker("M4A", "ALAC 24", "ffmpeg", ".m4a", 48_000, _ffmpeg("-c:a alac -sample_fmt s32p")),
    Maker("MP4", "AAC, fragmented", "ffmpeg", ".mp4", 48_000,
          _ffmpeg("-c:a aac -movflags frag_keyframe+empty_moov"), 22, _NO_PRIMING),
    Maker("MP4", "Opus", "ffmpeg", ".mp4", 48_000, _ffmpeg("-c:a libopus")),
    Maker("MOV", "µ-law", "ffmpeg", ".mov", 8_000, _ffmpeg("-c:a pcm_mulaw")),
    Maker("3GP", "AAC", "ffmpeg", ".3gp", 48_000, _ffmpeg("-c:a aac")),
    Maker("3GP", "AMR-NB", "sox, ffmpeg", ".3gp", 8_000,
          "sox {in} -C 7 -t amr-nb {out}.amr &&"
          " ffmpeg -v error -nostdin -y -i {out}.amr -c:a copy {out}", 20, _BLOCK),
    Maker("AMR", "AMR-NB", "sox", ".amr", 8_000, "sox {in} -C 7 -t amr-nb {out}", 20, _BLOCK),
    Maker("ADTS", "AAC", "ffmpeg", ".aac", 48_000, _ffmpeg("-c:a aac"), 22, _NO_PRIMING),
    Maker("MPEG-TS", "AAC", "ffmpeg", ".ts", 48_000, _ffmpeg("-c:a aac"), 22, _NO_PRIMING),
    Maker("WebM", "Opus", "ffmpeg", ".webm", 48_000, _ffmpeg("-c:a libopus")),
    Maker("WebM", "Vorbis", "ffmpeg", ".webm", 48_000, _ffmpeg("-c:a libvorbis")),
    Maker("MKA", "FLAC", "ffmpeg", ".mka", 48_000, _ffmpeg("-c:a flac")),
    Maker("MKA", "AAC", "ffmpeg", ".mka", 48_000, _ffmpeg("-c:a aac"), 22, _NO_PRIMING),
    Maker("WMA", "WMA 2", "ffmpeg", ".wma", 44_100, _ffmpeg("-c:a wmav2"), 47, _BLOCK),
    Maker("WMA", "WMA 1", "ffmpeg", ".wma", 44_100, _ffmpeg("-c:a wmav1"), 47, _BLOCK),
    Maker("AU", "µ-law", "sox", ".au", 8_000, "sox {in} -e mu-law {out}"),
    Maker("AU", "PCM 16", "sox", ".au", 44_100, "sox {in} {out}"),
    Maker("AIFF", "PCM 16", "sox", ".aiff", 44_100, "sox {in} {out}"),
    Maker("AIFC", "PCM 16, little-endian", "ffmpeg", ".aifc", 44_100, _ffmpeg("-c:a pcm_s16le")),
    Maker("CAF", "PCM 16", "ffmpeg", ".caf", 44_100, _ffmpeg("-c:a pcm_s16le")),
    Maker("CAF", "ALAC", "ffmpeg", ".caf", 44_100, _ffmpeg("-c:a alac")),
    Maker("CAF", "Opus", "ffmpeg", ".caf", 48_000, _ffmpeg("-c:a libopus"), 20, _BLOCK),
    Maker("WavPack", "WavPack", "wavpack", ".wv", 44_100, "wavpack -q -y {in} -o {out}"),
    Maker("VOC", "PCM 16", "sox", ".voc", 8_000, "sox {in} {out}"),
    Maker("NIST SPHERE", "PCM 16", "sox", ".sph", 8_000, "sox {in} {out}"),
    Maker("AC-3", "AC-3", "ffmpeg", ".ac3", 48_000, _ffmpeg("-c:a ac3"), 33, _BLOCK),
    Maker("raw (Asterisk)", "µ-law", "sox", ".ulaw", 8_000, "sox {in} -t ul {out}"),
    Maker("raw (Asterisk)", "A-law", "sox", ".alaw", 8_000, "sox {in} -t al {out}"),
    Maker("raw (Asterisk)", "linear, 8 kHz", "sox", ".sln", 8_000, "sox {in} -t s16 {out}"),
    Maker("raw (Asterisk)", "linear, 16 kHz", "sox", ".sln16", 16_000, "sox {in} -t s16 {out}"),
    Maker("raw (Asterisk)", "linear, 48 kHz", "sox", ".sln48", 48_000, "sox {in} -t s16 {out}"),
    Maker("raw (Asterisk)", "GSM 6.10", "sox", ".gsm", 8_000, "sox {in} {out}", 20, _BLOCK),
    Maker("raw (Asterisk)", "G.722", "ffmpeg", ".g722", 16_000, _ffmpeg("-f g722")),
    Maker("raw (Asterisk)", "G.726 32k", "ffmpeg", ".g726-32", 8_000,
          _ffmpeg("-c:a g726le -b:a 32k -f g726le")),
    Maker("raw (Dialogic)", "OKI ADPCM", "sox", ".vox", 8_000, "sox {in} {out}"),
)  # fmt: skip


def markdown_table() -> str:
    """Return the table of docs/recordings.md: containers, codecs, and what no file says."""
    lines = [
        "| container | suffixes | codecs | made by | length not known |",
        "|---|---|---|---|---|",
    ]
    for container in dict.fromkeys(each.container for each in MAKERS):
        rows = [each for each in MAKERS if each.container == container]
        suffixes = ", ".join(f"`{each}`" for each in dict.fromkeys(row.suffix for row in rows))
        codecs = ", ".join(dict.fromkeys(row.codec for row in rows))
        tools = ", ".join(dict.fromkeys(row.tool for row in rows))
        notes = dict.fromkeys(
            f"{row.codec}: {row.why}, up to {row.length_ms:g} ms" for row in rows if row.why
        )
        lines.append(f"| {container} | {suffixes} | {codecs} | {tools} | {'; '.join(notes)} |")
    return "\n".join(lines)


def burst(rate_hz: int) -> np.ndarray:
    """Return 60 ms that rise from 500 to 2,500 Hz."""
    times_s = np.arange(round(BURST_S * rate_hz)) / rate_hz
    phase = 2 * np.pi * (500 * times_s + 2_000 / (2 * BURST_S) * times_s**2)
    return 0.5 * np.sin(phase) * np.hanning(len(times_s)) ** 0.25


def write_source(path: Path, rate_hz: int, seconds: float = SECONDS) -> None:
    """Write the WAV that all others are made of."""
    samples = np.random.default_rng(9).uniform(-1e-3, 1e-3, round(seconds * rate_hz))
    begins = round(BURST_AT_S * rate_hz)
    samples[begins : begins + round(BURST_S * rate_hz)] += burst(rate_hz)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")


def make(maker: Maker, source: Path, folder: Path) -> Path:
    """Return the file that a row's tools make of `source`."""
    out = folder / f"made{maker.suffix}"
    command = maker.command.replace("{in}", str(source)).replace("{out}", str(out))
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-500:]}"
    return out


def burst_at_s(samples: np.ndarray, rate_hz: int) -> float:
    """Return where the burst begins in one channel of float samples, s."""
    size = 1 << (len(samples) + len(burst(rate_hz))).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(burst(rate_hz), size))
    match = np.fft.irfft(spectrum, size)[: len(samples)]
    return float(np.argmax(match)) / rate_hz

"""What kind of sound file it is, by its first bytes; of sound without a head, by its suffix.

Only the demuxers named here are ever used: others of FFmpeg open further files or addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SNIFFED_BYTES = 4096

SUFFIXES = frozenset((
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".spx",
    ".mp3", ".mp2", ".mpga", ".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".3g2", ".aac", ".adts",
    ".amr", ".awb", ".au", ".snd", ".aif", ".aiff", ".aifc", ".caf", ".webm", ".weba", ".mka",
    ".mkv", ".wma", ".asf", ".ac3", ".eac3", ".wv", ".tta", ".ape", ".voc", ".sph", ".nist",
    ".ts", ".mts", ".m2ts", ".avi", ".flv", ".ulaw", ".ul", ".mu", ".ulw", ".pcm", ".alaw",
    ".al", ".alw", ".g722", ".gsm", ".sln", ".sln8", ".sln12", ".sln16", ".sln24", ".sln32",
    ".sln44", ".sln48", ".sln96", ".sln192", ".wav49", ".wav16", ".vox", ".g726-40",
    ".g726-32", ".g726-24", ".g726-16",
))  # fmt: skip


@dataclass(frozen=True)
class RawCoding:
    """Sound without a head: a coding by Microsoft's number, samples of `bits`, one channel.

    `rate_hz` None: nothing says it, and it must be named.
    """

    tag: int
    bits: int
    rate_hz: int | None


@dataclass(frozen=True)
class Format:
    """How a file is read: `demuxer` is FFmpeg's name, `options` are those of the demuxer."""

    name: str
    demuxer: str
    options: dict[str, str] = field(default_factory=dict)
    raw: RawCoding | None = None


_MULAW = Format("µ-law", "wav", raw=RawCoding(7, 8, 8_000))
_ALAW = Format("A-law", "wav", raw=RawCoding(6, 8, 8_000))
_VOX = Format("OKI ADPCM", "wav", raw=RawCoding(0x17, 4, None))


def _linear(rate_hz: int) -> Format:
    return Format("signed linear", "wav", raw=RawCoding(1, 16, rate_hz))


def _g726(bits: int) -> Format:
    return Format("G.726", "g726le", {"sample_rate": "8000", "code_size": str(bits)})


RAW: dict[str, Format] = {
    **dict.fromkeys((".ulaw", ".ul", ".mu", ".ulw", ".pcm"), _MULAW),
    **dict.fromkeys((".alaw", ".al", ".alw"), _ALAW),
    ".g722": Format("G.722", "g722"),
    ".gsm": Format("GSM", "gsm"),
    ".vox": _VOX,
    ".sln": _linear(8_000),
    **{f".sln{khz}": _linear(khz * 1_000) for khz in (8, 12, 16, 24, 32, 48, 96, 192)},
    ".sln44": _linear(44_100),
    **{f".g726-{bits * 8}": _g726(bits) for bits in (2, 3, 4, 5)},
}
"""What Asterisk's suffixes mean (its format modules), and Dialogic's `.vox`."""

WAV, OGG, MP3 = Format("WAV", "wav"), Format("Ogg", "ogg"), Format("MPEG audio", "mp3")
MP4, MATROSKA = Format("MP4", "mov"), Format("Matroska", "matroska")
_ADTS = Format("AAC", "aac")

_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"OggS", OGG),
    (0, b"fLaC", Format("FLAC", "flac")),
    (4, b"ftyp", MP4),
    (4, b"moov", MP4),
    (4, b"mdat", MP4),
    (4, b"wide", MP4),
    (0, b"\x1a\x45\xdf\xa3", MATROSKA),
    (0, b"FORM", Format("AIFF", "aiff")),
    (0, b".snd", Format("AU", "au")),
    (0, b"caff", Format("CAF", "caf")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Format("ASF", "asf")),
    (0, b"#!AMR", Format("AMR", "amr")),
    (0, b"riff\x2e\x91\xcf\x11", Format("W64", "w64")),
    (0, b"wvpk", Format("WavPack", "wv")),
    (0, b"TTA1", Format("TTA", "tta")),
    (0, b"MAC ", Format("Monkey's Audio", "ape")),
    (0, b"Creative Voice File", Format("VOC", "voc")),
    (0, b"NIST_1A", Format("NIST SPHERE", "nistsphere")),
    (0, b"\x0b\x77", Format("AC-3", "ac3")),
    (0, b"FLV\x01", Format("FLV", "flv")),
    (8, b"AVI ", Format("AVI", "avi")),
)

UNREADABLE: dict[str, str] = {
    ".g729": "G.729", ".g723": "G.723.1", ".g723sf": "G.723.1", ".ilbc": "iLBC",
    ".siren7": "Siren 7", ".siren14": "Siren 14", ".g719": "G.719", ".silk": "SILK",
    ".codec2": "Codec 2", ".dss": "DSS", ".ds2": "DSS Pro", ".msv": "Sony MSV",
    ".dvf": "Sony DVF", ".imbe": "IMBE", ".ambe": "AMBE", ".mbe": "IMBE or AMBE",
}  # fmt: skip
"""Codecs of telephony and dictation for which there is no reader here, by suffix."""


def format_of(path: Path, start: bytes) -> Format | None:
    """Return the format of a file that begins with `start` (`SNIFFED_BYTES` of it, ID3 left out).

    None: it is none that is known.
    """
    suffix = path.suffix.lower()
    if start[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and start[8:12] == b"WAVE":
        return WAV
    for at, magic, known in _MAGIC:
        if start[at : at + len(magic)] == magic:
            return known
    if suffix in RAW:
        return RAW[suffix]
    if start[:1] == b"\x47" and start[188:189] == b"\x47" and start[376:377] == b"\x47":
        return Format("MPEG-TS", "mpegts")
    if suffix in (".aac", ".adts") or (start[:1] == b"\xff" and start[1:2] in b"\xf1\xf9\xf0\xf8"):
        return _ADTS if start[:1] == b"\xff" else None
    is_frame = len(start) > 1 and start[0] == 0xFF and start[1] >= 0xE2 and start[1] & 0x18 != 0x08
    return MP3 if is_frame or (suffix in (".mp3", ".mp2", ".mpga") and _has_frame(start)) else None


def _has_frame(start: bytes) -> bool:
    """Return whether an MPEG frame may begin somewhere in `start`."""
    at = start.find(b"\xff")
    while 0 <= at < len(start) - 1:
        if start[at + 1] >= 0xE2:
            return True
        at = start.find(b"\xff", at + 1)
    return False

"""Text that came from the network, made safe to show, log and copy."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Format characters that reorder or hide what stands around them (CVE-2021-42574).
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")
_JOINED = frozenset(("Lo", "Mn", "Mc"))
"""Joiners shape letters (Persian, Indic scripts) where they follow one of these."""

_MARKS = frozenset(("Mn", "Me"))
MARKS_IN_A_ROW = 4
"""More marks than this on one letter are a prank that some terminals spill over the next line."""

_KEYCAP = "\u20e3"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


def plain_text(value: str, max_chars: int = 200) -> str:
    """Return `value` as one harmless line of at most `max_chars` characters.

    Control characters (C0, C1, DEL), bidirectional overrides, surrogates, private-use and other
    invisible format characters become U+FFFD; line ends and tabs become a space. Joiners stay where
    they shape letters. A longer text is cut and ends in an ellipsis.

    What terminals do not agree on how wide it is, is taken apart into what they all draw alike:
    joined emoji into their members, flags into their two letters; skin tones, keycaps and the
    choice between a sign's coloured and plain form are left out.
    """
    if len(value) <= max_chars and value.isascii() and value.isprintable():
        return value
    cut = value[: max_chars + 1]
    safe: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", cut):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        before = unicodedata.category(safe[-1]) if safe else ""
        if marks <= MARKS_IN_A_ROW and not _is_ambiguous(character, before):
            safe.append(_safe_character(character, category))
    text = unicodedata.normalize("NFC", "".join(safe))
    is_longer = len(cut) > max_chars or len(text) > max_chars
    return text[: max_chars - 1] + ELLIPSIS if is_longer else text


def duration_text(seconds: float) -> str:
    """Return a length as `m:ss`, from an hour on as `h:mm:ss`."""
    minutes, whole_s = divmod(round(max(seconds, 0.0)), 60)
    if minutes < 60:
        return f"{minutes}:{whole_s:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{whole_s:02}"


def plain_json(line: bytes) -> bytes:
    """Return a JSON text, UTF-8, that says the same and is harmless on a terminal.

    What `plain_text` would replace is escaped, and nothing is lost.
    """
    if line.isascii() and b"\x7f" not in line:
        return line
    return _NOT_ASCII.sub(_escaped, line.decode()).encode()


_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if _safe_character(character, unicodedata.category(character)) == character:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_ambiguous(character: str, before: str) -> bool:
    """Return whether a character changes the width of what is before it in some terminals only."""
    if character in _JOINERS:
        return before not in _JOINED
    if "\ufe00" <= character <= "\ufe0f" or character == _KEYCAP:
        return True
    return ord(character) in _SKIN_TONES and before == "So"


def _safe_character(character: str, category: str) -> str:
    if character in "\t\n\r\v\f\u0085\u2028\u2029":
        return " "
    if character in _JOINERS:
        return character
    if ord(character) in _FLAG_LETTERS:
        return chr(ord("A") + ord(character) - _FLAG_LETTERS.start)
    if character in _BIDI or category in ("Cc", "Cf", "Cs", "Co"):
        return _REPLACEMENT
    return character

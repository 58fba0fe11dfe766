"""Text that came from the network, made safe to show, log and copy."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Format characters that reorder or hide what stands around them (CVE-2021-42574).
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")


def plain_text(value: str, max_chars: int = 200) -> str:
    """Return `value` as one harmless line of at most `max_chars` characters.

    Control characters (C0, C1, DEL), bidirectional overrides, surrogates, private-use and other
    invisible format characters become U+FFFD; line ends and tabs become a space. Joiners stay, so
    that emoji and Indic scripts draw right. A longer text is cut and ends in an ellipsis.
    """
    cut = value[: max_chars + 1]
    safe = "".join(_safe_character(character) for character in cut)
    return safe[: max_chars - 1] + ELLIPSIS if len(cut) > max_chars else safe


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
    if _safe_character(character) == character:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _safe_character(character: str) -> str:
    if character in "\t\n\r\v\f\u0085\u2028\u2029":
        return " "
    if character in _JOINERS:
        return character
    category = unicodedata.category(character)
    if character in _BIDI or category in ("Cc", "Cf", "Cs", "Co"):
        return _REPLACEMENT
    return character

"""Hostile messages: real ones, bent. What is generated depends on the seed alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

TEXTS = (
    "",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x07\x08\x7f\x00",
    "[@click=app.quit]x[/]",
    "[bold red]",
    "\u202eabc\u2066",
    "\ud800",
    "e\u0301\u200d👩‍👩‍👧",
    "中文字",
    "x" * 20_000,
    "../../etc/passwd",
    "2024-01-15 10:30:00 UTC",
    "9999-12-31T23:59:59.999Z",
    "0000-00-00",
)
NUMBERS = (
    *(0, -1, 1, 2**31, -(2**31), 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.1, -0.0, 1e-320, 1e308, -1e308, 5e-324),
)
LITERALS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "0x10", "1_0", "tru")
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None})
MOST_NESTED = 2_000


def messages(seeds: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield bent messages without end, of JSON by its values too."""
    known = [json.loads(seed) for seed in seeds if seed[:1] in b"{["]
    while True:
        kind = chance.random()
        if kind < 0.1:
            yield chance.choice(seeds)
        elif kind < 0.6 and known:
            yield _as_json(_bent(chance.choice(known), chance), chance)
        elif kind < 0.85:
            yield _bent_bytes(chance.choice(seeds), chance)
        elif kind < 0.95:
            yield _as_json(_anything(chance, 4), chance)
        else:
            yield _odd(chance)


def _bent(value: Any, chance: random.Random) -> Any:
    """Return a copy in which about one thing is not as it should be."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        bent = dict(value)
        name = chance.choice(list(bent))
        way = chance.random()
        if way < 0.1:
            del bent[name]
        elif way < 0.2:
            bent[chance.choice(TEXTS)] = bent.pop(name)
        else:
            bent[name] = _bent(bent[name], chance)
        return bent
    if isinstance(value, list) and value and chance.random() < 0.85:
        bent_list = list(value)
        at = chance.randrange(len(bent_list))
        bent_list[at] = _bent(bent_list[at], chance)
        return bent_list * chance.choice((1, 1, 1, 2, 50))
    return _anything(chance, 2)


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(6 if depth else 4)
    if kind == 0:
        return chance.choice(TEXTS)
    if kind == 1:
        return chance.choice(NUMBERS)
    if kind == 2:
        return chance.choice(OTHERS)
    if kind == 3:
        return chance.uniform(-1e6, 1e6)
    if kind == 4:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(TEXTS): _anything(chance, depth - 1) for _ in range(chance.randrange(4))}


def _as_json(value: Any, chance: random.Random) -> bytes:
    """Return it as JSON; now and then with a number that JSON does not have."""
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.1:
        at = text.find(": ")
        end = min(
            (found for found in (text.find(", ", at), text.find("}", at)) if found > 0),
            default=len(text),
        )
        if at > 0:
            text = f"{text[: at + 2]}{chance.choice(LITERALS)}{text[end:]}"
    return text.encode("utf-8", "surrogatepass")


def _bent_bytes(seed: bytes, chance: random.Random) -> bytes:
    content = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(content) + 1)
        way = chance.randrange(4)
        if way == 0:
            content[at : at + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            del content[at : at + chance.randrange(1, 20)]
        elif way == 2:
            content[at:at] = chance.randbytes(chance.randrange(1, 8))
        else:
            content[at:at] = content[: chance.randrange(1, 40)]
    return bytes(content)


def _odd(chance: random.Random) -> bytes:
    way = chance.randrange(5)
    nested = chance.randrange(1, MOST_NESTED)
    if way == 0:
        return b"[" * nested + b"]" * nested
    if way == 1:
        return b'{"a":' * nested + b"1" + b"}" * nested
    if way == 2:
        return chance.randbytes(chance.randrange(200))
    if way == 3:
        return b"9" * chance.randrange(1, 5_000)
    return b" " * chance.randrange(20_000)

"""Has every reader read its share of bent messages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

from tests.fuzz.generate import messages
from tests.fuzz.readers import readers


def fuzz(count: int, seed: int) -> Iterator[str]:
    """Read `count` messages in all; yield a line for each reader. Raise what breaks.

    The error says which message did it, so that it can be tried again by itself.
    """
    all_readers = readers()
    for number, reader in enumerate(all_readers):
        share = count // len(all_readers) + (number < count % len(all_readers))
        chance = random.Random(f"{seed}/{reader.name}")
        taken = 0
        for message in islice(messages(reader.seeds, chance), share):
            try:
                taken += reader.read(message)
            except Exception as error:
                raise AssertionError(
                    f"{reader.name}: {type(error).__name__} on {message[:2000]!r}"
                ) from error
        assert taken > share // 50, f"{reader.name}: nearly all refused, so hardly anything tried"
        yield f"{reader.name}: {share} messages, {taken} taken"

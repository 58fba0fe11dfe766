"""Has every reader read its share of bent messages."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import islice

from tests.benchmarks.cost import resident_mb
from tests.fuzz.generate import messages
from tests.fuzz.readers import readers

MOST_GROWTH_MB = 40.0
"""What a reader may add to this process's memory, however many messages it reads."""

LOOK_EACH = 500


def fuzz(count: int, seed: int) -> Iterator[str]:
    """Read `count` messages in all; yield a line for each reader. Raise what breaks.

    The error says which message did it, so that it can be tried again by itself.
    """
    all_readers = readers()
    for number, reader in enumerate(all_readers):
        share = count // len(all_readers) + (number < count % len(all_readers))
        chance = random.Random(f"{seed}/{reader.name}")
        taken, before_mb, most_mb = 0, resident_mb(os.getpid()), 0.0
        for at, message in enumerate(islice(messages(reader.seeds, chance), share)):
            if at % LOOK_EACH == 0:
                most_mb = max(most_mb, resident_mb(os.getpid()))
            try:
                taken += reader.read(message)
            except Exception as error:
                raise AssertionError(
                    f"{reader.name}: {type(error).__name__} on {message[:2000]!r}"
                ) from error
        assert taken > share // 50, f"{reader.name}: nearly all refused, so hardly anything tried"
        grown_mb = max(most_mb, resident_mb(os.getpid())) - before_mb
        assert grown_mb < MOST_GROWTH_MB, f"{reader.name}: {grown_mb:.0f} MB more"
        yield f"{reader.name}: {share} messages, {taken} taken, {grown_mb:+.1f} MB"

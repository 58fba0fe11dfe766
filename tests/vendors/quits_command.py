"""`python -m tests.vendors quits [COUNT]`: so many quits under load, 200 if none is named."""

from __future__ import annotations

import contextlib
import time

from tests.vendors.quits import quit_under_load
from tests.vendors.rig import Rig

COUNT = 200


def quits(count: int = COUNT) -> int:
    """Play them; print one line and what was wrong; return 0 if nothing was."""
    with contextlib.closing(Rig()) as rig, rig.sink() as sink:
        began_s = time.monotonic()
        wrong = quit_under_load(rig, sink, count)
        took_s = time.monotonic() - began_s
    print(f"{count - len(wrong)} of {count} quits under load were clean, in {took_s:.0f} s")
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return 1 if wrong else 0

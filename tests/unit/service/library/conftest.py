"""What the tests of the library share."""

from __future__ import annotations

import pytest


class Clock:
    """A wall clock that a test sets, in s."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()

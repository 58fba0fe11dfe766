"""What the tests of the library share."""

from __future__ import annotations

import pytest

from tests.rig.clock import SteppedClock


@pytest.fixture
def clock() -> SteppedClock:
    """The library's wall clock."""
    return SteppedClock(1_000_000.0)

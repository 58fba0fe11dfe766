"""The short rows of the fault table; `python -m tests.faults` runs all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rig import Rig
from tests.faults.rows import ROWS, Row

pytestmark = pytest.mark.plays


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.mark.parametrize("row", [row for row in ROWS if row.short], ids=lambda row: row.name)
def test_the_call_comes_back_to_its_place_or_ends_with_its_reason(rig: Rig, row: Row) -> None:
    outcome = row.play(rig)
    assert not outcome.wrong, outcome

"""A player that quits ends with 0, whatever else the machine does: the short form of 200 quits."""

from __future__ import annotations

import contextlib

import pytest

from tests.rig.pulse import PulseServer
from tests.vendors.quits import quit_under_load
from tests.vendors.rig import Rig

pytestmark = pytest.mark.measures

QUITS = 6


def test_quits_under_load_are_clean(pulse: PulseServer) -> None:
    with contextlib.closing(Rig(pulse)) as rig, rig.sink() as sink:
        assert quit_under_load(rig, sink, QUITS) == []

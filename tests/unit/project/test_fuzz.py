"""Bent messages break no reader; `python -m tests.fuzz 1000000` is the long run of the same."""

from __future__ import annotations

from tests.fuzz.readers import readers
from tests.fuzz.run import fuzz


def test_no_message_breaks_a_reader() -> None:
    assert len(list(fuzz(1_500, seed=911))) == len(readers())


def test_every_reader_takes_good_messages() -> None:
    for reader in readers():
        assert any(reader.read(seed) for seed in reader.seeds), reader.name

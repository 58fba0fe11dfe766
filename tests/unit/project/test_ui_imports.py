"""What the screen loads, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("livekit", "sounddevice", "numpy", "httpx", "soxr")


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*(n.split('.')[0] for n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["callplayer.ui.player_app", "callplayer.ui.screens.picker"])
def test_the_screen_loads_no_sound_and_no_network(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


def test_the_way_in_loads_no_textual_so_that_the_engine_starts_first() -> None:
    loaded = loaded_by("import callplayer.ui.app")
    assert loaded.isdisjoint((*HEAVY, "textual", "rich"))

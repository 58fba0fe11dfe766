"""What a fault came to, as a row of docs/faults.md: with `FAULT_ROWS=FILE` tests add theirs."""

from __future__ import annotations

import os
from pathlib import Path


def note_outcome(fault: str, noticed_s: float | None, sound_s: float | None, lost: str) -> None:
    """Add a row: when the player said so, when sound came again (None: it never stopped), what of
    the call was lost."""
    path = os.environ.get("FAULT_ROWS")
    if not path:
        return
    noticed = "at once" if noticed_s is None else f"{noticed_s:.1f} s"
    sound = "never stopped" if sound_s is None else f"{sound_s:.1f} s"
    with Path(path).open("a") as rows:
        rows.write(f"| {fault} | {noticed} | {sound} | {lost} |\n")

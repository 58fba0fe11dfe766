"""The fault table: `python -m tests.faults [ROW…] [--quick]`; 0 if every row is as it should be.

A ROW is a part of a row's name. Real servers, a real engine, a recorded sound device; Linux, root.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from tests.faults.play import Outcome
from tests.faults.rig import Rig
from tests.faults.rows import ROWS

HEAD = ("fault", "noticed after", "said", "sound again after", "cursor off by", "lost", "verdict")


def main() -> int:
    """Run the rows that are named, or all; print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="a part of a row's name")
    parser.add_argument("--quick", action="store_true", help="without the rows that take a minute")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write what engines emitted there")
    parser.add_argument("--list", action="store_true", help="only list the rows' names")
    options = parser.parse_args()
    rows = [
        row
        for row in ROWS
        if (row.quick or not options.quick)
        and (not options.rows or any(part.lower() in row.name.lower() for part in options.rows))
    ]
    if not rows:
        parser.error("no row has such a name; --list names them")
    if options.list:
        print(*(row.name for row in rows), sep="\n")
        return 0
    print("|", " | ".join(HEAD), "|")
    print("|", " | ".join("---" for _ in HEAD), "|", flush=True)
    bad = 0
    with contextlib.closing(Rig(options.keep)) as rig:
        for row in rows:
            try:
                outcome = row.play(rig)
            except AssertionError as error:
                outcome = Outcome(row.name, wrong=(str(error),))
            bad += bool(outcome.wrong)
            print("|", " | ".join(cells(outcome)), "|", flush=True)
    return 1 if bad else 0


def cells(outcome: Outcome) -> tuple[str, ...]:
    """Return the cells of one line."""
    return (
        outcome.row,
        _seconds(outcome.noticed_s),
        outcome.said.replace("|", "/"),
        _seconds(outcome.again_s),
        "" if outcome.off_ms is None else f"{outcome.off_ms / 1000:+.2f} s",
        outcome.lost,
        "; ".join(outcome.wrong).replace("|", "/") or "good",
    )


def _seconds(value_s: float | None) -> str:
    return "" if value_s is None else f"{value_s:.1f} s"


if __name__ == "__main__":
    sys.exit(main())

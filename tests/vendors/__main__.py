"""`python -m tests.vendors [ROW…]`: how the player does with every kind of server.

A ROW is a part of a server's name. `quits [COUNT]` quits under load instead, `rules` plays only
the simulated servers. The others are real, with a real engine and a recorded sound device.
"""

from __future__ import annotations

import sys

from tests.vendors.quits_command import COUNT, quits
from tests.vendors.room_table import print_rooms
from tests.vendors.rules_table import lines, rows


def main(words: list[str]) -> int:
    """Run what is asked for; return the exit code."""
    if words[:1] == ["quits"]:
        return quits(int(words[1]) if len(words) > 1 else COUNT)
    if not words or words == ["rules"]:
        print("\n".join(lines(rows())), flush=True)
    return 0 if words == ["rules"] else print_rooms(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

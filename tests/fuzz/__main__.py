"""A long run: `python -m tests.fuzz MESSAGES [--seed N]`; 0 if nothing broke."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fuzz.run import fuzz


def main() -> int:
    """Generate so many messages, over all readers, and print how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("messages", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began_s = time.monotonic()
    for line in fuzz(options.messages, options.seed):
        print(line, flush=True)
    print(f"{options.messages} messages in {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

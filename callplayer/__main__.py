"""`python -m callplayer`."""

import sys

from callplayer.cli import main

if __name__ == "__main__":
    sys.exit(main())

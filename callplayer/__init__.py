"""callplayer: hear and steer a recorded or live emergency call from a terminal."""

import sys

__version__ = "0.1.0"

# httpx imports its command line, and with it click, rich and pygments: 0.1 s of each start. With a
# None here, Python answers that the module is not there, which httpx is prepared for.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

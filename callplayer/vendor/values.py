"""What all readers of the vendor's JSON share. Pure."""

from __future__ import annotations

import msgspec

MAX_HTTP_BYTES = 4_000_000

MAX_CALL_MS = 7 * 24 * 3600 * 1000

FIRST_YEAR, LAST_YEAR = 2, 9998
"""Times outside are taken for none: in another time zone, or a call later, no calendar has them."""


class WireError(ValueError):
    """A message that is not what the contract says. Its text holds nothing of the message."""


ENCODER = msgspec.json.Encoder()

"""How decoded sound is held: int16 at 48 kHz, of shape (frames, parties)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000

Samples = NDArray[np.int16]

"""Where calls were left in the middle: a position each, and nothing else of them.

The file is private. It names calls by a hash of their id; one that is missing or not what we wrote
counts as empty.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import msgspec
import platformdirs

from callplayer.paths import APP_NAME, write_private

LOG = logging.getLogger(__name__)

MAX_BYTES = 100_000
MAX_CALLS = 500
"""The calls that were left last are kept."""


def resume_points_path() -> Path:
    """Return the file that holds the positions."""
    return platformdirs.user_state_path(APP_NAME) / "resume_points.json"


def read_resume_ms(path: Path, incident: str) -> int | None:
    """Return where a call was left, in ms from its start; None if it was not."""
    return _read(path).get(_name(incident))


def keep_resume_ms(path: Path, incident: str, position_ms: int | None) -> None:
    """Keep where a call was left, or None to forget it; raise OSError."""
    name, points = _name(incident), _read(path)
    if position_ms == points.pop(name, None):
        return
    if position_ms is not None:
        points[name] = position_ms
    kept = dict(list(points.items())[-MAX_CALLS:])
    write_private(path, msgspec.json.encode(kept) + b"\n")


def _name(incident: str) -> str:
    return hashlib.sha256(incident.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _read(path: Path) -> dict[str, int]:
    try:
        with path.open("rb") as stream:
            return msgspec.json.decode(stream.read(MAX_BYTES), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        LOG.warning("%s is not used: %s", path, type(error).__name__)
        return {}

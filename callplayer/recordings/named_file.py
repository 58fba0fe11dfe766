"""A recording by its name alone: its incident's id, and whether there is such a file."""

from __future__ import annotations

import uuid
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.text import plain_text

_ID_NAMESPACE = uuid.UUID("6ff0f3a6-6f0c-5a0e-9a9e-3b1c7c0c9111")


def incident_id(file_name: str) -> str:
    """Return the id of the recording of that file name: always the same uuid."""
    return str(uuid.uuid5(_ID_NAMESPACE, file_name))


def check_file(path: Path) -> None:
    """Raise UsageError if `path` is no file that can be opened."""
    name = plain_text(str(path), 400)
    try:
        if path.is_dir():
            raise UsageError(
                f"{name} is a folder.",
                "Name one recording; `callplayer serve` serves a whole folder.",
            )
        if path.exists() and not path.is_file() and not path.is_char_device():
            raise UsageError(
                f"{name} is a pipe or a device, not a file.",
                "Write the recording to a file, and name that.",
            )
        path.open("rb").close()
    except FileNotFoundError:
        raise UsageError(f"There is no file {name}.", "Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise UsageError(
            f"{name} cannot be read: {reason}.",
            "Check that it is a sound file that you may read.",
        ) from None

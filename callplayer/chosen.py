"""What a user chose in the player and expects to find again: the sound device.

It is no setting: a flag, a variable or config.toml goes before it. A file that is missing, not ours
to read or not what we wrote counts as no choice.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import platformdirs

from callplayer.config import APP_NAME
from callplayer.private_file import write_private

LOG = logging.getLogger(__name__)

MAX_BYTES = 10_000
MAX_NAME_CHARS = 200


def choices_path() -> Path:
    """Return the file that holds the choices."""
    return platformdirs.user_state_path(APP_NAME) / "choices.json"


def read_output_device() -> str:
    """Return the name of the sound device chosen last; "" for the system's default."""
    try:
        with choices_path().open("rb") as stream:
            content = json.loads(stream.read(MAX_BYTES))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RecursionError) as error:
        LOG.warning("%s is not used: %s", choices_path(), type(error).__name__)
        return ""
    name = content.get("output_device") if isinstance(content, dict) else None
    return name if isinstance(name, str) and len(name) <= MAX_NAME_CHARS else ""


def keep_output_device(name: str) -> None:
    """Keep the choice for this user, in a private file that is replaced whole; raise OSError."""
    write_private(choices_path(), json.dumps({"output_device": name}).encode() + b"\n")

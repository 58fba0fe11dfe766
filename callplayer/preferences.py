"""What a user chose in the player and expects to find again: device, colours, hints.

They are no settings: a flag, a variable or config.toml goes before them. A file that is missing,
not ours to read or not what we wrote counts as no choice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from pathlib import Path

import platformdirs

from callplayer.config import MAX_OUTPUT_DELAY_MS
from callplayer.paths import APP_NAME, write_private

LOG = logging.getLogger(__name__)

MAX_BYTES = 10_000
MAX_NAME_CHARS = 200
NAMES = ("output_device", "theme", "used")
MAX_DELAYS = 20


def choices_path() -> Path:
    """Return the file that holds the choices."""
    return platformdirs.user_state_path(APP_NAME) / "choices.json"


def read_output_device() -> str:
    """Return the name of the sound device chosen last; "" for the system's default."""
    return _read("output_device")


def keep_output_device(name: str) -> None:
    """Keep the choice for this user, in a private file that is replaced whole; raise OSError."""
    _keep("output_device", name)


def read_output_delays_ms() -> dict[str, int]:
    """Return what devices take beyond the delay that they report, by name, as it was found."""
    kept = _choices().get("output_delay_ms")
    found = kept.items() if isinstance(kept, dict) else ()
    return {
        name: value
        for name, value in found
        if type(value) is int and 0 <= value <= MAX_OUTPUT_DELAY_MS and len(name) <= MAX_NAME_CHARS
    }


def keep_output_delay_ms(name: str, delay_ms: int) -> None:
    """Keep a device's delay for this user; the last MAX_DELAYS count. Raise OSError."""
    delays_ms = {each: ms for each, ms in read_output_delays_ms().items() if each != name}
    delays_ms = dict([*delays_ms.items(), (name[:MAX_NAME_CHARS], delay_ms)][-MAX_DELAYS:])
    _write({key: _read(key) for key in NAMES}, delays_ms)


def read_theme() -> str:
    """Return the name of the colours chosen last; "" for none."""
    return _read("theme")


def keep_theme(name: str) -> None:
    """Keep the colours for this user; raise OSError."""
    _keep("theme", name)


def read_used() -> tuple[str, ...]:
    """Return the actions that were used and need no hint any more."""
    return tuple(filter(None, _read("used").split(",")))


def keep_used(names: Collection[str]) -> None:
    """Keep which actions were used; raise OSError."""
    _keep("used", ",".join(names))


def _read(name: str) -> str:
    value = _choices().get(name)
    return value if isinstance(value, str) and len(value) <= MAX_NAME_CHARS else ""


def _keep(name: str, value: str) -> None:
    _write({key: _read(key) for key in NAMES} | {name: value}, read_output_delays_ms())


def _write(texts: dict[str, str], delays_ms: dict[str, int]) -> None:
    kept: dict[str, object] = {**texts, "output_delay_ms": delays_ms}
    content = json.dumps({key: value for key, value in kept.items() if value})
    write_private(choices_path(), content.encode() + b"\n")


def _choices() -> dict[str, object]:
    try:
        with choices_path().open("rb") as stream:
            content = json.loads(stream.read(MAX_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        LOG.warning("%s is not used: %s", choices_path(), type(error).__name__)
        return {}
    return content if isinstance(content, dict) else {}

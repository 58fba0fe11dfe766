"""The livekit-server program: where it is, and building it where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from callplayer.config import without_settings
from callplayer.errors import ServiceError
from callplayer.paths import cache_path
from callplayer.progress import Report
from callplayer.service.livekit.build import INSTALL_BY_HAND, VERSION, BuildProgress, build

OLDEST_USABLE = (1, 9, 0)
VARIABLE = "CALLPLAYER_LIVEKIT_SERVER"


def ensure_binary(report: Report, binary: Path | None = None) -> Path:
    """Return a livekit-server that runs here, built now if there is none.

    Looked for in this order: `binary`, the file that CALLPLAYER_LIVEKIT_SERVER names,
    `livekit-server` on the PATH if its version is usable, the cache folder. Building takes minutes
    and is reported. Raise ServiceError with the line to type.
    """
    found = find_binary(binary)
    if found is None:
        build_binary(lambda at: report(at.stage, at.text))
        found = cached_binary()
        report("ready", f"livekit-server {VERSION} is ready: {found}")
    return found


def build_binary(
    report: Callable[[BuildProgress], None], cancelled: threading.Event | None = None
) -> None:
    """Build the livekit-server that `find_binary` finds then; raise as `build.build`."""
    target = cached_binary()
    build(target, cache_path(), report, cancelled)
    if _version_of(target) is None:
        target.unlink()
        raise ServiceError("The livekit-server that was built does not run.", INSTALL_BY_HAND)


def find_binary(binary: Path | None = None) -> Path | None:
    """Return the livekit-server that is there already, None if it would have to be built.

    Raise ServiceError if `binary` or the variable names a file that does not run.
    """
    named = binary or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if _version_of(named) is None:
            raise ServiceError(
                f"{named} is no livekit-server that runs here.",
                f"Check --livekit-server or {VARIABLE}, or leave both out.",
            )
        return named.resolve()
    installed = shutil.which("livekit-server")
    if installed is not None and (_version_of(Path(installed)) or (0,)) >= OLDEST_USABLE:
        return Path(installed)
    cached = cached_binary()
    return cached if _version_of(cached) is not None else None


def cached_binary() -> Path:
    """Return where the livekit-server that callplayer builds is kept; it may not be there yet."""
    return cache_path() / f"livekit-server-{VERSION}" / "server"


def _version_of(binary: Path) -> tuple[int, ...] | None:
    """Return the version the program prints, None if it is not there or no livekit-server."""
    if not binary.is_file():
        return None
    try:
        answer = subprocess.run(
            [str(binary), "--version"],
            env=without_settings(os.environ),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    match = re.search(r"livekit-server version (\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(part) for part in match.groups()) if match else None

"""`callplayer doctor`: what is wrong on this machine, and how to fix it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from callplayer.commands.settings_flags import settings_of
from callplayer.config import Settings
from callplayer.errors import EXIT_DONE, CallplayerError, UnreachableError
from callplayer.paths import config_path

OLDEST_PYTHON = (3, 11)

Verdict = Literal["ok", "note", "wrong"]
WITHOUT_SOUND = (
    "a sound server (PulseAudio, PipeWire) with a null sink counts, too; in a container, pass in "
    "the host's. `callplayer demo` plays silently until a device comes"
)
_MARKS: dict[Verdict, str] = {"ok": "✓", "note": "·", "wrong": "✗"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `what` was found, and for what is wrong the `mend`."""

    verdict: Verdict
    subject: str
    what: str
    mend: str = ""


def run_doctor(options: argparse.Namespace) -> int:
    """Look at everything that the settings name; return 0, or the first finding's exit code."""
    return run(lambda: settings_of(options))


def run(load: Callable[[], Settings]) -> int:
    """Look at everything, print as it is found; return 0, or the first thing's exit code."""
    exit_code = EXIT_DONE
    for finding, code in _look(load):
        print(f"{_MARKS[finding.verdict]} {finding.subject:<16} {finding.what}")
        if finding.mend:
            print(f"{'':<18} → {finding.mend}")
        exit_code = exit_code or code
    return exit_code


def _look(load: Callable[[], Settings]) -> Iterator[tuple[Finding, int]]:
    yield _python(), EXIT_DONE
    yield check_service()
    try:
        settings = load()
    except CallplayerError as error:
        yield Finding("wrong", "Settings", error.what, error.hint), error.exit_code
        return
    where = str(settings.config_path or f"no file at {config_path()}")
    yield Finding("ok", "Settings", where), EXIT_DONE
    finding, code = _checked("Sound", lambda: _sound(settings.output_device))
    yield finding, code
    if code:
        yield Finding("note", "No sound", WITHOUT_SOUND), EXIT_DONE
    if settings.client_id and settings.client_secret:
        yield _checked("API", lambda: _api(settings))
    else:
        yield (
            Finding(
                "note",
                "Credentials",
                "not set; `callplayer demo` needs none",
                "Set CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET.",
            ),
            EXIT_DONE,
        )
    if settings.stream_url:
        yield _checked("Room server", lambda: _reach(settings.stream_url))
    else:
        yield (
            Finding("note", "Room server", "not set; the API names one with each stream token"),
            EXIT_DONE,
        )


def _checked(subject: str, look: Callable[[], str]) -> tuple[Finding, int]:
    try:
        return Finding("ok", subject, look()), EXIT_DONE
    except CallplayerError as error:
        return Finding("wrong", subject, error.what, error.hint), error.exit_code


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("wrong", "Python", version, "Install Python 3.11 or newer.")
    return Finding("ok", "Python", version)


def _sound(wanted: str) -> str:
    from callplayer.commands.doctor_sound import try_sound

    return try_sound(wanted)


def check_service() -> tuple[Finding, int]:
    from callplayer.service.packages import missing_packages

    missing = missing_packages()
    if missing:
        finding = Finding(
            "note",
            "Replay service",
            f"not installed ({', '.join(missing)}); only `demo` and `serve` need it",
            "pip install 'callplayer[service]', or from a clone: pip install '.[service]'",
        )
        return finding, EXIT_DONE
    from callplayer.service.livekit.binary import find_binary

    try:
        found = find_binary()
    except CallplayerError as error:
        return Finding("wrong", "livekit-server", error.what, error.hint), error.exit_code
    if found is None:
        return _not_built(), EXIT_DONE
    return Finding("ok", "livekit-server", str(found)), EXIT_DONE


def _not_built() -> Finding:
    from callplayer.paths import cache_path
    from callplayer.service.livekit.build import check_can_build

    try:
        check_can_build(cache_path())
    except CallplayerError as error:
        what = f"not built yet, and cannot be built: {error.what}"
        return Finding("note", "livekit-server", what, error.hint)
    return Finding("note", "livekit-server", "not built yet; `callplayer demo` builds it once")


def _reach(url: str) -> str:
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5.0).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise UnreachableError(
            f"{parts.hostname} does not answer on port {port} ({reason}).",
            "Check CALLPLAYER_STREAM_URL and the firewall.",
        ) from error
    return f"{parts.hostname} answers on port {port}"


def _api(settings: Settings) -> str:
    import asyncio

    from callplayer.vendor.client import ApiClient

    async def ask() -> int:
        async with ApiClient(settings) as access:
            return len(await access.incidents())

    return f"{settings.api_url} lists {asyncio.run(ask())} incidents"

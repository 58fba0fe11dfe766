"""Which of the packages that the replay service needs are installed. Imports none of them."""

from __future__ import annotations

import importlib.util

from callplayer.errors import ServiceError

PACKAGE_OF_MODULE = {
    "av": "av",
    "livekit.api": "livekit-api",
    "livekit.rtc": "livekit",
    "prometheus_client": "prometheus-client",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
}
INSTALL_HINT = "Run: pip install 'callplayer[service]' (from a clone: pip install '.[service]')"


def missing_packages() -> list[str]:
    """Return the names, as pip knows them, of the needed packages that are not installed."""
    return [package for module, package in PACKAGE_OF_MODULE.items() if not _is_installed(module)]


def require_packages() -> None:
    """Raise ServiceError, with the line to type, if a needed package is not installed."""
    missing = missing_packages()
    if missing:
        raise ServiceError(
            f"The replay service needs packages that are not installed: {', '.join(missing)}.",
            INSTALL_HINT,
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False

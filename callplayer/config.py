"""Settings: flags over environment over config.toml, and where files live.

The client secret comes from the environment or the file, never from a flag: argv is for all to see.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from callplayer.errors import UsageError
from callplayer.paths import config_path
from callplayer.text import plain_text

DEFAULT_API_URL = "https://api.prepared911.com"

ENVIRONMENT_PREFIX = "CALLPLAYER_"
STORE_PREFIX = "AWS_"

MAX_CONFIG_BYTES = 1_000_000


class Secret:
    """A text that no repr, format or error shows; `reveal()` returns it for sending."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True)
class Settings:
    """All settings of the player; each field is a flag, a variable and a key of the file.

    `output_delay_ms` has what sound devices take beyond the delay that they report, by name.
    `screen` and `keys` are tables of the file as they stand there: the screen knows what is in
    them.
    """

    api_url: str = DEFAULT_API_URL
    client_id: str = ""
    client_secret: Secret = field(default_factory=lambda: Secret(""))
    stream_url: str = ""
    cable_url: str = ""
    cable_parameter: str = "incident_id"
    output_device: str = ""
    on_device_loss: str = "default"
    clips: str = "on"
    clip_folder: str = ""
    output_delay_ms: Mapping[str, int] = field(default_factory=dict)
    screen: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    config_path: Path | None = None


_TABLES = ("screen", "keys", "output_delay_ms")
"""Tables of the file; the first two are what the screen reads for itself."""

_NAMES = tuple(
    f.name for f in fields(Settings) if f.name not in (*_TABLES, "warnings", "config_path")
)

ON_DEVICE_LOSS = ("default", "pause")
"""What to do when the sound device is lost: go on on the default one, or pause."""

CLIPS = ("on", "off")
"""Whether stretches of calls may be saved as files."""

_CHOICES = {"on_device_loss": ON_DEVICE_LOSS, "clips": CLIPS}

MAX_OUTPUT_DELAY_MS = 2_000

_URL_SCHEMES = {
    "api_url": {"https": True, "http": False},
    "stream_url": {"wss": True, "https": True, "ws": False, "http": False},
    "cable_url": {"wss": True, "ws": False},
}


def without_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a child that needs no setting of ours, nor a secret among them."""
    ours = (ENVIRONMENT_PREFIX, STORE_PREFIX)
    return {name: value for name, value in variables.items() if not name.startswith(ours)}


def store_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a child needs that reads recordings from S3, the secret among it."""
    return {name: value for name, value in variables.items() if name.startswith(STORE_PREFIX)}


def load_settings(
    flags: Mapping[str, str | None],
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    profile: str | None = None,
) -> Settings:
    """Return the settings: `flags` over `environment` over the file's profile over its top level.

    Raise UsageError for a file that cannot be read, a profile that is not there, or a URL that
    would carry a call or a secret in the clear beyond this machine.
    """
    variables = os.environ if environment is None else environment
    path = file or config_path()
    table, warnings = _read_file(path, must_exist=file is not None)
    values = _from_table(table, path)
    if profile is not None:
        for name, value in _from_table(_profile_of(table, profile, path), path).items():
            values[name] = values.get(name, {}) | value if name in _TABLES else value
    for name in _NAMES:
        variable = variables.get(ENVIRONMENT_PREFIX + name.upper())
        if variable:
            values[name] = variable
        flag = flags.get(name)
        if flag:
            values[name] = flag
    for name, schemes in _URL_SCHEMES.items():
        if values.get(name):
            values[name] = check_url(values[name], schemes, name)
    for name, choices in _CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            raise UsageError(
                f"{name} is {plain_text(values[name], 40)!r}.",
                f"Set {ENVIRONMENT_PREFIX}{name.upper()} to {' or '.join(choices)}.",
            )
    secret = values.pop("client_secret", "")
    return Settings(
        **values,
        client_secret=Secret(secret),
        warnings=tuple(warnings),
        config_path=path if path.exists() else None,
    )


def _profile_of(table: Mapping[str, Any], profile: str, path: Path) -> Mapping[str, Any]:
    profiles = table.get("profiles")
    chosen = profiles.get(profile) if isinstance(profiles, dict) else None
    if not isinstance(chosen, dict):
        raise UsageError(
            f"{path} has no profile named {profile!r}.",
            f"Add a [profiles.{profile}] table to it, or choose another --profile.",
        )
    return chosen


def _check_output_delays(delays_ms: object) -> None:
    values = delays_ms.values() if isinstance(delays_ms, dict) else [None]
    if not all(type(value) is int and 0 <= value <= MAX_OUTPUT_DELAY_MS for value in values):
        raise UsageError(
            f"output_delay_ms is not a table of whole numbers from 0 to {MAX_OUTPUT_DELAY_MS}.",
            'Write [output_delay_ms] and, below it, lines such as "My headset" = 180.',
        )


def check_url(url: str, schemes: Mapping[str, bool], name: str, setting: str | None = None) -> str:
    """Return `url` without a trailing slash if its scheme is allowed; raise UsageError if not.

    `schemes` maps each allowed scheme to whether it is encrypted; one that is not is taken for a
    loopback host only. `setting` is what to set, the variable of `name` by default.
    """
    variable = setting or ENVIRONMENT_PREFIX + name.upper()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    clean = url.isascii() and url.isprintable() and " " not in url
    extra = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in schemes or not host or not clean or extra:
        raise UsageError(
            f"{name} is not a usable URL.",
            f"Set {variable} to {' or '.join(f'{scheme}://…' for scheme in schemes)}.",
        )
    if not schemes[parts.scheme] and not is_loopback(host):
        raise UsageError(
            f"{name} is plain {parts.scheme} to {host}: calls and secrets would be readable.",
            f"Set {variable} to the {next(name for name in schemes if schemes[name])} address.",
        )
    return parts.geturl().rstrip("/")  # its scheme in small letters


def is_loopback(host: str) -> bool:
    """Return whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_file(path: Path, *, must_exist: bool) -> tuple[dict[str, Any], list[str]]:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        if must_exist:
            raise UsageError(f"There is no file {path}.", "Check --config.") from None
        return {}, []
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "Check its owner and its mode."
        ) from None
    if len(content) > MAX_CONFIG_BYTES:
        raise UsageError(f"{path} is larger than 1 MB.", "Check --config.")
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
        raise UsageError(f"{path} is not valid TOML: {place}.", "Correct that line.") from None
    warnings = [
        f"{path} sets {plain_text(name, 40)!r}, which is no setting of callplayer."
        for name in _unknown_names(table)
    ]
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and _holds_secret(table):
        warnings.append(f"{path} holds a secret and others can read it. Run: chmod 600 {path}")
    return table, warnings


def _unknown_names(table: Mapping[str, Any]) -> list[str]:
    profiles = table.get("profiles")
    tables = [table, *(profiles.values() if isinstance(profiles, dict) else ())]
    names = [name for part in tables if isinstance(part, dict) for name in part]
    return [name for name in names if name not in (*_NAMES, *_TABLES, "profiles")]


def _holds_secret(table: Mapping[str, Any]) -> bool:
    return any(
        key == "client_secret" or (isinstance(value, dict) and _holds_secret(value))
        for key, value in table.items()
    )


def _from_table(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in _NAMES:
        value = table.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise UsageError(f"{name} in {path} is not a text.", 'Write it in quotes: "…".')
        if value:
            values[name] = value
    _check_output_delays(table.get("output_delay_ms", {}))
    for name in _TABLES:
        value = table.get(name, {})
        if not isinstance(value, dict):
            raise UsageError(f"{name} in {path} is not a table.", f"Write it below [{name}].")
        values[name] = value
    return values

"""What several commands share: the settings' flags, how a call is to be played, and a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from callplayer.config import ON_DEVICE_LOSS, Settings, load_settings
from callplayer.errors import UsageError

SETTINGS = {
    "api_url": "the call API",
    "client_id": "the client id that the vendor gave you",
    "client_secret": "the client secret; never a flag, for others can read command lines",
    "stream_url": "the room server, where the API names none",
    "cable_url": "where transcripts come from (by default the API's address with /cable)",
    "cable_parameter": "the name that the transcript channel gives the incident's id",
    "output_device": "the sound device to play on (by default the one picked last)",
    "on_device_loss": "when the sound device is lost: continue on the default one, or pause",
    "clips": "whether stretches of calls may be saved as files; the flag forbids it",
    "clip_folder": "where they are saved (by default clips/ in the player's data folder)",
}
"""What each setting of `callplayer.config` says, for people."""

_SETTING_FLAGS = (
    *("api_url", "client_id", "stream_url", "cable_url"),
    *("output_device", "on_device_loss", "clips", "clip_folder"),
)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the settings."""
    group = parser.add_argument_group(
        "settings (a flag wins over a variable such as CALLPLAYER_API_URL, that over config.toml)"
    )
    group.add_argument("--config", type=Path, metavar="FILE", help="read another config.toml")
    group.add_argument("--profile", metavar="NAME", help="use [profiles.NAME] of config.toml")
    group.add_argument("--api-url", metavar="URL", help=SETTINGS["api_url"])
    group.add_argument("--client-id", metavar="ID", help=SETTINGS["client_id"])
    group.add_argument("--stream-url", metavar="URL", help=SETTINGS["stream_url"])
    group.add_argument("--cable-url", metavar="URL", help=SETTINGS["cable_url"])
    add_device(group)
    group.add_argument(
        "--no-clips", dest="clips", action="store_const", const="off", help=SETTINGS["clips"]
    )
    group.add_argument("--clip-folder", metavar="DIR", help=SETTINGS["clip_folder"])
    parser.epilog = (
        "The client secret comes from CALLPLAYER_CLIENT_SECRET or config.toml, never from a flag."
    )


def add_device(group: argparse._ActionsContainer) -> None:
    """Add the flags of the sound device."""
    group.add_argument("--output-device", metavar="NAME", help=SETTINGS["output_device"])
    group.add_argument("--on-device-loss", choices=ON_DEVICE_LOSS, help=SETTINGS["on_device_loss"])


def add_playing(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how a call is to be played."""
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--paused", action="store_true", help="start paused, at 0:00")
    start.add_argument(
        "--live", action="store_true", help="start at the live end of a call that goes on"
    )
    parser.add_argument("--no-audio", action="store_true", help="play without a sound device")
    parser.add_argument(
        "--headless", action="store_true", help="no screen: JSON lines on stdin and stdout"
    )
    parser.add_argument(
        "--plain", action="store_true", help="no screen: plain lines, as for a screen reader"
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings; print their warnings on stderr."""
    settings = load_settings(
        {name: getattr(options, name) for name in _SETTING_FLAGS},
        file=options.config,
        profile=options.profile,
    )
    for warning in settings.warnings:
        print(f"callplayer: {warning}", file=sys.stderr)
    return settings


def engine_flags(options: argparse.Namespace) -> list[str]:
    """Return the flags that an engine process needs to be set as this process is."""
    flags = [
        f"--{name.replace('_', '-')}={value}"
        for name in (*_SETTING_FLAGS, "config", "profile")
        if name != "clips" and (value := getattr(options, name)) is not None
    ]
    flags += ["--no-clips"] if options.clips else []
    flags += [f"--{name}" for name in ("paused", "live") if getattr(options, name)]
    return flags + [
        f"--{name.replace('_', '-')}"
        for name in ("no_audio", "wait_for_device", "silent_without_device")
        if getattr(options, name)
    ]


def wants_plain(options: argparse.Namespace) -> bool:
    """Return whether lines are asked for, or are all that this terminal can show."""
    can_draw = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    return options.plain or not can_draw or os.environ.get("TERM", "dumb") == "dumb"


def require_terminal() -> None:
    """Raise UsageError unless a screen can be drawn here."""
    # The screen is drawn on stderr: stdout stays free for programs.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "The player needs a terminal.", "Run it in one, or add --headless for JSON lines."
        )

"""What several commands share: the settings' flags, how a call is to be played, and a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from callplayer.config import ON_DEVICE_LOSS, Settings, load_settings
from callplayer.errors import UsageError

_SETTING_FLAGS = (
    *("api_url", "client_id", "stream_url", "cable_url"),
    *("output_device", "on_device_loss"),
)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the settings."""
    group = parser.add_argument_group("settings (flag > environment > config.toml)")
    group.add_argument("--config", type=Path, metavar="FILE", help="another config.toml")
    group.add_argument("--profile", metavar="NAME", help="use [profiles.NAME] of config.toml")
    group.add_argument("--api-url", metavar="URL", help="CALLPLAYER_API_URL")
    group.add_argument("--client-id", metavar="ID", help="CALLPLAYER_CLIENT_ID")
    group.add_argument("--stream-url", metavar="URL", help="CALLPLAYER_STREAM_URL")
    group.add_argument("--cable-url", metavar="URL", help="CALLPLAYER_CABLE_URL")
    add_device(group)
    parser.epilog = (
        "The client secret comes from CALLPLAYER_CLIENT_SECRET or config.toml, never from a flag."
    )


def add_device(group: argparse._ActionsContainer) -> None:
    """Add the flags of the sound device."""
    group.add_argument("--output-device", metavar="NAME", help="CALLPLAYER_OUTPUT_DEVICE")
    group.add_argument("--on-device-loss", choices=ON_DEVICE_LOSS, help="CALLPLAYER_ON_DEVICE_LOSS")


def add_playing(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how a call is to be played."""
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--paused", action="store_true", help="wait at 0:00")
    start.add_argument("--live", action="store_true", help="go to the live end of a call")
    parser.add_argument("--no-audio", action="store_true", help="play without a sound device")
    parser.add_argument(
        "--headless", action="store_true", help="no screen: JSON lines on stdin and stdout"
    )
    parser.add_argument(
        "--plain", action="store_true", help="no screen: plain lines, for a screen reader"
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
        if (value := getattr(options, name)) is not None
    ]
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

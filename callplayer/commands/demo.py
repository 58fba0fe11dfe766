"""`callplayer demo`: its arguments, and what it starts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from callplayer.commands.serve import LIVEKIT_SERVER_HINT
from callplayer.commands.settings_flags import (
    add_device,
    add_playing,
    require_terminal,
    wants_plain,
)


def demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `demo` takes."""
    parser.add_argument(
        "recording", nargs="?", type=Path, metavar="FILE", help="a recording of your own"
    )
    parser.add_argument(
        "--pick", action="store_true", help="pick one of the demo calls from a list"
    )
    parser.add_argument(
        "--livekit", action="store_true", help="wait for livekit-server, and play over LiveKit only"
    )
    add_device(parser)
    parser.add_argument("--livekit-server", type=Path, metavar="FILE", help=LIVEKIT_SERVER_HINT)
    add_playing(parser)


def run_demo(options: argparse.Namespace) -> int:
    """Play a demo call, or a recording of the user's; return the player's exit code."""
    plain = not options.headless and wants_plain(options)
    if plain and options.pick:
        require_terminal()
    if not options.headless and (options.recording is None or options.recording.is_file()):
        # Printed before the imports below, which take a while.
        print("callplayer demo: everything for one call, on this machine", file=sys.stderr)
    from callplayer.commands import demo_session

    return demo_session.run(
        demo_session.DemoOptions(
            recording=options.recording,
            live=options.live,
            paused=options.paused,
            headless=options.headless,
            no_audio=options.no_audio,
            pick=options.pick,
            plain=plain,
            unattended=not sys.stdin.isatty(),
            livekit=options.livekit,
            output_device=options.output_device,
            on_device_loss=options.on_device_loss,
            livekit_binary=options.livekit_server,
        )
    )

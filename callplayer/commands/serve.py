"""`callplayer serve`: its arguments, and what it starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.commands.library_option import add_library, library_place

if TYPE_CHECKING:
    pass

LIVEKIT_SERVER_HINT = "the livekit-server program (default: one on the PATH, else built once)"
EPILOG = (
    "A file that is named as one of the commands is served as ./NAME. Secrets come from the"
    " environment, never from a flag."
)


def serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve` itself takes."""
    parser.add_argument(
        "recordings",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="sound files, or folders of them; without any, serve the library",
    )
    add_library(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=8911, help="the port (default: 8911; 0 takes any free one)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="do not start if a file cannot be served"
    )
    parser.add_argument("--live", action="store_true", help="serve the calls as if they were live")
    parser.add_argument(
        "--livekit-url",
        metavar="URL",
        help="a LiveKit server of your own; its key and secret come from the environment",
    )
    parser.add_argument("--livekit-server", type=Path, metavar="FILE", help=LIVEKIT_SERVER_HINT)
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when stdin ends")
    parser.add_argument(
        "--tracks",
        choices=("separate", "mixed"),
        default="separate",
        help="a track for each party, or one for all, which costs less (default: separate)",
    )
    parser.add_argument(
        "--drain",
        type=float,
        default=0.0,
        metavar="S",
        help="after SIGTERM open no new streams; end when the last has gone, or after S seconds",
    )
    reach = parser.add_argument_group("beyond this machine")
    reach.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    reach.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    reach.add_argument(
        "--public-url",
        metavar="URL",
        help="the address that clients use, if a proxy stands in front",
    )
    reach.add_argument(
        "--peer-url",
        metavar="URL",
        help="the address at which other services of the library reach this one",
    )
    reach.add_argument(
        "--insecure", action="store_true", help="listen beyond this machine without TLS"
    )
    _add_live(parser)
    parser.epilog = EPILOG


def run_serve(options: argparse.Namespace) -> int:
    """Serve files, or the library."""
    from callplayer.service.live.options import LiveSources
    from callplayer.service.options import ServeOptions
    from callplayer.service.server import serve

    is_named = options.library is not None or options.recordings_at is not None
    library = library_place(options) if is_named or not options.recordings else None
    return serve(
        ServeOptions(
            recordings=tuple(options.recordings),
            host=options.host,
            port=options.port,
            livekit_url=options.livekit_url,
            livekit_binary=options.livekit_server,
            live=options.live,
            exit_with_stdin=options.exit_with_stdin,
            live_sources=LiveSources(
                files=tuple(options.live_file),
                watched=options.watch,
                stdin=options.live_stdin,
                ingest=options.ingest,
                end_after_s=options.end_after,
            ),
            library=library,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            insecure=options.insecure,
            public_url=options.public_url,
            strict=options.strict,
            mixes=options.tracks == "mixed",
            drain_s=options.drain,
            peer_url=options.peer_url,
        )
    )


def _add_live(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("live calls, kept as they come in")
    live.add_argument(
        "--live-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="play FILE as if it came in live",
    )
    live.add_argument(
        "--watch", type=Path, metavar="DIR", help="follow the WAV files that grow in DIR"
    )
    live.add_argument(
        "--live-stdin", metavar="CODING:RATE:CHANNELS", help="PCM on stdin, such as s16le:48000:1"
    )
    live.add_argument(
        "--ingest",
        action="store_true",
        help="let publishers bring calls in: POST /ingest/calls opens a room",
    )
    live.add_argument(
        "--end-after",
        type=float,
        default=10.0,
        metavar="S",
        help="end a live call after S seconds without sound (default: 10)",
    )

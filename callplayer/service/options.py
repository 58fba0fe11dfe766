"""What a service is asked to do, and whether it may: nothing beyond this machine in the clear."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from callplayer.config import check_url, is_loopback
from callplayer.errors import UsageError
from callplayer.service.bots.protocol import DEFAULT_IDLE_S
from callplayer.service.http.bearer import DEFAULT_BEARER_TTL_S
from callplayer.service.library.place import LibraryPlace
from callplayer.service.live.options import LiveSources
from callplayer.service.livekit.tokens import DEFAULT_STREAM_TTL_S
from callplayer.service.packages import require_packages

WEB_SCHEMES = {"https": True, "http": False}
MAX_DRAIN_S = 24 * 3600.0


@dataclass(frozen=True)
class ServeOptions:
    """What to serve and where; times in s.

    `recordings` are files and folders, served from memory; without any, `library` is where the
    library is. `port` 0 takes a free one. Without `livekit_url` a livekit-server of our own is
    started: `livekit_binary`, or one that is found or built. `live` plays every recording as a live
    call that begins now. `exit_with_stdin` ends the service when its standard input does.
    `live_sources` are calls that come in as they happen. `workers` is how many processes of bots
    there are at most; None leaves it to the machine. `public_url` is where clients reach a proxy in
    front of the service. `insecure` lets it listen beyond this machine without TLS. `strict`:
    it does not start when a recording cannot be served. `mixes`: all parties are one track.
    `drain_s` is how long open streams may go on after SIGTERM. `peer_url` is where the other
    services of the library reach this one.
    """

    recordings: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8911
    livekit_url: str | None = None
    livekit_binary: Path | None = None
    live: bool = False
    exit_with_stdin: bool = False
    token_ttl_s: float = DEFAULT_BEARER_TTL_S
    stream_token_ttl_s: float = DEFAULT_STREAM_TTL_S
    idle_s: float = DEFAULT_IDLE_S
    live_sources: LiveSources = field(default_factory=LiveSources)
    workers: int | None = None
    library: LibraryPlace | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    public_url: str | None = None
    strict: bool = False
    mixes: bool = False
    drain_s: float = 0.0
    peer_url: str | None = None

    @property
    def has_tls(self) -> bool:
        """Whether the service itself speaks TLS."""
        return self.tls_cert is not None


def check(options: ServeOptions) -> None:
    """Raise UsageError for options that cannot be, ServiceError if a package is missing."""
    if not 0 <= options.port <= 65_535:
        raise UsageError(f"{options.port} is no port.", "Give --port a number from 0 to 65535.")
    if options.recordings and options.library is not None:
        raise UsageError(
            "Both recordings and a library are named.",
            "Leave out --library, or the files: `callplayer serve import` brings them in.",
        )
    if options.live and not options.recordings:
        raise UsageError(
            "--live plays the recordings that are named as if they were live, and there are none.",
            "Name some; or give --live-file, whose call is kept in the library.",
        )
    _check_reach(options)
    if options.public_url is not None:
        check_url(options.public_url, WEB_SCHEMES, "public_url", "--public-url")
    if options.peer_url is not None:
        check_url(options.peer_url, WEB_SCHEMES, "peer_url", "--peer-url")
    if not 0 <= options.drain_s <= MAX_DRAIN_S:
        raise UsageError(f"--drain is 0 to {MAX_DRAIN_S:.0f} s, a day.", "Give another number.")
    require_packages()
    options.live_sources.check(exit_with_stdin=options.exit_with_stdin)


def _check_reach(options: ServeOptions) -> None:
    if (options.tls_cert is None) != (options.tls_key is None):
        raise UsageError(
            "Only one of certificate and key is given.", "Give both --tls-cert and --tls-key."
        )
    if options.tls_cert is not None and options.tls_key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                options.tls_cert, options.tls_key, password=lambda: ""
            )
        except (OSError, ssl.SSLError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a PEM certificate and its key"
            raise UsageError(
                f"{options.tls_cert} and {options.tls_key} cannot be used: {reason}.",
                "Give a certificate with its chain, and its key without a password, as PEM.",
            ) from None
    if not (is_loopback(options.host) or options.has_tls or options.insecure):
        raise UsageError(
            f"The service would listen on {options.host}, beyond this machine, without TLS.",
            "Give --tls-cert and --tls-key; or --insecure, if a proxy or tunnel keeps it private.",
        )

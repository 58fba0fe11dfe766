"""Why a server does not answer, in words: what an HTTP library's error comes from."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from callplayer.errors import UnreachableError
from callplayer.text import plain_text

CHECK = "Check the network and CALLPLAYER_API_URL."
CHECK_TLS = "Check this machine's clock; SSL_CERT_FILE names the certificates of a private CA."
MAX_REASON_CHARS = 80


def unreachable(url: str, error: Exception) -> UnreachableError:
    """Return what to report of `error`, which came from asking `url`."""
    reason, hint = next(
        (told for told in map(_reason, _causes(error)) if told is not None),
        (type(error).__name__, CHECK),
    )
    return UnreachableError(f"{url} does not answer: {reason}.", hint)


def _reason(cause: BaseException) -> tuple[str, str] | None:
    """Return what one error means and what to do; None if another may say more."""
    told: tuple[str, str] | None = None
    match cause:
        case ssl.SSLCertVerificationError():
            reason = plain_text(cause.verify_message, MAX_REASON_CHARS)
            told = f"its certificate is not valid ({reason})", CHECK_TLS
        case ssl.SSLError():
            told = "it does not speak TLS as it should", CHECK
        case socket.gaierror():
            told = "its name cannot be resolved (DNS)", CHECK
        case ConnectionRefusedError():
            told = "it refuses the connection", CHECK
        case httpx.TimeoutException():
            told = "no answer in time", CHECK
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            told = "its answer broke off", CHECK
    return told


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give the error and all that it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__

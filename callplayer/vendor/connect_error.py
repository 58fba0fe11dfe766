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
        (found for found in map(_reason, _causes(error)) if found is not None),
        (type(error).__name__, CHECK),
    )
    may_pass = hint != CHECK_TLS and not isinstance(error, httpx.InvalidURL)
    return UnreachableError(f"{url} does not answer: {reason}.", hint, may_pass=may_pass)


def _reason(cause: BaseException) -> tuple[str, str] | None:
    """Return what one error means and what to do; None if another may say more."""
    reason_and_hint: tuple[str, str] | None = None
    match cause:
        case ssl.SSLCertVerificationError():
            reason = plain_text(cause.verify_message, MAX_REASON_CHARS)
            reason_and_hint = f"its certificate is not valid ({reason})", CHECK_TLS
        case ssl.SSLError():
            reason_and_hint = "it does not speak TLS as it should", CHECK
        case socket.gaierror():
            reason_and_hint = "its name cannot be resolved (DNS)", CHECK
        case ConnectionRefusedError():
            reason_and_hint = "it refuses the connection", CHECK
        case httpx.TimeoutException():
            reason_and_hint = "no answer in time", CHECK
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            reason_and_hint = "its answer broke off", CHECK
    return reason_and_hint


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give the error and all that it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__

"""Why a server does not answer, from the errors that really come."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from callplayer.vendor.connect_error import unreachable

URL = "https://calls.example.org"


def wrapped(inner: Exception) -> httpx.ConnectError:
    """The error as it arrives: somewhere below, perhaps in a group."""
    outer = httpx.ConnectError("All connection attempts failed")
    outer.__cause__ = ExceptionGroup("tries", [OSError("another"), inner])
    return outer


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (httpx.ReadTimeout(""), "no answer in time"),
        (httpx.ConnectTimeout(""), "no answer in time"),
        (wrapped(socket.gaierror(-2, "Name or service not known")), "name cannot be resolved"),
        (wrapped(ConnectionRefusedError(111, "refused")), "refuses the connection"),
        (wrapped(ssl.SSLError(1, "wrong version number")), "does not speak TLS"),
        (httpx.RemoteProtocolError("peer closed connection"), "its answer broke off"),
        (httpx.UnsupportedProtocol("x"), "UnsupportedProtocol"),
    ],
)
def test_the_reason_is_given_in_words(error: Exception, why: str) -> None:
    reported = unreachable(URL, error)
    assert reported.what.startswith(URL)
    assert "does not answer" in reported.what
    assert why in reported.what
    assert reported.hint


def test_a_certificate_is_distinguished_and_its_words_are_data() -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "certificate has expired\x1b[2J"
    reported = unreachable(URL, wrapped(error))
    assert "its certificate is not valid (certificate has expired" in reported.what
    assert "\x1b" not in reported.what
    assert "clock" in reported.hint

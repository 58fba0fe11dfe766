"""Answers of the vendor's HTTP API: read to their end, and what each status means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from callplayer.errors import (
    IncidentNotFoundError,
    NotReadyError,
    SignInRefusedError,
    UnreachableError,
)
from callplayer.vendor.http import MAX_HTTP_BYTES
from callplayer.vendor.values import WireError

T = TypeVar("T")

FOR_GOOD = (501, 505)
"""What a server answers with that will not do it a moment later, either."""

WHOLE_ANSWER_S = 30.0


@dataclass(frozen=True)
class Answer:
    """What the API has answered with."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def retry_after_s(self) -> float:
        """How long it asks to be left alone, counted from now."""
        return retry_after_s(self.headers, datetime.now(UTC))


def checked(answer: Answer) -> Answer:
    """Return an answer that is a success; raise what any other means."""
    status = answer.status
    if status in (401, 403):
        raise SignInRefusedError(
            f"The API refuses this client ({status}).",
            "Check what the client id may do, or ask the vendor.",
        )
    if status in (404, 410):
        raise IncidentNotFoundError(
            "There is no such incident.", "`callplayer list` prints those there are."
        )
    return succeeded(
        answer, "The API answered", "the API", "Try again; if it stays, ask the vendor."
    )


def succeeded(answer: Answer, said: str, wanted: str, hint: str) -> Answer:
    """Return an answer that is a success; raise NotReadyError or UnreachableError for any other.

    `said` and the status are what happened, `wanted` is what was asked for.
    """
    status = answer.status
    if status in (429, 503):
        raise NotReadyError(
            f"{said} {status}.", wanted=wanted, retry_after_s=answer.retry_after_s, status=status
        )
    if not 200 <= status < 300:
        raise UnreachableError(
            f"{said} {status}.",
            hint,
            retry_after_s=answer.retry_after_s,
            status=status,
            may_pass=status >= 500 and status not in FOR_GOOD,
        )
    return answer


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long an answer asks to be left alone: a number of s or a date (RFC 9110, 10.2.3).

    0.0 if it asks for nothing, or for what is not understood.
    """
    after = headers.get("retry-after", "")[:40].strip()
    if after.isascii() and after.isdigit():
        return float(after)
    try:
        at = parsedate_to_datetime(after)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)  # as asctime has it
        return max((at - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


async def whole(answer: httpx.Response, clock: Callable[[], float]) -> bytes:
    """Return the answer's body; raise UnreachableError if it is too large or never ends."""
    body = bytearray()
    until_s = clock() + WHOLE_ANSWER_S
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_HTTP_BYTES or clock() > until_s:
            raise UnreachableError(
                "The API's answer is larger or slower than any it should give.",
                "Check CALLPLAYER_API_URL.",
            )
    return bytes(body)


def read(parse: Callable[[bytes], T], body: bytes) -> T:
    """Return what an answer holds; raise UnreachableError if that makes no sense."""
    try:
        return parse(body)
    except WireError as error:
        raise UnreachableError(
            f"The API answered in a way that is not understood: {error}.",
            "Check CALLPLAYER_API_URL.",
        ) from error

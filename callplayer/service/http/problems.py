"""How the API reads bodies and writes answers: JSON, and problem details as RFC 9457 says."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from callplayer.service.catalog import LibraryError
from callplayer.service.http.bodies import Problem

MAX_BODY_BYTES = 16_384
BODY_TIMEOUT_S = 10.0
PROBLEM_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}

log = logging.getLogger("callplayer.service")


async def read_body(
    request: Request, max_bytes: int = MAX_BODY_BYTES, within_s: float = BODY_TIMEOUT_S
) -> bytes:
    """Return the body; raise HTTPException 413 as soon as it is too large, 408 if it is slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise HTTPException(413, f"a body has {max_bytes} bytes at most")
    except TimeoutError:
        raise HTTPException(
            408, f"a body comes within {within_s:.0f} s", {"Connection": "close"}
        ) from None
    return bytes(body)


def json_answer(
    content: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `content` as JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return problem details; `detail` may hold no secret."""
    title = HTTPStatus(status).phrase
    content = Problem(type="about:blank", title=title, status=status, detail=detail)
    return Response(msgspec.json.encode(content), status, headers, media_type=PROBLEM_TYPE)


def retry_after(wait_s: float) -> dict[str, str]:
    """Return the header that says when to ask again."""
    return {"Retry-After": str(max(math.ceil(wait_s), 1))}


async def problem_of(_request: Request, error: Exception) -> Response:
    """Answer an HTTPException."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, error.headers)


async def unavailable_problem(_request: Request, error: Exception) -> Response:
    """Answer a LibraryError: it may be over soon."""
    assert isinstance(error, LibraryError)
    log.warning("%s", error.what)
    return problem(503, "the library does not answer; ask again", retry_after(1.0))


async def unexpected_problem(_request: Request, _error: Exception) -> Response:
    """Answer anything else that was raised; what it was stands in the log."""
    return problem(500, "the service failed; its log says more")

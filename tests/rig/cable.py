"""A cable of our own service: a real HTTP server over a library in memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.http.bearer import BearerTokens, TokenState
from callplayer.service.http.server import http_server, listen, url_of
from callplayer.service.library.library import Library
from callplayer.service.transcripts.anycable import AnyCableSettings, open_cable
from callplayer.service.transcripts.cable import Cable
from callplayer.vendor.transcript import Speaker, Word, word_at
from tests.rig.clock import SteppedClock

START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
TOKEN_S = 50.0


def said(offset_s: float, word: str = "w", speaker: Speaker = "Caller") -> Word:
    """A word at an offset."""
    made = word_at(START, offset_s, 0.2, word, speaker)
    assert made is not None
    return made


WORDS = [said(n * 0.4, f"w{n}", ("Caller", "CallTaker")[n % 2]) for n in range(500)]
RECORDED = Recording("recorded", Path("r.wav"), ("caller", "callTaker"), 200.0, START)


def identifier(incident_id: str = "recorded", **more: str) -> str:
    """What names a subscription."""
    return json.dumps({"channel": "PartnerEventsChannel", "incident_id": incident_id, **more})


@dataclass
class Served:
    """A cable on a port of its own."""

    url: str
    cable: Cable
    library: Library
    bearer: BearerTokens
    clock: SteppedClock
    sends: list[Callable[[dict[str, Any]], Awaitable[None]]]

    def token(self) -> str:
        """A new token that is good for TOKEN_S of the clock."""
        return self.bearer.issue(self.clock.now_s)

    def say(self, incident_id: str, *words: Word) -> None:
        """Put one message of words."""
        self.library.put_words(incident_id, words)

    async def drop_all(self) -> None:
        """Hang up on every client."""
        for send in self.sends:
            await send({"type": "websocket.close", "code": 1011})
        self.sends.clear()


@contextlib.asynccontextmanager
async def serving(
    anycable: AnyCableSettings | None = None, **options: Any
) -> AsyncIterator[Served]:
    """A cable over a recorded call and a live one; `anycable`: behind such a server as well."""
    async with contextlib.AsyncExitStack() as stack:
        library = stack.enter_context(Library.open(None))
        listening = stack.enter_context(listen("127.0.0.1", 0))
        library.add(RECORDED, WORDS)
        library.begin_live(IncidentFacts(), ("call",), Path("l.wav"), START, "live")
        bearer = BearerTokens(TOKEN_S)
        clock = SteppedClock(100.0)

        def token_state(token: str) -> TokenState:
            return bearer.state(token, clock.now_s)

        cable, routes = await stack.enter_async_context(
            open_cable(library, token_state, anycable, **options)
        )
        app, sends = Starlette(routes=routes), []

        async def noted(scope: Any, receive: Any, send: Any) -> None:
            sends.append(send)
            await app(scope, receive, send)

        await stack.enter_async_context(http_server(noted, listening))
        await stack.enter_async_context(contextlib.aclosing(cable))
        url = url_of(listening).replace("http", "ws") + "/cable"
        yield Served(url, cable, library, bearer, clock, sends)

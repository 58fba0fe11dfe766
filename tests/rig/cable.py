"""A cable of our own service: a real HTTP server over a library in memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from callplayer.service.cable import Cable
from callplayer.service.http_server import http_server, listen, url_of
from callplayer.service.library import Library
from callplayer.service.recordings import IncidentFacts, Recording
from callplayer.service.tokens import BearerTokens
from callplayer.service.word_streams import WordStreams
from callplayer.words import Speaker, Word, word_at

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
    now_s: float = 100.0

    def token(self) -> str:
        """A new token that is good for TOKEN_S of `now_s`."""
        return self.bearer.issue(self.now_s)

    def say(self, incident_id: str, *words: Word) -> None:
        """Put one message of words."""
        self.library.put_words(incident_id, words)


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Served]:
    """A cable over a recorded call and a live one."""
    with Library.open(None) as library, listen("127.0.0.1", 0) as listening:
        library.add(RECORDED, WORDS)
        library.begin_live(IncidentFacts(), ("call",), Path("l.wav"), START, "live")
        bearer, streams = BearerTokens(TOKEN_S), WordStreams(library)
        made = Served(url_of(listening).replace("http", "ws") + "/cable", None, library, bearer)  # type: ignore[arg-type]
        made.cable = Cable(streams, lambda token: bearer.state(token, made.now_s), **options)
        app = Starlette(routes=made.cable.routes())
        async with http_server(app, listening), contextlib.aclosing(made.cable):
            yield made
        await streams.close()

"""Streams of words: places, what came since, and what is let go of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callplayer.recordings.facts import IncidentFacts
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace
from callplayer.service.transcripts.word_stream import (
    FIRST_OFFSET,
    WordStream,
    WordStreams,
    stream_name,
)
from callplayer.vendor.transcript import Transcript, iter_words
from tests.rig.cable import RECORDED, START, WORDS, said
from tests.rig.processes import soon


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    with Library.open(None) as made:
        made.add(RECORDED, WORDS)
        made.begin_live(IncidentFacts(), ("call",), Path("l.wav"), START, "live")
        yield made


@contextlib.asynccontextmanager
async def streaming(
    library: Library, published: list[tuple[str, bytes]] | None = None, **limits: int
) -> AsyncIterator[WordStreams]:
    """Streams; with a list, what they publish to others."""
    on_message = None if published is None else lambda *message: published.append(message)
    streams = WordStreams(library, on_message, **limits)
    try:
        yield streams
    finally:
        await streams.close()


def test_a_place_says_what_came_since() -> None:
    stream = WordStream("s", Transcript())
    messages = [stream.append((said(float(n)),)) for n in range(5)]
    assert stream.since(stream.epoch, FIRST_OFFSET) == messages
    assert stream.since(stream.epoch, FIRST_OFFSET + 3) == messages[3:]
    assert stream.since(stream.epoch, stream.offset) == []
    for epoch, offset in (("x", 2), (stream.epoch, 0), (stream.epoch, stream.offset + 1)):
        assert stream.since(epoch, offset) is None


def test_what_came_long_ago_is_not_known_any_more() -> None:
    stream = WordStream("s", Transcript(), log_words=10)
    for n in range(30):
        stream.append((said(float(n)),))
    assert stream.since(stream.epoch, stream.offset - 11) is None
    missed = stream.since(stream.epoch, stream.offset - 10)
    assert missed is not None
    assert [message.words[0].start_offset for message in missed] == list(range(20, 30))
    assert len(stream) == 30


async def test_a_call_without_readers_is_dropped(library: Library) -> None:
    async with streaming(library, idle_words=2 * len(WORDS)) as streams:
        first = streams.open("recorded")
        assert first is not None
        read = streams.open("live")
        assert read is not None
        read.listeners.add(lambda: None)
        for n in range(4):
            library.add(replace(RECORDED, id=f"r{n}"), WORDS)
            assert streams.open(f"r{n}") is not None
        assert streams.open("live") is read
        again = streams.open("recorded")
        assert again is not first
        assert again is not None
        assert again.epoch != first.epoch


async def test_a_removed_call_has_no_stream(library: Library) -> None:
    async with streaming(library) as streams:
        assert streams.open("recorded") is not None
        library.remove("recorded")
        assert streams.open("recorded") is None


async def test_a_call_that_another_process_removed_has_no_stream(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library") as library:
        library.add(RECORDED, WORDS)
        async with streaming(library) as streams:
            assert streams.open("recorded") is not None
            with Library.open(tmp_path / "library") as other:
                other.remove("recorded")
            assert streams.open("recorded") is None


async def test_all_live_words_are_broadcast_too(library: Library) -> None:
    reported: list[tuple[str, bytes]] = []
    now_s = time.monotonic()
    spoken = [said(0.1 + n * 0.2, f"W{n}") for n in range(3)]
    library.add(replace(RECORDED, id="before", live_from_s=now_s), spoken)
    async with streaming(library, reported) as streams:
        library.add(replace(RECORDED, id="after", live_from_s=now_s), spoken)
        library.put_words("live", [said(1.0, "unread")])
        stream = streams.open("live")
        assert stream is not None
        library.put_words("live", [said(2.0, "read")])
        async with asyncio.timeout(10):
            while len({name for name, _ in reported[-2:]}) < 2 or len(reported) < 6:
                await asyncio.sleep(0.02)
    live = [payload for name, payload in reported if name == stream_name("live")]
    assert [next(iter_words(p)).word for p in live] == ["unread", "read"]
    for incident_id in ("before", "after"):
        transcript = Transcript()
        for name, payload in reported:
            if name == stream_name(incident_id):
                transcript = transcript.apply(tuple(iter_words(payload)))
        assert transcript == Transcript().apply(spoken)


async def test_words_of_another_service_go_to_readers_and_are_not_broadcast_again(
    postgres_place: PostgresPlace,
) -> None:
    reported: list[tuple[str, bytes]] = []
    with Library.open(postgres_place) as mine, Library.open(postgres_place) as other:
        live = other.begin_live(IncidentFacts(), ("call",), Path("/x/l.wav"), RECORDED.created_at)
        async with streaming(mine, reported) as streams:
            stream = streams.open(live.id)
            assert stream is not None
            other.put_words(live.id, [said(1.0, "theirs")])

            def came() -> bool:
                mine.take_news()
                return len(stream) == 1

            assert soon(came)
            mine.put_words(live.id, [said(2.0, "mine")])
            other.put_words(live.id, [said(1.5, "theirs"), said(3.0, "unheard of")])
            mine._db._has_missed_news = True  # the database was away when the notice came
            mine.take_news()
            assert [word.word for message in stream.all() for word in message.words] == [
                "theirs", "theirs", "unheard of",
            ]  # fmt: skip
    assert [next(iter_words(payload)).word for _, payload in reported] == ["mine"]

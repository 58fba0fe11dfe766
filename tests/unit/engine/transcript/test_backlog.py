"""Words for a client that may be slow: in the end it has what the transcript has."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.transcript.backlog import MOST_AT_ONCE, WORDS_A_LINE, Backlog
from callplayer.engine.transcript.word_reporter import WordReporter
from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.vendor.transcript import MAX_LANGUAGE_CHARS, MAX_WORD_CHARS, Transcript, Word
from tests.rig.cable import said

WORDS = st.builds(
    lambda tenths, speaker, text: said(tenths / 10, text, speaker),
    st.integers(0, 60),
    st.sampled_from(["Caller", "CallTaker"]),
    st.text("abc", min_size=1, max_size=2),
)


def test_a_long_transcript_is_emitted_in_lines() -> None:
    untold = Backlog()
    untold.apply([said(n * 0.3, f"{n}") for n in range(1000)])
    lines = []
    while words := untold.next_batch():
        lines.append(len(words))
        untold.mark_sent(words)
    assert lines == [WORDS_A_LINE] * 5


def test_a_thousand_words_at_one_moment_make_no_line_that_is_too_long() -> None:
    """The longest there are, each character of which is written with twelve."""
    longest = msgspec.structs.replace(
        said(9.0, "\U000e0041" * MAX_WORD_CHARS), language_code="\U000e0041" * MAX_LANGUAGE_CHARS
    )
    first = [msgspec.structs.replace(longest, started_at=said(n / 100, "x").started_at)
             for n in range(WORDS_A_LINE - 1)]  # fmt: skip
    untold = Backlog()
    untold.apply([*first, *[longest] * 1000])
    reported = 0
    while words := untold.next_batch():
        reported += len(words)
        assert len(codec.encode_line(m.WordsEvent(words=words))) < codec.MAX_EVENT_BYTES
        untold.mark_sent(words)
    assert reported == len(untold.transcript) == WORDS_A_LINE - 1 + MOST_AT_ONCE


async def test_a_slow_client_gets_the_state_that_holds_by_then() -> None:
    took: list[m.Event] = []
    refused = asyncio.Event()
    is_slow = True

    def take(event: m.Event) -> bool:
        if is_slow:
            refused.set()
        else:
            took.append(event)
        return not is_slow

    reporter = WordReporter(take)
    running = asyncio.create_task(reporter.run())
    reporter.say("reconnecting", "out of reach")
    await refused.wait()
    reporter.say("open")
    is_slow = False
    async with asyncio.timeout(5.0):
        while took != [m.TranscriptEvent(state="open")]:
            await asyncio.sleep(0.01)
    running.cancel()


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(WORDS, max_size=12), st.integers(0, 2)), max_size=12))
def test_whenever_the_client_reads_it_has_all_in_the_end(
    turns: list[tuple[list[Word], int]],
) -> None:
    untold, client = Backlog(), Transcript()

    def read() -> bool:
        nonlocal client
        words = untold.next_batch()
        if words:
            assert len({word.speaker for word in words}) == 1
            client = client.apply(words)
            untold.mark_sent(words)
        return bool(words)

    for new, reads in turns:
        untold.apply(new)
        for _ in range(reads):
            read()
    while read():
        pass
    assert client == untold.transcript


FIRE, HELP, NOW, SIR = said(1.0, "fire"), said(1.5, "help"), said(2.0, "now"), said(1.2, "sir")


@pytest.mark.parametrize(
    ("messages", "texts"),
    [
        ([[FIRE, HELP], [NOW], [FIRE, HELP]], ["fire", "help", "now"]),
        ([[FIRE, HELP], [NOW], [NOW], [FIRE, HELP]], ["fire", "help", "now"]),
        ([[FIRE, HELP], [NOW], [FIRE]], ["fire"]),
        ([[FIRE], [FIRE, HELP], [FIRE]], ["fire"]),
        ([[FIRE], [FIRE, HELP], [NOW], [FIRE, HELP]], ["fire", "help", "now"]),
        ([[FIRE, HELP], [NOW], [HELP], [NOW], [FIRE, HELP]], ["fire", "help"]),
        ([[FIRE, HELP], [SIR], [FIRE, HELP]], ["fire", "help"]),
    ],
    ids=["again", "twice again", "never sent so", "a guess taken back", "a guess grown, again",
         "replaced in part", "replaced"],
)  # fmt: skip
def test_only_what_was_not_replaced_since_is_a_repeat(
    messages: list[list[Word]], texts: list[str]
) -> None:
    untold = Backlog()
    for message in messages:
        untold.apply(message)
    assert [word.word for word in untold.transcript.caller] == texts


def test_a_client_gets_a_message_that_takes_words_back_and_no_repeat() -> None:
    untold, client = Backlog(), Transcript()
    for message in ([FIRE], [HELP], [NOW], [FIRE, HELP]):
        untold.apply(message)
        if message == [FIRE]:
            continue
        while words := untold.next_batch():
            client = client.apply(words)
            untold.mark_sent(words)
    assert client == untold.transcript
    assert [word.word for word in client.caller] == ["fire", "help"]
    untold.apply([FIRE, HELP])
    assert untold.next_batch() == ()

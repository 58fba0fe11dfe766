"""Words for a client that may be slow: in the end it has what the transcript has."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.untold import WORDS_A_LINE, Untold
from callplayer.words import Transcript, Word
from tests.rig.cable import said

WORDS = st.builds(
    lambda tenths, speaker, text: said(tenths / 10, text, speaker),
    st.integers(0, 60),
    st.sampled_from(["Caller", "CallTaker"]),
    st.text("abc", min_size=1, max_size=2),
)


def test_a_long_transcript_is_told_in_lines() -> None:
    untold = Untold()
    untold.take([said(n * 0.3, f"{n}") for n in range(1000)])
    lines = []
    while words := untold.next_words():
        lines.append(len(words))
        untold.told(words)
    assert lines == [WORDS_A_LINE] * 5


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(WORDS, max_size=12), st.integers(0, 2)), max_size=12))
def test_whenever_the_client_reads_it_has_all_in_the_end(
    turns: list[tuple[list[Word], int]],
) -> None:
    untold, client = Untold(), Transcript()

    def read() -> bool:
        nonlocal client
        words = untold.next_words()
        if words:
            assert len({word.speaker for word in words}) == 1
            client = client.apply(words)
            untold.told(words)
        return bool(words)

    for new, reads in turns:
        untold.take(new)
        for _ in range(reads):
            read()
    while read():
        pass
    assert client == untold.transcript

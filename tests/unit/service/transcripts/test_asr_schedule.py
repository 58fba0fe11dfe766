"""Words of a call that is played as if live: guessed at first, right in the end, never early."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.service.transcripts.asr_schedule import AsrMessage, known_at, script
from callplayer.vendor.transcript import Speaker, Transcript, Word
from tests.rig.cable import said

SPOKEN = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["Caller", "CallTaker"])), max_size=80
).map(lambda places: [said(tenths / 10, f"W{tenths},", who) for tenths, who in places])


def applied(cues: list[AsrMessage]) -> Transcript:
    """What a client knows after these messages."""
    transcript = Transcript()
    for cue in cues:
        transcript = transcript.apply(cue.words())
    return transcript


def test_an_utterance_is_guessed_at_and_then_sent_right() -> None:
    words = [said(n * 0.3, f"Word{n}.") for n in range(8)] + [said(5.0, "Later.")]
    cues = script(words)
    guesses = [cue for cue in cues if cue.is_guess]
    assert len(guesses) >= 2
    assert guesses[0].words()[0].word == "word0"
    assert guesses[0].words()[0].confidence == 0.5
    assert [cue.spoken for cue in cues if not cue.is_guess] == [tuple(words[:8]), (words[8],)]


@settings(deadline=None)
@given(SPOKEN)
def test_all_messages_together_make_the_words(words: list[Word]) -> None:
    cues = script(words)
    assert applied(list(cues)) == Transcript().apply(words)
    assert [cue.at_s for cue in cues] == sorted(cue.at_s for cue in cues)


@settings(deadline=None)
@given(SPOKEN)
def test_nothing_is_sent_before_it_is_said(words: list[Word]) -> None:
    for cue in script(words):
        assert all(word.start_offset < cue.at_s for word in cue.spoken)
        assert len({word.speaker for word in cue.spoken}) == 1


@settings(deadline=None)
@given(SPOKEN, st.floats(0.0, 45.0))
def test_what_is_known_at_a_time_is_what_was_sent_until_then(
    words: list[Word], at_s: float
) -> None:
    cues = script(words)
    so_far = [cue for cue in cues if cue.at_s <= at_s]
    assert known_at(cues, at_s) == applied(so_far)


def test_an_utterance_without_a_pause_is_sent_in_parts() -> None:
    speaker: Speaker = "CallTaker"
    words = [said(n * 0.2, "on", speaker) for n in range(400)]
    final = [cue for cue in script(words) if not cue.is_guess]
    assert len(final) == 10

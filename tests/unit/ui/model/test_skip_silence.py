"""Where nothing is to be heard: by the words, and by what was heard."""

from __future__ import annotations

import pytest

from callplayer.ipc.messages import LaneState
from callplayer.ui.model.skip_silence import after_silence_ms
from callplayer.ui.model.speech import BIN_MS, SpeechLanes
from callplayer.ui.model.transcript import Script, after_words
from tests.ui.talk import word

PARTIES = tuple(LaneState(lane=party, carries=(party,)) for party in ("caller", "callTaker"))
SILENT, NOISE, SPEECH = -80.0, -40.0, -18.0
LONGEST_MS = 3_000


def script(*at_s: float) -> Script:
    return after_words(Script(), tuple(word(each, "word") for each in at_s)) if at_s else Script()


def heard(
    *stretches: tuple[float, float, float], parties: tuple[LaneState, ...] = PARTIES
) -> SpeechLanes:
    """Return lanes in which all parties were heard: from, to (in s), and how loud the first was."""
    lanes = SpeechLanes()
    for start_s, end_s, level_db in stretches:
        bins = round((end_s - start_s) * 1000) // BIN_MS
        for n, party in enumerate(parties):
            lanes.note(party.lane, round(start_s * 1000), [SILENT if n else level_db] * bins)
    return lanes


@pytest.mark.parametrize(
    ("at_ms", "goes_on_ms"),
    [
        (0, None),  # the first word is near
        (1_400, None),  # it has just been said
        (2_000, 29_500),
        (26_000, 29_500),
        (27_000, None),  # the rest is short
        (31_000, None),  # it is not known what comes after the last word
    ],
)
def test_between_words_it_goes_on_just_before_the_next(at_ms: int, goes_on_ms: int | None) -> None:
    assert after_silence_ms(script(1, 30), SpeechLanes(), PARTIES, at_ms, LONGEST_MS) == goes_on_ms


def test_heard_sound_goes_before_words_that_lack_it() -> None:
    lanes = heard((0, 12, SILENT), (12, 13, SPEECH))
    assert after_silence_ms(script(1, 30), lanes, PARTIES, 4_000, LONGEST_MS) == 11_500
    assert after_silence_ms(script(1, 30), lanes, PARTIES, 12_400, LONGEST_MS) is None
    assert after_silence_ms(script(1, 30), lanes, PARTIES, 13_000, LONGEST_MS) == 29_500


def test_without_words_only_what_was_heard_is_known() -> None:
    lanes = heard((0, 2, SPEECH), (2, 20, SILENT), (20, 21, SPEECH), (21, 40, SILENT))
    assert after_silence_ms(Script(), lanes, PARTIES, 1_000, LONGEST_MS) is None
    assert after_silence_ms(Script(), lanes, PARTIES, 3_000, LONGEST_MS) == 19_500
    assert after_silence_ms(Script(), lanes, PARTIES, 18_000, LONGEST_MS) is None
    # From 40 s on it is not known: it is heard from there, not from before.
    assert after_silence_ms(Script(), lanes, PARTIES, 22_000, LONGEST_MS) == 40_000
    assert after_silence_ms(Script(), lanes, PARTIES, 50_000, LONGEST_MS) is None
    assert after_silence_ms(Script(), SpeechLanes(), PARTIES, 3_000, LONGEST_MS) is None


def test_after_the_last_words_the_heard_sound_decides() -> None:
    lanes = heard((31, 60, SILENT))
    assert after_silence_ms(script(1, 30), lanes, PARTIES, 32_000, LONGEST_MS) == 60_000


def test_a_party_that_was_not_heard_yet_may_speak() -> None:
    lanes = heard((0, 40, SILENT), parties=PARTIES[:1])
    assert after_silence_ms(Script(), lanes, PARTIES, 3_000, LONGEST_MS) is None
    assert after_silence_ms(Script(), lanes, PARTIES[:1], 3_000, LONGEST_MS) == 40_000


def test_the_noise_of_a_line_is_no_sound_once_it_is_known() -> None:
    noisy = ((0, 10, SPEECH), (10, 40, NOISE), (40, 41, SPEECH))
    assert after_silence_ms(Script(), heard(*noisy), PARTIES, 12_000, LONGEST_MS) == 39_500
    assert after_silence_ms(script(1, 42), heard(*noisy), PARTIES, 12_000, LONGEST_MS) == 39_500
    short = ((0, 1, SPEECH), (1, 9, NOISE))
    assert after_silence_ms(Script(), heard(*short), PARTIES, 2_000, LONGEST_MS) is None


def test_speech_without_a_pause_is_not_noise() -> None:
    lanes = heard((0, 60, SPEECH))
    assert after_silence_ms(Script(), lanes, PARTIES, 12_000, LONGEST_MS) is None

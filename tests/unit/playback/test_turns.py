"""A recording with both parties in one channel: each keeps a volume of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.playback.audio_source import DecodedSound
from callplayer.playback.player import StreamPlayer
from callplayer.playback.turns import (
    AFTER_MS,
    BEFORE_MS,
    MAX_TURNS,
    PAUSE_MS,
    Turn,
    Turns,
    turns_of,
)
from callplayer.vendor.commands import Resume, Scrub, SetGain
from callplayer.vendor.parties import BOTH, CALL_TAKER, CALLER, NEITHER
from callplayer.vendor.transcript import Speaker, Word, word_at

START = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK_S = 0.02
TURNS = (Turn(1000, 2000, "caller"), Turn(3000, 4000, "callTaker"), Turn(3800, 5000, "caller"))


def word(at_s: float, speaker: Speaker, duration_s: float = 0.3) -> Word:
    made = word_at(START, at_s, duration_s, "word", speaker)
    assert made is not None
    return made


def test_words_close_together_are_one_turn() -> None:
    words = [word(1.0, "Caller"), word(1.9, "Caller"), word(3.0, "Caller"), word(1.5, "CallTaker")]
    assert turns_of([*words, word(2.5, "Unknown")]) == (
        Turn(1000, 2200, "caller"),
        Turn(1500, 1800, "callTaker"),
        Turn(3000, 3300, "caller"),
    )
    assert PAUSE_MS == 700


def test_more_turns_than_a_message_holds_are_none() -> None:
    words = [word(2.0 * n, "Caller") for n in range(MAX_TURNS + 1)]
    assert turns_of(words) == ()
    assert len(turns_of(words[:-1])) == MAX_TURNS


@pytest.mark.parametrize(
    ("at_ms", "speaking"),
    [(0, NEITHER), (1000 - BEFORE_MS, CALLER), (1999 + AFTER_MS, CALLER), (2500, NEITHER),
     (3500, CALL_TAKER), (3900, BOTH), (4500, CALLER), (9000, NEITHER)],
)  # fmt: skip
def test_the_speaker_at_a_place(at_ms: int, speaking: frozenset[str]) -> None:
    assert Turns(TURNS).speaking(at_ms) == speaking


@given(st.integers(-1000, 10_000))
def test_without_turns_no_speaker_is_known(at_ms: int) -> None:
    assert Turns().speaking(at_ms) == NEITHER


def steady_player(*, turns: tuple[Turn, ...] = ()) -> StreamPlayer:
    """Return a player of 6 s of one loudness."""
    samples = np.full((6 * 48_000, 1), 8000, dtype=np.int16)
    player = StreamPlayer(("call",), DecodedSound(samples), autoplay=False, turns=turns)
    player.begin(0.0)
    player.obey(Resume(), 0.0)
    return player


def played(player: StreamPlayer, seconds: float) -> np.ndarray:
    blocks = [player.next_block(n * BLOCK_S)[:, 0] for n in range(round(seconds / BLOCK_S))]
    return np.concatenate(blocks).astype(float)


def level_db(sound: np.ndarray, at_s: float) -> float:
    part = sound[round(at_s * 48_000) :][:480]
    return float(20 * np.log10(np.abs(part).mean() / 8000))


def test_each_is_as_loud_as_was_asked_while_they_speak_and_nothing_clicks() -> None:
    player = steady_player(turns=TURNS)
    player.obey(SetGain(-20.0, "caller"), 0.0)
    player.obey(SetGain(-6.0, "callTaker"), 0.0)
    sound = played(player, 6.0)
    for at_s, gain_db in ((0.5, -6), (1.5, -20), (2.5, -6), (3.4, -6), (3.85, -6), (4.5, -20)):
        assert level_db(sound, at_s) == pytest.approx(gain_db, abs=0.1), at_s
    # A volume moves over a block, in a line.
    assert np.abs(np.diff(sound[4800:])).max() <= 8000 / 960 + 1


def test_where_no_words_are_known_the_louder_volume_counts() -> None:
    player = steady_player()
    player.obey(SetGain(-40.0, "caller"), 0.0)
    assert level_db(played(player, 1.0), 0.9) == pytest.approx(0.0, abs=0.1)
    player.obey(SetGain(-12.0, "callTaker"), 1.0)
    assert level_db(played(player, 1.0), 0.9) == pytest.approx(-12.0, abs=0.1)


def test_both_volumes_come_back_with_the_place() -> None:
    player = steady_player(turns=TURNS)
    player.obey(SetGain(-20.0, "caller"), 0.0)
    player.obey(SetGain(3.0, "callTaker"), 0.0)
    player.obey(Scrub(1500), 0.0)
    place = player.place
    assert place.gains_db == {"caller": -20.0, "callTaker": 3.0}
    samples = np.full((6 * 48_000, 1), 8000, dtype=np.int16)
    again = StreamPlayer(("call",), DecodedSound(samples), autoplay=False, place=place, turns=TURNS)
    again.begin(0.0)
    assert level_db(played(again, 0.2), 0.1) == pytest.approx(-20.0, abs=0.1)

"""Transcript files: each kind's words, times and speakers, and that hard input is only refused."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.errors import UsageError
from callplayer.recordings import words as transcripts
from callplayer.recordings.words import read_words
from callplayer.recordings.words.cues import parse_cues
from callplayer.recordings.words.pieces import Piece, TranscriptError, words_of
from callplayer.recordings.words.rttm import parse_rttm
from callplayer.recordings.words.sidecar import parse_sidecar_words
from callplayer.recordings.words.stm import parse_stm
from callplayer.service import demo_calls

START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
DEMO = Path(demo_calls.__path__[0]) / "kitchen-fire.json"


def read(tmp_path: Path, files: dict[str, str], **names):
    paths = []
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        paths.append(tmp_path / name)
    return read_words(paths, START, **names)


def told(words) -> list[tuple[str, str, float]]:
    return [(word.speaker, word.word, word.start_offset) for word in words]


def test_the_demo_calls_json():
    words = read_words([DEMO], START)
    assert told(words[:2]) == [("CallTaker", "911,", 0.76), ("CallTaker", "what", 1.63)]
    assert words[0].started_at == START + timedelta(seconds=0.76)
    assert (words[0].duration, words[0].confidence, words[0].language_code) == (
        0.87,
        0.792,
        "en-US",
    )
    assert len(words) > 300


def test_stm(tmp_path):
    stm = """;; a comment
;; CATEGORY "0" "" ""
call 1 desk 0.00 2.00 <o,f0,female> nine one one
call 2 spk7 2.5 4.5 { uh / @ } (%hesitation) help
call 1 inter_segment_gap 4.5 5 <o,,unknown>
call 1 desk 5 6 IGNORE_TIME_SEGMENT_IN_SCORING
call 1 Dispatcher_2 7 8 where
"""
    words = read(
        tmp_path,
        {
            "a.stm": stm.replace("IGNORE", "ignore").replace(
                "TIME_SEGMENT_IN_SCORING", "time_segment_in_scoring"
            )
        },
    )
    assert [(speaker, text) for speaker, text, _ in told(words)] == [
        ("Caller", "nine"), ("Caller", "one"), ("Caller", "one"),
        ("CallTaker", "uh"), ("CallTaker", "%hesitation"), ("CallTaker", "help"),
        ("CallTaker", "where"),
    ]  # fmt: skip
    assert words[0].start_offset == 0.0
    assert 0.6 < words[1].start_offset < 0.8
    assert words[2].ended_at <= START + timedelta(seconds=2)
    assert [word.diarized_speaker for word in words] == [1, 1, 1, 2, 2, 2, 3]


def test_rttm_words_and_confidence(tmp_path):
    rttm = """;; made by hand
LEXEME call 1 1.50 0.25 help lex spk_0 0.75
LEXEME call 1 1.00 0.25 please lex spk_0 <NA> <NA>
NOISE call 1 0 1 <NA> <NA> <NA> <NA>
SPEAKER call 1 1.00 0.75 <NA> <NA> spk_0 <NA> <NA>
"""
    words = read(tmp_path, {"a.rttm": rttm}, names={"spk_0": "CallTaker"})
    assert told(words) == [("CallTaker", "please", 1.0), ("CallTaker", "help", 1.5)]
    assert [word.confidence for word in words] == [1.0, 0.75]


def test_turns_say_who_speaks_in_the_subtitles(tmp_path):
    srt = (
        "1\n00:00:01,000 --> 00:00:02,000\nWhat happened?\n\n"
        "2\n00:00:02,500 --> 00:00:04,000\nFire\n"
    )
    rttm = "SPEAKER x 1 0.9 1.2 <NA> <NA> A <NA> <NA>\nSPEAKER x 1 2.2 2.0 <NA> <NA> B <NA> <NA>\n"
    words = read(tmp_path, {"a.srt": srt, "b.rttm": rttm}, names={"A": "CallTaker", "B": "Caller"})
    assert [(word.speaker, word.word) for word in words] == [
        ("CallTaker", "What"), ("CallTaker", "happened?"), ("Caller", "Fire"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no words"):
        read(tmp_path, {"b.rttm": rttm})


def test_two_files_are_words_and_who_speaks_and_nothing_else(tmp_path):
    srt, empty = "1\n00:00:01,000 --> 00:00:02,000\nWhat happened?\n\n", ""
    turns = "SPEAKER x 1 0.9 1.2 <NA> <NA> A <NA> <NA>\n"
    spoken = "LEXEME x 1 0.9 1.2 fire lex A <NA> <NA>\n"
    assert len(read(tmp_path, {"a.srt": srt, "b.rttm": turns})) == 2
    for files in (
        {"a.srt": srt, "b.srt": srt},
        {"a.srt": srt, "b.srt": empty},
        {"a.srt": srt, "b.rttm": spoken},
        {"a.srt": srt, "b.rttm": turns, "c.rttm": turns},
        {"a.rttm": turns, "b.rttm": turns},
    ):
        with pytest.raises(UsageError, match="one kind"):
            read(tmp_path, files)


def test_webvtt(tmp_path):
    vtt = """\ufeffWEBVTT - a title

NOTE
a --> comment is no cue in WebVTT, so this stays away from it.

STYLE
::cue { color: red }

intro
00:01.000 --> 00:03.000 align:start position:10%
<v.loud Call Taker>911, <i>what</i> &amp; where?</v>
<v Caller>Help

01:00:00.000 --> 01:00:04.000
- Dispatcher: one <01:00:02.000>two
Caller: three
"""
    words = read(tmp_path, {"a.vtt": vtt.replace("a --> comment", "a comment")})
    assert [(word.speaker, word.word) for word in words] == [
        ("CallTaker", "911,"), ("CallTaker", "what"), ("CallTaker", "&"), ("CallTaker", "where?"),
        ("Caller", "Help"),
        ("CallTaker", "one"), ("CallTaker", "two"), ("Caller", "three"),
    ]  # fmt: skip
    assert words[0].start_offset == 1.0
    assert words[4].ended_at <= START + timedelta(seconds=3)
    assert words[6].start_offset == 3602.0
    assert 3602.0 < words[7].start_offset < 3604.0


def test_a_speaker_nobody_knows_is_unknown(tmp_path):
    words = read(tmp_path, {"a.srt": "1\n00:00:01,000 --> 00:00:02,000\nTom: hello\n"})
    assert [(word.speaker, word.word) for word in words] == [
        ("Unknown", "Tom:"), ("Unknown", "hello"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.stm", "call 1 x 0.0\n"),
        ("a.stm", "call 1 x zero 1.0 hello\n"),
        ("a.stm", "call 1 x nan 1.0 hello\n"),
        ("a.stm", "call 1 x 2.0 1.0 hello\n"),
        ("a.stm", "call 1 x 0.0 1e300 hello\n"),
        ("a.rttm", "SPEAKER x 1 0 1\n"),
        ("a.rttm", "LEXEME x 1 -1 1 w lex s 1\n"),
        ("a.vtt", "WEBVTT\n\n00:01 --> 00:02\nx\n"),
        ("a.vtt", "WEBVTT\n\n00:03.000 --> 00:02.000\nx\n"),
        ("a.vtt", "WEBVTT\n\n999:00:03.000 --> 999:00:04.000\nx\n"),
        ("a.json", "[]"),
        ("a.json", '{"words": [{"word": "x"}]}'),
        ("a.json", '{"words": []}'),
        ("a.srt", ""),
        ("a.txt", "hello"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name_and_line(tmp_path, name, text):
    with pytest.raises(UsageError) as error:
        read(tmp_path, {name: text})
    assert name in error.value.what
    assert "hello" not in error.value.what


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="cannot be read"):
        read_words([tmp_path / "none.srt"], START)
    (tmp_path / "latin.srt").write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\n\xe9\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_words([tmp_path / "latin.srt"], START)
    monkeypatch.setattr(transcripts, "MAX_FILE_BYTES", 10)
    with pytest.raises(UsageError, match="larger"):
        read_words([tmp_path / "latin.srt"], START)


def cue_like():
    clock = st.from_regex(r"(\d\d:)?[0-5]\d:[0-5]\d[.,]\d{3}", fullmatch=True)
    timing = st.builds("{} --> {}".format, clock, clock)
    tag = st.sampled_from(["<v Caller>", "</v>", "<00:00:01.500>", "<", ">", "Caller: ", "&lt;"])
    line = st.lists(st.one_of(tag, st.text(max_size=8)), max_size=6).map("".join)
    return st.lists(st.one_of(timing, line, st.just("")), max_size=20).map("\n".join)


def line_like():
    field = st.one_of(
        st.sampled_from(
            ["SPEAKER", "LEXEME", "call", "1", "<NA>", "0.5", "1.5", "{", "a", "/", "}"]
        ),
        st.floats().map(str),
        st.text(max_size=5),
    )
    line = st.lists(field, max_size=11).map(" ".join)
    return st.lists(line, max_size=8).map("\n".join)


@settings(max_examples=60)
@given(st.one_of(cue_like(), line_like(), st.text()))
def test_whatever_a_file_holds_its_words_are_sane_or_it_is_refused(text):
    for parse in (parse_cues, parse_stm, lambda given: parse_rttm(given)[0]):
        try:
            pieces = parse(text)
        except TranscriptError:
            continue
        for piece in pieces:
            assert 0 <= piece.start_s <= piece.end_s
        words = words_of(pieces, START, {})
        assert list(words) == sorted(words, key=lambda word: word.started_at)
        for word in words:
            assert word.word.split() == [word.word]
            assert START <= word.started_at <= word.ended_at


json_like = st.recursive(
    st.none() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)
word_like = st.dictionaries(st.sampled_from(["word", "speaker", "start_offset"]), json_like)
words_like = st.lists(word_like, max_size=3).map(lambda words: json.dumps({"words": words}))


@settings(max_examples=60)
@given(st.binary() | words_like.map(str.encode))
def test_whatever_a_sidecar_holds_it_is_read_or_refused(content):
    with contextlib.suppress(TranscriptError):
        for word in parse_sidecar_words(content, START):
            assert word.word.strip()


@given(st.lists(st.text(alphabet="abc ", min_size=1), max_size=5), st.floats(0, 100))
def test_a_pieces_words_fill_its_time_in_order(texts, length_s):
    text = " ".join(texts)
    words = words_of([Piece(10.0, 10.0 + length_s, text)], START, {})
    assert [word.word for word in words] == text.split()
    for word in words:
        assert word.start_offset >= 9.999
        assert word.start_offset + word.duration <= 10.0 + length_s + 0.002


def test_there_is_a_most_of_words(monkeypatch):
    monkeypatch.setattr(transcripts.pieces, "MAX_WORDS", 3)
    with pytest.raises(TranscriptError, match="more than 3"):
        words_of([Piece(0.0, 1.0, "a b c d")], START, {})

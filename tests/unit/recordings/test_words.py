"""Transcript files: each kind's words, times and speakers, and that hard input is only refused."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer import demo_calls
from callplayer.errors import UsageError
from callplayer.recordings.words import MAX_FILE_BYTES, CallTimes, read_words
from callplayer.recordings.words.cues import parse_cues
from callplayer.recordings.words.names import Names
from callplayer.recordings.words.rttm import parse_rttm
from callplayer.recordings.words.sidecar import parse_json
from callplayer.recordings.words.stm import parse_stm
from callplayer.recordings.words.timed_text import TimedText, TranscriptError, attribute, words_of

START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
CALL = CallTimes(START)
DEMO = Path(demo_calls.__path__[0]) / "kitchen-fire.json"


def read(tmp_path: Path, files: dict[str, str], **names):
    paths = []
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        paths.append(tmp_path / name)
    return read_words(paths, CALL, **names)


def reported(words) -> list[tuple[str, str, float]]:
    return [(word.speaker, word.word, word.start_offset) for word in words]


def test_the_demo_calls_json():
    words = read_words([DEMO], CALL)
    assert reported(words[:2]) == [("CallTaker", "911,", 0.76), ("CallTaker", "what", 1.63)]
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
    assert [(speaker, text) for speaker, text, _ in reported(words)] == [
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
    assert reported(words) == [("CallTaker", "please", 1.0), ("CallTaker", "help", 1.5)]
    assert [word.confidence for word in words] == [1.0, 0.75]


def test_turns_name_the_speaker_in_the_subtitles(tmp_path):
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


def test_two_files_are_words_and_speakers_and_nothing_else(tmp_path):
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


def test_a_speaker_without_a_name_is_unknown(tmp_path):
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
        ("a.stm", "call 1 x 0.0 1e300 hello\n"),
        ("a.rttm", "SPEAKER x 1 0 1\n"),
        ("a.rttm", "LEXEME x 1 -2 1 w lex s 1\n"),
        ("a.vtt", "WEBVTT\n\n00:01:99:12 --> 00:02\nx\n"),
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


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_words([tmp_path / "none.srt"], CALL)
    (tmp_path / "latin.srt").write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\n\xe9\n")
    said: list[str] = []
    (word,) = read_words([tmp_path / "latin.srt"], CALL, warn=said.append)
    assert word.word == "é"
    assert "not UTF-8" in said[0]
    os.truncate(tmp_path / "latin.srt", MAX_FILE_BYTES + 1)
    with pytest.raises(UsageError, match="larger"):
        read_words([tmp_path / "latin.srt"], CALL)


def unheard(_line: str) -> None:
    """Hear no warning."""


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
    for parse in (
        lambda given: parse_cues(given, unheard, Names()),
        lambda given: parse_stm(given, unheard),
        lambda given: parse_rttm(given, unheard)[0],
    ):
        try:
            pieces = parse(text)
        except TranscriptError:
            continue
        for piece in pieces:
            assert 0 <= piece.start_s <= piece.end_s
        words = words_of(pieces, START, Names())
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
        words, pieces = parse_json(content, START, unheard, Names())
        assert all(word.word.strip() for word in words)
        assert all(0 <= piece.start_s <= piece.end_s for piece in pieces)


@given(st.lists(st.text(alphabet="abc ", min_size=1), max_size=5), st.floats(0, 100))
def test_a_pieces_words_fill_its_time_in_order(texts, length_s):
    text = " ".join(texts)
    words = words_of([TimedText(10.0, 10.0 + length_s, text)], START, Names())
    assert [word.word for word in words] == text.split()
    for word in words:
        assert word.start_offset >= 9.999
        assert word.start_offset + word.duration <= 10.0 + length_s + 0.002


TENTHS = st.integers(0, 60).map(lambda tenths: tenths / 10)
SPANS = st.lists(st.tuples(TENTHS, TENTHS).map(sorted), max_size=12)


@given(SPANS, SPANS)
def test_a_piece_is_by_the_speaker_who_speaks_most_then(spans, turns_s):
    turns = [TimedText(*span, "", f"{at}") for at, span in enumerate(turns_s)]
    for piece in attribute([TimedText(*span, "x") for span in spans], turns):
        overlaps_s = {turn.speaker: min(piece.end_s, turn.end_s) - max(piece.start_s, turn.start_s)
                      for turn in turns}  # fmt: skip
        most_s = max(overlaps_s.values(), default=-1.0)
        assert overlaps_s[piece.speaker] == most_s if most_s >= 0 else piece.speaker == ""


def test_who_speaks_is_looked_up_among_the_turns_of_that_time_only():
    looks = 0

    class Turn(TimedText):
        def __getattribute__(self, name):
            nonlocal looks
            looks += 1
            return super().__getattribute__(name)

    turns = [Turn(2.0 * n, 2.0 * n + 2.0, "", "A") for n in range(500)]
    pieces = [TimedText(n / 2, n / 2 + 0.4, "x") for n in range(2_000)]
    assert all(piece.speaker == "A" for piece in attribute(pieces, turns))
    assert looks < 50 * len(pieces)


def test_there_is_a_most_of_words():
    with pytest.raises(TranscriptError, match="more than 3"):
        words_of([TimedText(0.0, 1.0, "a b c d")], START, Names(), most=3)


# --- what the field writes ------------------------------------------------------------------------

INPUTS = Path(__file__).parents[2] / "inputs" / "words"
TEN_S = CallTimes(START, 10.0)

SAID = {
    "aws.json": "Caller: Fire,",
    "bom_latin1.srt": "Caller: Cañon",
    "clock.srt": "Unknown: He said 10:30 --> that's when it began note: caller: hung up",
    "cr.srt": "Caller: There is smoke; Unknown: Bye",
    "crlf.srt": "Caller: There is smoke",
    "deepgram.json": "Caller: Fire,",
    "latin1.srt": "Caller: Cañon Road",
    "list.json": "Unknown: fire",
    "names.vtt": "Unknown: Nine one one There is smoke",
    "neg.json": "Caller: Fire help now",
    "neg.stm": "Caller: there is smoke",
    "noblank.srt": "Caller: There is smoke; CallTaker: Stay on the line",
    "noms.srt": "Caller: There is smoke",
    "nooffset.json": "Caller: Fire 12",
    "nospacearrow.vtt": "Unknown: There is smoke",
    "nospk.vtt": "Unknown: Nine one one There is smoke",
    "note.vtt": "Caller: There is smoke; CallTaker: Stay & wait outside",
    "note2.vtt": "Caller: There is smoke; CallTaker: Stay & wait outside",
    "ok.stm": "CallTaker: nine; Caller: there; CallTaker: one; Caller: is smoke; CallTaker: one;"
    " Caller: %hesitation everywhere backwards",
    "onebad.json": "Caller: Fire now",
    "overlap.srt": "CallTaker: Nine one one what is your; Caller: There; CallTaker: emergency;"
    " Caller: is smoke everywhere",
    "rev.srt": "Caller: There is smoke; CallTaker: Stay on the line",
    "said2.srt": "Unknown: Caller ID: 555-0142, call back I am the caller's neighbour: please"
    " hurry An operator at the plant: he is hurt Recaller: x Address: 12 Main Street",
    "said_caller.srt": "Unknown: Is the caller there: yes or no The operator said: stay calm",
    "short.srt": "Unknown: hi everybody",
    "spk_gt.srt": "CallTaker: Nine one one; Unknown: There is smoke",
    "spk_plain.srt": "Unknown: Nine one one There is smoke",
    "start_end.json": "Unknown: Fire",
    "strnum.json": "Caller: Fire",
    "two_same.srt": "CallTaker: Nine one one; Caller: There is smoke",
    "us.srt": "Unknown: There is smoke",
    "utf16.vtt": "Caller: There is smoke",
    "whisper_words_top.json": "Unknown: Fire at 12",
    "whisperx.json": "Unknown: Fire at 12 Main Street",
    "youtube.vtt": "Unknown: there is smoke in the kitchen",
    "zero.srt": "Caller: There is smoke",
}
REFUSED = {
    "abs.vtt": "beyond the end of the call: .*; the times seem to be those of a clock",
    "blank_in_cue.vtt": "beyond the end of the call",  # 45 minutes, read with its own length below
    "eight.rttm": "no words",
    "ms.json": "beyond the end of the call: .*; the times seem to be milliseconds",
    "neg.rttm": "no words",
    "past_end.json": "beyond the end of the call: .*; it may be the transcript of another call",
    "span.stm": "line 3: a time is no number",
    "turns.rttm": "no words",
}
WARNED = {
    "bom_latin1.srt": "not UTF-8", "latin1.srt": "not UTF-8",
    "onebad.json": "word 2 has no text", "rev.srt": "line 6: it ends before it starts",
    "ok.stm": "line 4: it ends before it starts",
}  # fmt: skip


def spoken(words) -> str:
    runs: list[tuple[str, list[str]]] = []
    for word in words:
        if not runs or runs[-1][0] != word.speaker:
            runs.append((word.speaker, []))
        runs[-1][1].append(word.word)
    return "; ".join(f"{speaker}: {' '.join(texts)}" for speaker, texts in runs)


def test_every_transcript_of_the_inputs_is_expected() -> None:
    assert {path.name for path in INPUTS.iterdir()} == SAID.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", SAID)
def test_what_the_field_writes_is_read_whole(name: str) -> None:
    said: list[str] = []
    words = read_words([INPUTS / name], TEN_S, warn=said.append)
    assert spoken(words) == SAID[name]
    assert WARNED.get(name, "") in "".join(said)
    assert len(said) == (name in WARNED)
    assert all(0 <= word.start_offset <= 10 for word in words)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_of_this_call_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[name]):
        read_words([INPUTS / name], TEN_S)


def test_a_blank_line_in_a_cue_ends_nothing() -> None:
    words = read_words([INPUTS / "blank_in_cue.vtt"], CallTimes(START, 3_000.0))
    assert spoken(words) == "Unknown: There is smoke in the kitchen Stay on the line"


def test_text_outside_of_any_cue_is_warned_of_with_its_line(tmp_path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("Made by hand\n\n1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    said: list[str] = []
    assert spoken(read_words([path], TEN_S, warn=said.append)) == "Unknown: hello"
    assert [line.partition(": ")[2] for line in said] == ["line 1 is in no cue, and left out"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana Ruiz>hello</v>\n"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nana ruiz: hello\n"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n[Ana Ruiz] hello\n"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n>> ANA RUIZ: hello\n"),
        ("a.json", '[{"word": "hello", "start": 1, "end": 2, "speaker": "Ana Ruiz"}]'),
        (
            "a.json",
            '{"words": [{"word": "hello", "start_offset": 1, "speaker": "ANA RUIZ"}]}',
        ),
        ("a.stm", "call 1 Ana_Ruiz 1 2 hello\n"),
    ],
)
def test_a_given_name_works_however_it_is_written(tmp_path, name, text) -> None:
    (word,) = read(tmp_path, {name: text}, names={"Ana Ruiz": "CallTaker"})
    assert (word.word, word.speaker) == ("hello", "CallTaker")


def test_a_given_name_that_no_word_has_is_said(tmp_path) -> None:
    said: list[str] = []
    srt = "1\n00:00:01,000 --> 00:00:02,000\nCALLER: hello\n"
    read(tmp_path, {"a.srt": srt}, names={"Sam": "Caller"}, warn=said.append)
    assert said == ["no words are by Sam, which --caller or --call-taker names"]


@pytest.mark.parametrize(
    ("timing", "start_s"),
    [
        ("0:0:4,8 --> 0:0:7,4", 4.8), ("0,500 --> 0,900", 0.5), ("00:00:01 --> 00:00:03", 1.0),
        ("1:00:00.000 --> 1:00:01.000", 3600.0), ("100:00:00,000 --> 100:00:01,000", 360_000.0),
        ("00:01.5-->00:02.5", 1.5), ("00:00:01,000000 --> 00:00:02,500000", 1.0),
    ],
)  # fmt: skip
def test_times_of_all_kinds(tmp_path, timing: str, start_s: float) -> None:
    (word,) = read(tmp_path, {"a.srt": f"1\n{timing}\nhello\n"})
    assert word.start_offset == start_s


RECOGNISERS = {
    "whisper": {"text": "Fire help", "language": "en", "segments": [
        {"start": 0.5, "end": 1.5, "text": " Fire help", "words": [
            {"word": " Fire", "start": 0.5, "end": 0.9, "probability": 0.9},
            {"word": " help", "start": 1.0, "end": 1.5, "probability": 0.5}]}]},
    "whisper without words": {"segments": [{"start": 0.5, "end": 1.5, "text": " Fire help"}]},
    "whisper.cpp": {"transcription": [
        {"offsets": {"from": 500, "to": 1500}, "text": " Fire help"}]},
    "whisperX, a word without a time at the edge": {"segments": [
        {"start": 0.5, "end": 1.5, "text": "Fire help", "words": [
            {"word": "Fire"}, {"word": "help", "start": 1.0, "end": 1.5}]}]},
    "deepgram": {"metadata": {"channels": 1}, "results": {"channels": [{"alternatives": [
        {"words": [{"word": "fire", "start": 0.5, "end": 0.9, "punctuated_word": "Fire"},
                   {"word": "help", "start": 1.0, "end": 1.5}]}]}]}},
    "aws": {"results": {"items": [
        {"type": "pronunciation", "start_time": "0.5", "end_time": "0.9",
         "alternatives": [{"content": "Fire", "confidence": "0.9"}], "speaker_label": "spk_0"},
        {"type": "pronunciation", "start_time": "1.0", "end_time": "1.5",
         "alternatives": [{"content": "help", "confidence": "0.9"}], "speaker_label": "spk_0"}]}},
    "aws, a channel of a number without end": {"results": {"channel_labels": {"channels": [
        {"channel_label": f"ch_{'1' * 5_000}", "items": [
            {"type": "pronunciation", "start_time": "0.5", "end_time": "0.9",
             "alternatives": [{"content": "Fire"}]},
            {"type": "pronunciation", "start_time": "1.0", "end_time": "1.5",
             "alternatives": [{"content": "help"}]}]}]}}},
    "aws call analytics": {"Transcript": [
        {"ParticipantRole": "UNKNOWN", "Content": "Fire help", "Items": [
            {"Type": "pronunciation", "Content": "Fire", "Confidence": "0.9",
             "BeginOffsetMillis": 500, "EndOffsetMillis": 900},
            {"Type": "pronunciation", "Content": "help", "Confidence": "0.9",
             "BeginOffsetMillis": 1000, "EndOffsetMillis": 1500}]}]},
    "google": {"results": [{"alternatives": [{"transcript": "Fire help", "words": [
        {"word": "Fire", "startTime": "0.500s", "endTime": "0.900s"},
        {"word": "help", "startTime": "1s", "endTime": "1.500s"}]}]}]},
    "google, diarized": {"results": [
        {"alternatives": [{"words": [{"word": "Fire", "startTime": "0.5s", "endTime": "0.9s"}]}]},
        {"alternatives": [{"words": [
            {"word": "Fire", "startTime": "0.5s", "endTime": "0.9s", "speakerTag": 1},
            {"word": "help", "startTime": "1s", "endTime": "1.5s", "speakerTag": 1}]}]}]},
    "openai, segments and words": {"text": "Fire help", "language": "english",
        "segments": [{"id": 0, "start": 0.0, "end": 8.0, "text": " Fire help"}],
        "words": [{"word": "Fire", "start": 0.5, "end": 0.9},
                  {"word": "help", "start": 1.0, "end": 1.5}]},
    "assemblyai": {"words": [{"text": "Fire", "start": 500, "end": 900, "speaker": "A"},
                             {"text": "help", "start": 1000, "end": 1500, "speaker": "A"}]},
    "azure": {"recognizedPhrases": [{"channel": 0, "offsetInTicks": 5_000_000, "nBest": [
        {"confidence": 0.9, "display": "Fire help.", "words": [
            {"word": "Fire", "offset": "PT0.5S", "duration": "PT0.4S"},
            {"word": "help", "offsetInTicks": 10_000_000, "durationInTicks": 5_000_000}]}]}]},
    "azure, fast": {"phrases": [{"offsetMilliseconds": 500, "text": "Fire help", "words": [
        {"text": "Fire", "offsetMilliseconds": 500, "durationMilliseconds": 400},
        {"text": "help", "offsetMilliseconds": 1000, "durationMilliseconds": 500}]}]},
}  # fmt: skip


@pytest.mark.parametrize("form", RECOGNISERS)
def test_recognisers_json_is_recognised_by_its_form(tmp_path, form: str) -> None:
    first, second = read(tmp_path, {"a.json": json.dumps(RECOGNISERS[form])})
    assert (first.word, second.word) == ("Fire", "help")
    assert (first.start_offset, second.start_offset) == pytest.approx((0.5, 1.0), abs=0.01)
    assert second.start_offset + second.duration == pytest.approx(1.5, abs=0.01)


def google_result(text: str, end: str, **more) -> dict:
    return {"alternatives": [{"transcript": text}], "resultEndTime": end, **more}


@pytest.mark.parametrize(
    ("data", "starts_s"),
    [
        ({"results": [google_result("aa bb cc dd", "2s"), google_result("ee", "50s"),
                      google_result("ff gg", "52.5s")]},
         [0.0, 0.5, 1.0, 1.5, 49.0, 50.5, 51.5]),
        ({"results": [google_result("a b", "20s", channelTag=1),
                      google_result("c", "19s", channelTag=2),
                      google_result("d", "22s", channelTag=1)]},
         [18.0, 18.0, 19.0, 21.0]),
        ({"results": [{"alternatives": [{"words": [{"word": "a", "confidence": 0.9},
                                                   {"word": "b", "confidence": 0.9}]}],
                       "resultEndTime": "40s"}]},
         [38.0, 39.0]),
        ({"results": [{"alternatives": [{"words": [
            {"word": "a", "endTime": "0.4s"}, {"word": "b", "startTime": "2s"}]}]}]},
         [0.0, 2.0]),
        ({"results": [{"alternatives": [{"transcript": "a b c"}]}]}, [0.0, 0.3, 0.6]),
        ({"words": [{"text": "a", "start": 0, "end": 0.4}, {"text": "b", "start": 30, "end": 31},
                    {"text": "c", "start": 61.25, "end": 61.9}]},
         [0.0, 30.0, 61.25]),
        ({"words": [{"text": "a", "start": 0, "end": 400}, {"text": "b", "start": 30_000},
                    {"text": "c", "start": None, "end": 61_000}]},
         [0.0, 30.0, 60.0]),
        ({"segments": [{"start": 0.0, "end": 30.0, "text": "a b", "speaker": "A"},
                       {"start": 30.0, "end": 62.0, "text": "c", "speaker": "B"},
                       {"start": 62.0, "end": 63.0, "text": "no word is here"}],
          "words": [{"word": "a", "start": 1.0, "end": 2.0}, {"word": "b"},
                    {"word": "c", "start": 61.0, "end": 62.0}]},
         [1.0, 2.0, 61.0]),
        ({"segments": [], "words": [{"word": "a", "start": 7.0, "end": 8.0}]}, [7.0]),
    ],
    ids=["ends", "ends of channels", "words without times", "a start of 0", "no times",
         "s of which some are whole", "ms", "words beside segments", "no segments"],
)  # fmt: skip
def test_words_lie_as_near_as_a_recogniser_says(tmp_path, data, starts_s) -> None:
    words = read(tmp_path, {"a.json": json.dumps(data)})
    assert [word.start_offset for word in words] == pytest.approx(starts_s, abs=0.01)


def test_words_beside_segments_are_by_the_segments_speakers(tmp_path) -> None:
    said = {"segments": [{"start": 0.0, "end": 3.0, "text": "a", "speaker": "Caller"},
                         {"start": 3.0, "end": 6.0, "text": "b", "speaker": "Dispatcher"}],
            "words": [{"word": "a", "start": 1.0}, {"word": "b", "start": 4.0}]}  # fmt: skip
    words = read(tmp_path, {"a.json": json.dumps(said)})
    assert spoken(words) == "Caller: a; CallTaker: b"


def test_channels_and_roles_of_recognisers_are_parties(tmp_path) -> None:
    word = {"word": "hello", "start": 1.0, "end": 1.5, "confidence": 0.25}
    channel = {"alternatives": [{"words": [word]}]}
    two = {"metadata": {"channels": 2}, "results": {"channels": [channel, channel]}}
    words = read(tmp_path, {"a.json": json.dumps(two)})
    assert [each.speaker for each in words] == ["Caller", "CallTaker"]
    assert words[0].confidence == 0.25
    turns = [
        {
            "ParticipantRole": role,
            "Content": "hello",
            "BeginOffsetMillis": at,
            "EndOffsetMillis": at,
        }
        for at, role in ((500, "CUSTOMER"), (900, "AGENT"))
    ]
    words = read(tmp_path, {"a.json": json.dumps({"Transcript": turns})})
    assert [each.speaker for each in words] == ["Caller", "CallTaker"]


@pytest.mark.parametrize("text", ["{}", '{"words": {"a": 1}}', '{"data": []}', '"hello"', "7"])
def test_a_form_that_is_not_known_is_named_so(tmp_path, text) -> None:
    with pytest.raises(UsageError, match="its words are not in a form that is known"):
        read(tmp_path, {"a.json": text})


@pytest.mark.parametrize(
    "text",
    [
        '{"results":[{"alternatives":[{"words":[{"word":"fire","startTime":"1s"}]}],'
        '"channelTag":[1]}]}',
        '{"recognizedPhrases":[{"channel":{},"nBest":[{"words":[{"word":"fire",'
        '"offset":"PT1S","duration":"PT1S"}]}]}]}',
        '{"transcription":[{"offsets":[1],"text":"fire"}]}',
    ],
    ids=["Google", "Azure", "whisper.cpp"],
)
def test_a_field_of_another_kind_costs_that_field(tmp_path, text) -> None:
    assert [word.word for word in read(tmp_path, {"a.json": text})] == ["fire"]

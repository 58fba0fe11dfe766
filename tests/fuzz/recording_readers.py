"""What reads the files that stand beside a recording, and a WAV's head: what must hold of each."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callplayer.recordings.containers.wav_head import (
    MAX_HEAD_BYTES,
    NotWavError,
    made_head,
    read_coding,
    read_wav_head,
)
from callplayer.recordings.facts import IncidentFacts, read_beside
from callplayer.recordings.words.cues import parse_cues
from callplayer.recordings.words.names import Names
from callplayer.recordings.words.sidecar import parse_json
from callplayer.recordings.words.timed_text import TranscriptError, words_of
from callplayer.vendor.transcript import Word

BEGAN = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)

WORDS = (
    b'{"words":[{"word":"fire","speaker":"Caller","start_offset":1.25,"duration":0.25}]}',
    b'{"segments":[{"start":0.5,"end":2.0,"text":" Nine one","speaker":"SPEAKER_00","words":['
    b'{"word":" Nine","start":0.5,"end":0.9,"score":0.9},{"word":" one"}]}],"language":"en"}',
    b'{"results":{"channels":[{"alternatives":[{"words":[{"word":"fire","start":1.2,"end":1.5,'
    b'"confidence":0.9,"punctuated_word":"Fire.","speaker":1}]}]}]}}',
    b'{"results":{"items":[{"type":"pronunciation","start_time":"0.44","end_time":"0.8",'
    b'"speaker_label":"spk_0","alternatives":[{"confidence":"0.99","content":"fire"}]},'
    b'{"type":"punctuation","alternatives":[{"content":"."}]}]}}',
    b'{"Transcript":[{"ParticipantRole":"CUSTOMER","BeginOffsetMillis":500,"EndOffsetMillis":900,'
    b'"Content":"fire here","Items":[{"Content":"fire","BeginOffsetMillis":500,'
    b'"EndOffsetMillis":700,"Confidence":"0.9"}]}]}',
    b'{"results":[{"alternatives":[{"words":[{"word":"fire","startTime":"1.2s","endTime":"1.5s",'
    b'"speakerTag":2,"confidence":0.8}]}],"channelTag":1}]}',
    b'{"recognizedPhrases":[{"channel":0,"offset":"PT1.2S","duration":"PT0.5S","nBest":[{"words":'
    b'[{"word":"fire","offset":"PT1.2S","duration":"PT0.3S","confidence":0.8}]}]}]}',
    b'{"phrases":[{"speaker":1,"words":[{"text":"fire","offsetMilliseconds":1200,'
    b'"durationMilliseconds":300}]}]}',
    b'{"text":"fire","words":[{"text":"fire","start":1200,"end":1500,"speaker":"A",'
    b'"confidence":0.9}]}',
    b'{"transcription":[{"offsets":{"from":0,"to":900},"text":" fire here"}]}',
    b'[{"word":"fire","start":1.2,"end":1.5}]',
)
CUES = (
    b"WEBVTT\n\n1\n00:01.000 --> 00:02.000 align:start\n<v Dispatcher>where <b>is</b> it\n",
    b"1\r\n00:00:01,000 --> 00:00:02,500\r\nCALLER: fire\r\n\r\nhere\r\n"
    b"2\r\n0:0:4,8 --> 0:0:5\r\n>> no",
    b"WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:03.000\none<00:02.000><c> two</c>\n",
)
_BEXT = b"bext" + (602).to_bytes(4, "little") + bytes(320) + b"2026-03-1402:47:09" + bytes(264)
_LIST = b"LIST" + (16).to_bytes(4, "little") + b"INFOICMT" + (4).to_bytes(4, "little") + b"fire"
_PLAIN = made_head(1, 8_000, 2, 16, 32_000)
WAV_HEADS = (
    _PLAIN + bytes(64),
    _PLAIN[:12] + _BEXT + _PLAIN[12:36] + _LIST + _PLAIN[36:] + bytes(16),
    b"RF64" + _PLAIN[4:12] + b"ds64\x1c\0\0\0" + bytes(28) + _PLAIN[12:],
    made_head(0x11, 8_000, 1, 4, 2**33),
)


SIDECARS = (
    b'{"incident":{"caller_phone_number":"+15555550142","created_at":"2026-03-14T02:47:09Z",'
    b'"caller_location":{"lat":36.5,"lng":-125.5,"source":"x"}}}',
    b'{"start_time":1739713999,"talkgroup":11,"talkgroup_tag":"Fire","srcList":[{"src":7,"pos":0.0,'
    b'"tag":"E1"},{"src":8,"pos":2.5}]}',
    b'{"dateTime":"2026-03-14 02:47:09","talkgroupLabel":"Fire","sources":[{"pos":1,"src":9}]}',
)


def read_sidecar(message: bytes) -> bool:
    """Return whether a fact was found beside a sound file; check each."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "a.wav")
        sound.with_suffix(".json").write_bytes(message)
        beside = read_beside(sound, _note)
    facts, place = beside.facts, beside.facts.caller_location
    assert place is None or (abs(place.lat) <= 90 and abs(place.lng) <= 180), place
    assert beside.started_at is None or beside.started_at.utcoffset() == timedelta(0), beside
    assert all(0 <= turn.start_s <= turn.end_s for turn in beside.turns), beside
    assert len(facts.talkgroup) <= 80, facts
    return beside.started_at is not None or facts != IncidentFacts()


def read_words_json(message: bytes) -> bool:
    """Return whether words were found; check each."""
    names = Names()
    try:
        words, pieces = parse_json(message, BEGAN, _note, names)
        found = (*words, *words_of(pieces, BEGAN, names))
    except TranscriptError:
        return False
    _are_sane(found)
    return bool(found)


def read_cues(message: bytes) -> bool:
    """Return whether words were found in subtitles; check each."""
    names = Names()
    try:
        found = words_of(
            parse_cues(message.decode("cp1252", "replace"), _note, names), BEGAN, names
        )
    except TranscriptError:
        return False
    _are_sane(found)
    return bool(found)


def read_head(message: bytes) -> bool:
    """Return whether a WAV's head was read; check where it says that the sound begins."""
    try:
        coding, head = read_coding(message), read_wav_head(message)
    except NotWavError:
        return False
    if head is None:
        return False
    assert coding is not None
    assert 20 <= head.data_at <= min(len(message), MAX_HEAD_BYTES + 8), head
    assert head.data_bytes >= 0, head
    assert head.is_size_known or not 0 < head.data_bytes < 1 << 30, head
    return True


def _note(_line: str) -> None:
    pass


def _are_sane(words: tuple[Word, ...]) -> None:
    for word in words:
        assert math.isfinite(word.start_offset), word
        assert word.duration >= 0, word
        assert word.ended_at >= word.started_at, word
        assert word.word, word

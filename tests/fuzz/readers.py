"""What reads messages of others, each with what must hold whatever comes.

A reader is given one message; it returns whether it was taken. It may refuse by the error that its
callers expect; anything else it raises is a defect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.errors import CallplayerError
from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.service.transcripts import frames
from callplayer.text import plain_text
from callplayer.vendor import commands, http, paging, transcript, values
from callplayer.vendor import status as statuses
from callplayer.vendor.actioncable import EXTENDED, Conversation, Send
from tests.fuzz import recording_readers

LEVELS_DB = {"caller": -20.0, "callTaker": -96.0}
DELAYS = Delays(120.0, 15.0, 90.0)
STEP_S = 0.05
MAX_WORDS = 300
AWAY_EACH = 61
"""After so many messages the server goes out of reach, or is there again."""


@dataclass(frozen=True)
class Reader:
    """`read` one message; `seeds` are good ones."""

    name: str
    read: Callable[[bytes], bool]
    seeds: tuple[bytes, ...]


def readers() -> list[Reader]:
    """Return all readers, each with a state of its own that lives as long as it does."""
    player = _Player()
    return [
        Reader("status", player.take_status, STATUSES),
        Reader("request", player.take_request, REQUESTS),
        Reader("command", _refusing(commands.decode_command, _command_is_sane), REQUESTS[:5]),
        Reader("event", _refusing(codec.decode_event, _event_is_sane), EVENTS),
        Reader("words", _Transcript().take, TRANSCRIPTS),
        Reader("cable, at the service", _cable_command, CABLE),
        Reader("cable, at the player", _Subscriber().take, FRAMES),
        Reader("access token", _refusing(http.parse_access_token, _token_is_sane), TOKENS),
        Reader("stream token", _refusing(http.parse_stream_grant, _nothing), TOKENS),
        Reader("incident", _refusing(http.parse_incident, _incident_is_sane), INCIDENTS),
        Reader("incidents", _refusing(paging.parse_incident_page, _nothing), INCIDENTS),
        Reader("text", _text_is_harmless, STATUSES),
        Reader("words beside a file", recording_readers.read_words_json, recording_readers.WORDS),
        Reader("subtitles", recording_readers.read_cues, recording_readers.CUES),
        Reader("facts beside a file", recording_readers.read_sidecar, recording_readers.SIDECARS),
        Reader("WAV head", recording_readers.read_head, recording_readers.WAV_HEADS),
    ]


class _Player:
    """A call as the engine keeps it, steered and fed at random; its server comes and goes."""

    def __init__(self) -> None:
        self._call = PlaybackState()
        self._call.opened = True
        self._now_s = 1000.0
        self._messages = 0
        self._known = statuses.StatusUpdate()

    def _next(self) -> None:
        self._now_s += STEP_S
        self._messages += 1
        turn, rest = divmod(self._messages, AWAY_EACH)
        if rest:
            return
        if not self._call.away:
            self._call.freeze(self._now_s, DELAYS, self._now_s - 0.9 if turn % 4 else None)
            return
        if turn % 8 == 1:
            self._call.join_anew()
        back = self._call.resume_from(self._now_s, DELAYS, stays=bool(turn % 4 == 3))
        assert 0 <= (back.position_ms or 0) <= values.MAX_CALL_MS, back

    def take_status(self, message: bytes) -> bool:
        self._next()
        try:
            updates = statuses.read_status_updates(message)
        except values.WireError:
            return False
        for update in updates:
            self._known = statuses.merge_updates(self._known, update)
            head = self._call.head
            status = statuses.complete_status(
                self._known,
                update,
                position_ms=head.confirmed_ms(self._now_s),
                paused=head.wants_paused(),
            )
            self._call.take_status(status, self._now_s, DELAYS)
            self._is_sane()
        return True

    def take_request(self, message: bytes) -> bool:
        self._next()
        try:
            request = codec.decode_request(message)
        except values.WireError:
            return False
        if not isinstance(request, OUTSIDE_THE_CALL):
            for command in self._call.apply(request, self._now_s, DELAYS):
                _command_is_sane(commands.decode_command(commands.encode_command(command)))
        self._is_sane()
        return True

    def _is_sane(self) -> None:
        state = self._call.state(self._now_s, DELAYS, (), LEVELS_DB, "card")
        for place_ms in (state.position_ms, state.audible_ms, state.duration_ms):
            assert 0 <= place_ms <= 2 * values.MAX_CALL_MS, state
        assert 0 <= (state.requested_ms or 0) <= values.MAX_CALL_MS, state
        assert 0.0 <= state.unconfirmed_s < math.inf, state
        assert (state.phase == "reconnecting") == self._call.away, state
        for party in state.parties:
            assert commands.GAIN_MIN_DB <= party.gain_db <= commands.GAIN_MAX_DB, state
        assert codec.decode_event(codec.encode_line(state)) == state


class _Transcript:
    """Words as a client keeps them."""

    def __init__(self) -> None:
        self._transcript = transcript.Transcript()

    def take(self, message: bytes) -> bool:
        try:
            reported = tuple(transcript.iter_words(message))
        except values.WireError:
            return False
        for word in reported:
            assert len(word.word) <= transcript.MAX_WORD_CHARS
            assert 0.0 <= word.confidence <= 1.0
            assert 0.0 <= word.duration <= transcript.MAX_WORD_S
            assert math.isfinite(word.start_offset)
        self._transcript = self._transcript.apply(reported)
        in_order = self._transcript.in_order()
        assert all(a.started_at <= b.started_at for a, b in pairwise(in_order))
        if len(in_order) > MAX_WORDS:
            self._transcript = transcript.Transcript()
        again = transcript.iter_words(transcript.encode_transcript(reported))
        assert [word.word for word in again] == [word.word for word in reported]
        return True


class _Subscriber:
    """A subscription on the cable, as the engine keeps it over many connections."""

    def __init__(self) -> None:
        self._conversation = Conversation("i1")
        self._conversation.begin(EXTENDED)

    def take(self, message: bytes) -> bool:
        try:
            steps = self._conversation.take(message)
        except values.WireError:
            return False
        for step in steps:
            if isinstance(step, Send):
                frames.decode_command(step.frame.decode())
        assert len(self._conversation.query("token")) < 2000
        return True


def _refusing(decode: Callable[[bytes], Any], check: Callable[[Any], None]) -> Any:
    def read(message: bytes) -> bool:
        try:
            value = decode(message)
        except (values.WireError, CallplayerError):
            return False
        check(value)
        return True

    return read


def _cable_command(message: bytes) -> bool:
    try:
        command = frames.decode_command(message.decode("utf-8", "surrogateescape"))
    except values.WireError:
        return False
    if command.identifier:
        frames.incident_of(bytes(command.identifier))
    return True


def _nothing(_value: object) -> None:
    pass


def _command_is_sane(command: commands.Command) -> None:
    if isinstance(command, commands.Scrub):
        assert 0 <= command.position <= values.MAX_CALL_MS
    if isinstance(command, commands.SetGain):
        assert commands.GAIN_MIN_DB <= command.gain <= commands.GAIN_MAX_DB


def _event_is_sane(event: m.Event) -> None:
    codec.encode_line(event)


def _token_is_sane(token: http.AccessToken) -> None:
    assert 0.0 < token.expires_in_s <= http.MAX_TOKEN_S
    assert len(token.value) < 20 or token.value not in repr(token)


def _incident_is_sane(incident: http.Incident) -> None:
    for degrees in (incident.latitude, incident.longitude):
        assert degrees is None or abs(degrees) <= 180.0


def _text_is_harmless(message: bytes) -> bool:
    shown = plain_text(message.decode("utf-8", "surrogateescape"), 300)
    assert len(shown) <= 300
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066" for c in shown)
    shown.encode()
    return True


OUTSIDE_THE_CALL = (m.Quit, m.RetryNow, m.ListDevices, m.SetOutputDevice)

STATUSES = (
    b'{"kind":"status","position":61500,"duration":161333,"paused":false,"atEnd":false,'
    b'"callOver":true}',
    b'{"kind":"status","position":0,"duration":0,"paused":true,"atEnd":true,"callOver":false}',
    b'{"kind":"status","position":12.75,"duration":1e5,"paused":0,"atEnd":0,"callOver":1}',
    b'[{"data":{"Kind":"STATUS","position":"12","paused":"true","at_end":null}},'
    b'{"message":"{\\"kind\\":\\"status\\",\\"duration\\":7}"}]',
)
REQUESTS = (
    b'{"cmd":"pause"}',
    b'{"cmd":"resume"}',
    b'{"cmd":"scrub","position":61500}',
    b'{"cmd":"scrub-to-end"}',
    b'{"cmd":"set-gain","gain":-6.5,"callerType":"caller"}',
    b'{"cmd":"toggle-pause"}',
    b'{"cmd":"seek-by","offset_ms":-5000}',
    b'{"cmd":"adjust-gain","delta_db":1,"callerType":"callTaker"}',
    b'{"cmd":"mute","callerType":"caller"}',
    b'{"cmd":"solo","callerType":"caller"}',
    b'{"cmd":"set-output-device","name":"Headset"}',
    b'{"cmd":"retry-now"}',
)
EVENTS = tuple(
    codec.encode_line(event)
    for event in (
        m.StateEvent(
            phase="playing",
            parties=(m.PartyState(party="caller"), m.PartyState(party="callTaker")),
        ),
        m.LevelsEvent(levels=(m.LaneLevel(lane="caller", rms_db=-20, peak_db=-9, hold_db=-9),)),
        m.StatsEvent(),
        m.IncidentEvent(id="i", caller_phone_number="+15555550142"),
        m.TranscriptEvent(state="open"),
        m.ErrorEvent(code="unreachable", message="No.", hint="Try."),
        m.ByeEvent(),
    )
)
TRANSCRIPTS = (
    b'{"type":"transcript","words":[{"word":"fire","speaker":"Caller","confidence":0.9,'
    b'"started_at":"2024-01-15T10:30:01.250Z","ended_at":"2024-01-15T10:30:01.500Z",'
    b'"duration":0.25,"start_offset":1.25,"language_code":"en-US","diarized_speaker":1,'
    b'"diarized_speaker_confidence":1.0},{"word":"here","speaker":"Caller","confidence":0.4,'
    b'"started_at":"2024-01-15T10:30:01.600Z","ended_at":"2024-01-15T10:30:01.700Z",'
    b'"duration":0.1,"start_offset":1.6}]}',
)
CABLE = (
    b'{"command":"subscribe","identifier":"{\\"channel\\":\\"PartnerEventsChannel\\",'
    b'\\"incident_id\\":\\"i1\\"}"}',
    b'{"command":"history","identifier":"{}","history":{"since":1,"streams":{"s":{"epoch":"e",'
    b'"offset":4}}}}',
    b'{"command":"unsubscribe","identifier":"{}"}',
)
_OURS = b'"identifier":"{\\"channel\\":\\"PartnerEventsChannel\\",\\"incident_id\\":\\"i1\\"}"'
FRAMES = (
    b'{"type":"welcome","sid":"abc","restored":true,"restored_ids":["a"]}',
    b'{"type":"confirm_subscription",' + _OURS + b"}",
    b"{" + _OURS + b',"message":{"type":"transcript"},"stream_id":"s","epoch":"e","offset":4}',
    b'{"type":"confirm_history",' + _OURS + b"}",
    b'{"type":"reject_history",' + _OURS + b"}",
    b'{"type":"disconnect","reason":"token_expired","reconnect":false}',
)
TOKENS = (
    b'{"access_token":"abc","token_type":"Bearer","expires_in":7200}',
    b'{"data":{"token":"abc","url":"wss://example.org"}}',
    b'{"server_url":"https://example.org","participant_token":"eyJhbGciOiJIUzI1NiJ9.'
    b'eyJ2aWRlbyI6eyJyb29tSm9pbiI6dHJ1ZX19.c2ln"}',
)
INCIDENTS = (
    b'{"data":[{"id":"a","caller_phone_number":"+15555550142","is_audio_live":true,'
    b'"audio_call_ended_at":null,"created_at":"2024-01-15 10:30:00 UTC",'
    b'"caller_location":{"lat":36.0,"lng":-125.5}}],"next":2}',
    b'{"id":"a","caller_phone_number":"+1","is_audio_live":false,"created_at":"x"}',
    b'{"data":[{"type":"incident","id":"b","attributes":{"createdAt":1705314600123}}],'
    b'"links":{"next":{"href":"?page[cursor]=x"}},"meta":{"total":60,"page":1,"total_pages":3}}',
)
assert all(msgspec.json.decode(seed) for seed in (*STATUSES, *REQUESTS, *INCIDENTS))

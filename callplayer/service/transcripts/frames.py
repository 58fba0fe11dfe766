"""Action Cable's frames, as a server reads and writes them. Pure.

An identifier is kept as the bytes that the client wrote, and goes back as these.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Literal

import msgspec

from callplayer.service.transcripts.word_stream import WordMessage, WordStream
from callplayer.vendor.values import WireError

PROTOCOL = "actioncable-v1-json"
EXTENDED_PROTOCOL = "actioncable-v1-ext-json"
CHANNEL = "PartnerEventsChannel"
MAX_IDENTIFIER_BYTES = 1_024

Reason = Literal[
    "unauthorized",  # no token, or one that is unknown
    "token_expired",
    "invalid_request",  # what was sent is no Action Cable
    "server_restart",
]
RECONNECT: dict[Reason, bool] = {
    "unauthorized": False,
    "token_expired": False,
    "invalid_request": False,
    "server_restart": True,
}


class Position(msgspec.Struct, frozen=True):
    """A place in a stream."""

    epoch: str
    offset: int


class History(msgspec.Struct, frozen=True):
    """What a client has: of each stream the place, or all until `since` (Unix time in s)."""

    since: float | None = None
    streams: dict[str, Position] = {}


class CableCommand(msgspec.Struct, frozen=True):
    """What a client asks; `identifier` is a JSON text as it was written."""

    command: str
    identifier: msgspec.Raw = msgspec.Raw()
    history: History | None = None


class _ChannelIdentifier(msgspec.Struct, frozen=True):
    channel: str
    incident_id: str


_command_decoder = msgspec.json.Decoder(CableCommand)
_encode = msgspec.json.Encoder().encode


def decode_command(frame: str) -> CableCommand:
    """Return the command; raise WireError for anything else, one without an identifier included."""
    try:
        command = _command_decoder.decode(frame)
        identifier = bytes(command.identifier)
        msgspec.json.decode(identifier, type=str)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise WireError("not a command of Action Cable") from error
    if len(identifier) > MAX_IDENTIFIER_BYTES:
        raise WireError("an identifier that is too long")
    return command


def incident_of(identifier: bytes) -> str | None:
    """Return the incident that an identifier names; None if it names none, or another channel."""
    try:
        text = msgspec.json.decode(identifier, type=str)
        channel = msgspec.json.decode(text, type=_ChannelIdentifier)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return channel.incident_id if channel.channel == CHANNEL else None


def welcome(sid: str, restored: Iterable[bytes] | None = None) -> bytes:
    """Return the first frame; with the identifiers of a session that is taken up again."""
    if restored is None:
        return _encode({"type": "welcome", "sid": sid})
    return _encode(
        {
            "type": "welcome",
            "sid": sid,
            "restored": True,
            "restored_ids": [msgspec.Raw(identifier) for identifier in restored],
        }
    )


def ping() -> bytes:
    """Return a sign of life."""
    return _encode({"type": "ping", "message": round(time.time())})


def disconnect(reason: Reason) -> bytes:
    """Return the last frame."""
    return _encode({"type": "disconnect", "reason": reason, "reconnect": RECONNECT[reason]})


# What follows belongs to one subscription: it goes out behind `head(identifier)`.

CONFIRM = b'"type":"confirm_subscription"}'
REJECT = b'"type":"reject_subscription"}'
CONFIRM_HISTORY = b'"type":"confirm_history"}'
REJECT_HISTORY = b'"type":"reject_history"}'


def head(identifier: bytes) -> bytes:
    """Return how every frame of a subscription begins."""
    return b'{"identifier":' + identifier + b","


def of_payload(payload: bytes) -> bytes:
    """Return the rest of a frame that carries a message without a place."""
    return b'"message":' + payload + b"}"


def of_message(message: WordMessage, stream: WordStream) -> bytes:
    """Return the rest of a frame that carries a message."""
    if message.offset is None:
        return of_payload(message.payload)
    place = {"stream_id": stream.name, "epoch": stream.epoch, "offset": message.offset}
    return b'"message":' + message.payload + b"," + _encode(place)[1:]

"""One incident's subscription on a transcript cable: frames in, what follows from them out.

Action Cable's protocol, and AnyCable's way to take up where a connection broke off. Pure: no
socket, no clock. Frames are the network's: capped before they are parsed, tolerated where odd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from callplayer.vendor.transcript import MAX_TRANSCRIPT_BYTES
from callplayer.vendor.values import WireError

CHANNEL = "PartnerEventsChannel"

EXTENDED = "actioncable-v1-ext-json"
PLAIN = "actioncable-v1-json"
MAX_FRAME_BYTES = MAX_TRANSCRIPT_BYTES + 10_000
MAX_HELD_BYTES = 16_000_000
MAX_HELD_PINGS = 3
MAX_SID_CHARS = 500
MAX_PLACE_CHARS = 1000
MAX_OFFSET = 1 << 63

_encode = msgspec.json.Encoder().encode


def cable_url(api_url: str) -> str:
    """Return where the cable of an API is, unless a setting says otherwise."""
    parts = urlsplit(api_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{scheme}://{parts.netloc}{parts.path}/cable"


class _Frame(msgspec.Struct, frozen=True):
    type: Any = None
    identifier: Any = None
    message: msgspec.Raw = msgspec.Raw()
    reason: Any = None
    reconnect: Any = None
    sid: Any = None
    restored: Any = None
    restored_ids: Any = None
    stream_id: Any = None
    epoch: Any = None
    offset: Any = None


_frame_decoder = msgspec.json.Decoder(_Frame)


@dataclass(frozen=True)
class Send:
    """Send this frame."""

    frame: bytes


@dataclass(frozen=True)
class CableMessage:
    """A message of the channel, in the order in which messages are to be applied."""

    payload: bytes


@dataclass(frozen=True)
class Confirmed:
    """Subscribed: words may come from now on."""


@dataclass(frozen=True)
class Rejected:
    """This call has no transcript for this client."""


@dataclass(frozen=True)
class HungUp:
    """The server ends the connection, and says whether to come back."""

    reason: str
    may_reconnect: bool


Step = Send | CableMessage | Confirmed | Rejected | HungUp


Place = tuple[str, str, int]
"""Stream, epoch, offset."""


@dataclass(frozen=True)
class _Held:
    payload: bytes
    place: Place | None


class Conversation:
    """What is known of the subscription, over one connection after the other.

    `parameter` is how the channel wants the incident named, which the vendor does not document.
    """

    def __init__(self, incident_id: str, parameter: str = "incident_id") -> None:
        named = {"channel": CHANNEL, parameter: incident_id}
        self._identifier = _encode(named).decode()
        self._is_extended = False
        self._sid = ""
        self._place: Place | None = None
        self._held: list[_Held] | None = None
        self._held_bytes = 0
        self._held_pings = 0

    def query(self, token: str) -> str:
        """Return the query of the next connection's URL: it holds a secret."""
        sid = {"sid": self._sid} if self._sid else {}
        return urlencode({"token": token, **sid})

    def begin(self, subprotocol: str | None) -> None:
        """Note that there is a new connection, and what was agreed on."""
        self._is_extended = subprotocol == EXTENDED
        self._held = None

    def forget(self) -> None:
        """Ask the next connection for all words."""
        self._sid, self._place = "", None

    def take(self, frame: bytes) -> Sequence[Step]:
        """Return what follows from a frame; raise WireError for one that is none."""
        if len(frame) > MAX_FRAME_BYTES:
            raise WireError(f"a frame of {len(frame)} bytes; {MAX_FRAME_BYTES} are the most")
        try:
            decoded = _frame_decoder.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise WireError("not a frame of Action Cable") from error
        if decoded.type == "welcome":
            return self._welcome(decoded)
        if decoded.type == "ping":
            return self._ping()
        if decoded.type == "disconnect":
            self._sid = ""
            reason = decoded.reason if isinstance(decoded.reason, str) else ""
            return [HungUp(reason[:100], decoded.reconnect is not False)]
        return self._of_channel(decoded) if decoded.identifier == self._identifier else []

    def _of_channel(self, decoded: _Frame) -> Sequence[Step]:
        match decoded.type:
            case "confirm_subscription":
                return [Confirmed()]
            case "reject_subscription":
                return [Rejected()]
            case "confirm_history":
                return self._let_go()
            case "reject_history":
                return self._history_is_gone()
            case None if bytes(decoded.message):
                return self._message(decoded)
        return []

    def _welcome(self, decoded: _Frame) -> list[Step]:
        sid = decoded.sid
        is_usable = self._is_extended and isinstance(sid, str) and len(sid) <= MAX_SID_CHARS
        self._sid = sid if is_usable else ""
        ids = decoded.restored_ids
        is_restored = decoded.restored is True and (
            not isinstance(ids, list) or self._identifier in ids
        )
        self._hold()
        if is_restored and self._is_extended:
            return [self._command("history"), Confirmed()]
        return [self._command("subscribe")]

    def _hold(self) -> None:
        """Keep messages back until the history is here: they would replace what is older."""
        self._held = [] if self._is_extended else None
        self._held_bytes = self._held_pings = 0

    def _ping(self) -> list[Step]:
        self._held_pings += 1
        return self._let_go() if self._held_pings >= MAX_HELD_PINGS else []

    def _message(self, decoded: _Frame) -> list[Step]:
        message = _Held(bytes(decoded.message), _place_of(decoded) if self._is_extended else None)
        if self._held is None:
            self._place = message.place or self._place
            return [CableMessage(message.payload)]
        self._held.append(message)
        self._held_bytes += len(message.payload)
        return self._let_go() if self._held_bytes > MAX_HELD_BYTES else []

    def _let_go(self) -> list[Step]:
        """Give out what was held back: first what has no place, then by place."""
        held, self._held = self._held or [], None
        held.sort(key=lambda each: each.place[2] if each.place else -1)
        for each in held:
            self._place = each.place or self._place
        return [CableMessage(each.payload) for each in held]

    def _history_is_gone(self) -> list[Step]:
        """What came since is not known any more: ask for all words."""
        is_lost = self._place is not None
        steps = self._let_go()
        if not is_lost:  # the server keeps no history at all; what it sends anew is all there is
            return steps
        self._place = None
        return [*steps, self._command("unsubscribe"), self._command("subscribe", history=False)]

    def _command(
        self, command: Literal["subscribe", "unsubscribe", "history"], *, history: bool = True
    ) -> Send:
        asked: dict[str, Any] = {"command": command, "identifier": self._identifier}
        if history and self._is_extended and command != "unsubscribe":
            if self._place is None:
                asked["history"] = {"since": 1}  # all that is kept
            else:
                stream, epoch, offset = self._place
                asked["history"] = {"streams": {stream: {"epoch": epoch, "offset": offset}}}
        return Send(_encode(asked))


def _place_of(decoded: _Frame) -> Place | None:
    stream, epoch, offset = decoded.stream_id, decoded.epoch, decoded.offset
    if not isinstance(stream, str) or not isinstance(epoch, str) or type(offset) is not int:
        return None
    is_sane = len(stream) + len(epoch) <= MAX_PLACE_CHARS and 0 <= offset < MAX_OFFSET
    return (stream, epoch, offset) if is_sane else None

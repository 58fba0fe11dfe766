"""The transcript web socket: Action Cable's protocol, extended by resuming as AnyCable has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callplayer.service.http.bearer import TokenState
from callplayer.service.http.server import MAX_WEB_SOCKETS
from callplayer.service.transcripts import frames as wire
from callplayer.service.transcripts.word_stream import WordMessage, WordStream, WordStreams
from callplayer.vendor.values import WireError

PING_S = 3.0
SEND_TIMEOUT_S = 10.0
SESSION_TTL_S = 300.0
MAX_SESSIONS = 2_000
MAX_SUBSCRIPTIONS = 100
MAX_REPLIES = 64
FREE_COMMANDS = 200
COMMAND_PAUSE_S = 0.02
"""What each command takes at least, beyond the first FREE_COMMANDS of a connection."""

log = logging.getLogger("callplayer.service")


@dataclass
class _Session:
    """What a connection had subscribed to, for one that takes it up again."""

    identifiers: tuple[bytes, ...] = ()
    ended_s: float | None = None


class Cable:
    """The endpoint. `token_state` judges a bearer token; `ping_s` is how often it says it is alive.

    `aclose` asks every client to come back later; do it before the HTTP server ends.
    """

    def __init__(
        self,
        streams: WordStreams,
        token_state: Callable[[str], TokenState],
        *,
        ping_s: float = PING_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_connections: int = MAX_WEB_SOCKETS,
    ) -> None:
        self.streams = streams
        self.token_state = token_state
        self.ping_s = ping_s
        self.send_timeout_s = send_timeout_s
        self._max_connections = max_connections
        self._connections: set[_Connection] = set()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._closing = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self._connections)

    def routes(self) -> list[BaseRoute]:
        """Return the route."""
        return [WebSocketRoute("/cable", self._accept)]

    async def aclose(self) -> None:
        """Ask every client to come back later, and wait a moment until they know."""
        self._closing.set()
        for connection in tuple(self._connections):
            connection.end("server_restart")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while self._connections:
                    await asyncio.sleep(0.01)

    async def _accept(self, websocket: WebSocket) -> None:
        if self._closing.is_set() or len(self._connections) >= self._max_connections:
            await websocket.send_denial_response(Response(status_code=503))
            return
        offered = websocket.scope["subprotocols"]
        known = [each for each in offered if each in (wire.PROTOCOL, wire.EXTENDED_PROTOCOL)]
        await websocket.accept(subprotocol=known[0] if known else None)
        connection = _Connection(self, websocket, known[0] if known else wire.PROTOCOL)
        if offered and not known:
            connection.end("invalid_request")
        if self._closing.is_set():  # since it was accepted
            connection.end("server_restart")
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def begin_session(self, old_sid: str | None, now_s: float) -> tuple[str, _Session, bool]:
        """Return the id of a new session, the session, and whether it takes up the old one."""
        while self._sessions:
            first = next(iter(self._sessions.values()))
            expired = first.ended_s is not None and now_s - first.ended_s > SESSION_TTL_S
            if not expired and len(self._sessions) < MAX_SESSIONS:
                break
            self._sessions.popitem(last=False)
        old = self._sessions.get(old_sid) if old_sid else None
        restored = old is not None and (old.ended_s is None or now_s - old.ended_s <= SESSION_TTL_S)
        session = _Session(old.identifiers if old is not None and restored else ())
        sid = secrets.token_urlsafe(15)
        self._sessions[sid] = session
        return sid, session, restored


class _Subscription:
    """What one client is still to get of one call.

    Until it has said what it has (`waits`), it gets nothing.
    """

    def __init__(self, identifier: bytes, stream: WordStream) -> None:
        self.stream = stream
        self.waits = False
        self._head = wire.head(identifier)
        self._queue: deque[bytes | WordMessage] = deque()
        self._offset = stream.offset

    def confirm(self) -> None:
        """Say that it is subscribed."""
        self._queue.append(wire.CONFIRM)

    def catch_up(self, history: wire.History | None, *, asked: bool) -> None:
        """Send what the client has not: what came since, or else all words; say when it has."""
        stream = self.stream
        place = history.streams.get(stream.name) if history else None
        missed = stream.since(place.epoch, place.offset) if place else None
        self._queue.extend(stream.all() if missed is None else missed)
        self._offset = stream.offset
        self.waits = False
        if asked:
            self._queue.append(wire.CONFIRM_HISTORY)

    def next_frame(self) -> bytes | None:
        """Return the next frame to send, None if there is none now."""
        if not self._queue and not self.waits and self._offset != self.stream.offset:
            news = self.stream.since(self.stream.epoch, self._offset)
            self._queue.extend(self.stream.all() if news is None else news)
            self._offset = self.stream.offset
        if not self._queue:
            return None
        tail = self._queue.popleft()
        if isinstance(tail, WordMessage):
            tail = wire.of_message(tail, self.stream)
        return self._head + tail


class _Connection:
    """One client: a task that reads what it asks, and one that writes what it gets."""

    def __init__(self, cable: Cable, websocket: WebSocket, protocol: str) -> None:
        self._cable = cable
        self._websocket = websocket
        self._is_extended = protocol == wire.EXTENDED_PROTOCOL
        self._token = websocket.query_params.get("token", "")
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._replies: deque[bytes] = deque()
        self._session = _Session()
        self._ending: wire.Reason | None = None
        self._wake = asyncio.Event()

    def end(self, reason: wire.Reason) -> None:
        """Say why, and hang up."""
        self._ending = self._ending or reason
        self._wake.set()

    async def run(self) -> None:
        """Serve until either side hangs up."""
        self._check_token()
        if self._ending is None:
            self._welcome()
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for subscription in self._subscriptions.values():
                subscription.stream.listeners.discard(self._wake.set)
            self._session.ended_s = asyncio.get_running_loop().time()
            for task in (reading, writing):
                task.cancel()
            results = await asyncio.gather(reading, writing, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, _HUNG_UP):
                log.error("a cable connection failed", exc_info=result)

    def _check_token(self) -> None:
        state = self._cable.token_state(self._token)
        if state != "good":
            self.end("token_expired" if state == "expired" else "unauthorized")

    def _welcome(self) -> None:
        old_sid = self._websocket.query_params.get("sid") if self._is_extended else None
        now_s = asyncio.get_running_loop().time()
        sid, self._session, restored = self._cable.begin_session(old_sid, now_s)
        if not restored:
            self._replies.append(wire.welcome(sid))
            return
        for identifier in self._session.identifiers:
            subscription = self._subscribe(identifier)
            if subscription is not None:
                subscription.waits = True
        self._replies.append(wire.welcome(sid, self._subscriptions))

    # --- reading ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        count = 0
        while self._ending is None:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            with contextlib.suppress(WireError):  # the reference ignores these as well
                self._obey(wire.decode_command(event.get("text") or ""))
            self._wake.set()
            count += 1
            if count > FREE_COMMANDS:
                await asyncio.sleep(COMMAND_PAUSE_S)
            while len(self._replies) > MAX_REPLIES:
                await asyncio.sleep(COMMAND_PAUSE_S)
        await asyncio.Event().wait()  # the writer has the last word

    def _obey(self, command: wire.CableCommand) -> None:
        identifier = bytes(command.identifier)
        subscription = self._subscriptions.get(identifier)
        match command.command:
            case "subscribe" if subscription is None:
                new = self._subscribe(identifier)
                if new is None:
                    self._replies.append(wire.head(identifier) + wire.REJECT)
                    return
                new.confirm()
                new.catch_up(command.history, asked=command.history is not None)
            case "unsubscribe" if subscription is not None:
                self._unsubscribe(identifier)
            case "history" if subscription is not None:
                subscription.catch_up(command.history, asked=True)
            case "history":
                self._replies.append(wire.head(identifier) + wire.REJECT_HISTORY)

    def _subscribe(self, identifier: bytes) -> _Subscription | None:
        incident_id = wire.incident_of(identifier)
        if incident_id is None or len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            return None
        stream = self._cable.streams.open(incident_id)
        if stream is None:
            return None
        subscription = self._subscriptions[identifier] = _Subscription(identifier, stream)
        stream.listeners.add(self._wake.set)
        self._session.identifiers = tuple(self._subscriptions)
        return subscription

    def _unsubscribe(self, identifier: bytes) -> None:
        stream = self._subscriptions.pop(identifier).stream
        if all(each.stream is not stream for each in self._subscriptions.values()):
            stream.listeners.discard(self._wake.set)
        self._session.identifiers = tuple(self._subscriptions)

    # --- writing ----------------------------------------------------------------------------------

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        ping_s = loop.time() + self._cable.ping_s
        while self._ending is None:
            self._wake.clear()
            sent = await self._send_round()
            now_s = loop.time()
            if now_s >= ping_s:
                ping_s = now_s + self._cable.ping_s
                await self._send(wire.ping())
                self._check_token()
                self._wait_no_longer()
            elif not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ping_s - now_s):
                        await self._wake.wait()
        await self._send(wire.disconnect(self._ending))
        await self._websocket.close()

    async def _send_round(self) -> bool:
        """Send the replies and a frame of each subscription; return whether there were any."""
        sent = False
        while self._replies:
            await self._send(self._replies.popleft())
            sent = True
        for subscription in tuple(self._subscriptions.values()):
            frame = subscription.next_frame()
            if frame is not None:
                await self._send(frame)
                sent = True
        return sent

    async def _send(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(self._cable.send_timeout_s):
                await self._websocket.send_text(frame.decode())
        except TimeoutError:
            raise WebSocketDisconnect(1008, "it does not read what it is sent") from None

    def _wait_no_longer(self) -> None:
        """A client that took its session up and never asked for history gets all words."""
        for subscription in self._subscriptions.values():
            if subscription.waits:
                subscription.catch_up(None, asked=False)


_HUNG_UP = (WebSocketDisconnect, OSError)

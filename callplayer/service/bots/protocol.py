"""The protocol of the service and its workers: JSON lines over a socket, files beside them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from typing import TypeVar

import msgspec

from callplayer.playback.player import Place
from callplayer.playback.turns import Turn
from callplayer.vendor.parties import Channel

MAX_LINE_BYTES = 1_000_000
MAX_FILES = 16
READ_BYTES = 65_536
SEND_TIMEOUT_S = 10.0

DEFAULT_IDLE_S = 60.0
"""How long a bot waits for a listener that has gone, or has not come."""

T = TypeVar("T")


class Decoded(msgspec.Struct, frozen=True, tag="decoded"):
    """The sound is in the file that comes with this line: int16, 48 kHz, parties side by side."""

    frames: int
    live_from_s: float | None = None


class Growing(msgspec.Struct, frozen=True, tag="growing"):
    """The sound is being written to `path`."""

    path: str


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Join a room with `token` and play to `listener`; answered by Opened or Ended.

    The bot waits for its listener for `idle_s`. `turns` are those of the parties in
    a mixed sound. `mixes`: all parties are one track.
    """

    id: str
    url: str
    listener: str
    token: str
    parties: tuple[Channel, ...]
    sound: Decoded | Growing
    autoplay: bool
    idle_s: float
    place: Place | None = None
    turns: tuple[Turn, ...] = ()
    mixes: bool = False

    def __repr__(self) -> str:
        return f"Open(id={self.id!r}, token=***)"


class Extend(msgspec.Struct, frozen=True, tag="keep"):
    """Wait for the listener as long as if it had just gone; answered by Kept."""

    id: str


class Participants(msgspec.Struct, frozen=True, tag="present"):
    """The participants in the room of a bot that asked: the session of each identity."""

    id: str
    sessions: dict[str, str]


class ListParticipants(msgspec.Struct, frozen=True, tag="who"):
    """A bot asks for the participants in its room; the answer is Participants."""

    id: str


class AnnounceListener(msgspec.Struct, frozen=True, tag="announce"):
    """A bot wants its listener announced to the room."""

    id: str


class StreamOpened(msgspec.Struct, frozen=True, tag="opened"):
    """The bot is in its room."""

    id: str


class Extended(msgspec.Struct, frozen=True, tag="kept"):
    """Whether the bot is still there."""

    id: str
    here: bool


class BotLeft(msgspec.Struct, frozen=True, tag="ended"):
    """The bot has left, or could not come: then `what` is the error and `hint` what to do."""

    id: str
    what: str = ""
    hint: str = ""


class Places(msgspec.Struct, frozen=True, tag="places"):
    """Where listeners are, by stream: after each command, and once a second while playing."""

    places: dict[str, Place]


class Report(msgspec.Struct, frozen=True, tag="report"):
    """What a worker did so far, once a second; `commands` it obeyed, by their names.

    Frames are 10 ms of one stream: sent; late (by more than 20 ms, or lost); lost.
    `lateness` counts by steps of 0.5 ms how late they went out. `away_s`: for how long the
    listeners that are not there have been away, by stream.
    """

    frames: int = 0
    late: int = 0
    lost: int = 0
    lateness: tuple[int, ...] = ()
    commands: dict[str, int] = {}
    away_s: dict[str, float] = {}


Order = Open | Extend | Participants
News = StreamOpened | Extended | BotLeft | Places | Report | ListParticipants | AnnounceListener

_encoder = msgspec.json.Encoder()
order_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
news_decoder: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)


class Pipe:
    """One end of the socket. Lines and files arrive in the order they were sent."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._bytes = bytearray()
        self._files: deque[int] = deque()
        self._lock = asyncio.Lock()

    async def send(self, message: Order | News, files: tuple[int, ...] = ()) -> None:
        """Send a message and copies of `files`; raise OSError if the other end has closed."""
        content = memoryview(_encoder.encode(message) + b"\n")
        async with self._lock, asyncio.timeout(SEND_TIMEOUT_S):
            while content:
                try:
                    sent = socket.send_fds(self._socket, [content], list(files))
                except BlockingIOError:
                    await asyncio.sleep(0.01)
                    continue
                content, files = content[sent:], ()

    async def receive(self, decoder: msgspec.json.Decoder[T]) -> T | None:
        """Return the next message, None at the end; raise ValueError for what is none."""
        while (end := self._bytes.find(b"\n")) < 0:
            if len(self._bytes) > MAX_LINE_BYTES or not await self._read():
                return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        return decoder.decode(line)

    def take_file(self) -> int:
        """Return the next file that came; it is the caller's to close."""
        return self._files.popleft()

    def finish(self) -> None:
        """Have the other end know that nothing more comes. Twice does no harm."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close this end and what files were not taken. Once is enough, twice does no harm."""
        while self._files:
            os.close(self._files.popleft())
        self._socket.close()

    async def _read(self) -> bool:
        loop = asyncio.get_running_loop()
        while True:
            try:
                content, files, _, _ = socket.recv_fds(self._socket, READ_BYTES, MAX_FILES)
            except BlockingIOError:
                readable = loop.create_future()
                loop.add_reader(self._socket, _set, readable)
                try:
                    await readable
                finally:
                    with contextlib.suppress(ValueError, OSError):
                        loop.remove_reader(self._socket)
                continue
            except OSError:
                return False
            self._files.extend(files)
            self._bytes += content
            return bool(content)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""The words of the call, from the transcript cable. Whatever fails here, the sound goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from callplayer.config import Settings
from callplayer.engine.transcript.word_reporter import PACE_S, WordReporter
from callplayer.errors import CallplayerError, SignInRefusedError, UnreachableError, UsageError
from callplayer.ipc import messages as m
from callplayer.retry import LONGEST_S, Backoff
from callplayer.vendor.actioncable import (
    EXTENDED,
    MAX_FRAME_BYTES,
    PLAIN,
    CableMessage,
    Confirmed,
    Conversation,
    HungUp,
    Rejected,
    Send,
    Step,
    cable_url,
)
from callplayer.vendor.answers import retry_after_s
from callplayer.vendor.client import ApiClient
from callplayer.vendor.transcript import Transcript, Word, iter_words
from callplayer.vendor.values import WireError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response

LOG = logging.getLogger(__name__)

STALE_S = 6.5
"""A server pings every 3 s: after two missed ones it is gone."""

ANSWER_S = 10.0
WORDS_A_TURN = 100

NO_TRANSCRIPT = "This call has no transcript."
NO_CABLE = "The API has no transcripts."
NOT_ALLOWED = "The API does not let this client have transcripts."
UNREACHABLE = "The transcript cannot be reached at the moment; trying again."


class _NoneError(Exception):
    """There are no words, and asking again would not help."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class _NotThereError(_NoneError):
    """So it is now. What was there once may come back: its server may be being replaced."""


class _TokenRefusedError(Exception):
    """The cable wants another token."""


class TranscriptSubscription:
    """Reads one incident's words and emits them. `emit` may return False: it is called again later.

    `stale_s` is how long a line may be silent.
    """

    def __init__(
        self,
        settings: Settings,
        incident_id: str,
        access: ApiClient,
        emit: Callable[[m.Event], object],
        stale_s: float = STALE_S,
    ) -> None:
        self._url = settings.cable_url or cable_url(settings.api_url)
        self._tls: ssl.SSLContext | None = None
        self._access = access
        self._stale_s = stale_s
        self._conversation = Conversation(incident_id, settings.cable_parameter)
        self._reporter = WordReporter(emit)
        self._say = self._reporter.say
        self._was_confirmed = False
        self._confirmed_s: float | None = None

    @property
    def transcript(self) -> Transcript:
        """Return all words so far."""
        return self._reporter.transcript

    async def run(self) -> None:
        """Read until cancelled, or until it is known that there is nothing to read. Never raises
        anything else."""
        reporting = asyncio.create_task(self._reporter.run())
        try:
            self._say("connecting")
            await asyncio.to_thread(self._prepare)
            await self._read()
        except _NoneError as error:
            self._say("none", error.detail)
            await asyncio.Event().wait()  # the backlog is still to be sent
        except Exception:
            LOG.exception("the transcript failed")
            self._say("none", "The transcript met an error of the player's own.")
            await asyncio.Event().wait()
        finally:
            reporting.cancel()

    def _prepare(self) -> None:
        """Load what takes 10s of ms, in a thread: sound may be on its way."""
        import websockets.asyncio.client  # noqa: F401

        if self._url.startswith("wss:"):
            self._tls = httpx.create_ssl_context()  # the cable trusts whom HTTP trusts

    async def _read(self) -> None:
        """Connect, and again and again."""
        backoff, tokens_refused = Backoff(), 0
        while True:
            self._confirmed_s, asked_s = None, 0.0
            try:
                await self._converse()
            except _TokenRefusedError:
                self._access.renew()
                tokens_refused = 0 if self._lasted_s() > 1.0 else tokens_refused + 1
                if tokens_refused > 1:
                    raise _NoneError(NOT_ALLOWED) from None
                continue
            except (SignInRefusedError, UsageError):
                raise _NoneError(NOT_ALLOWED) from None
            except _NotThereError as error:
                if not self._was_confirmed:
                    raise
                LOG.info("the cable is gone: %s", error.detail)
            except (CallplayerError, OSError, TimeoutError) as error:
                LOG.info("the cable is lost: %s", type(error).__name__)
                asked_s = error.retry_after_s if isinstance(error, UnreachableError) else 0.0
            if self._lasted_s() > LONGEST_S:
                backoff, tokens_refused = Backoff(), 0
            self._say("reconnecting" if self._was_confirmed else "connecting", UNREACHABLE)
            await asyncio.sleep(backoff.next_s(random.random(), asked_s))  # noqa: S311

    def _lasted_s(self) -> float:
        """Return how long ago the subscription was confirmed, 0.0 if it was not."""
        return 0.0 if self._confirmed_s is None else time.monotonic() - self._confirmed_s

    async def _converse(self) -> None:
        """Take part in one connection, until it ends."""
        async with self._connected(await self._access.bearer()) as socket:
            self._conversation.begin(socket.subprotocol)
            until_s = time.monotonic() + ANSWER_S
            try:
                while self._confirmed_s is not None or time.monotonic() < until_s:
                    async with asyncio.timeout(self._stale_s):
                        frame = await socket.recv(decode=False)
                    for step in self._steps(frame):
                        await self._follow(step, socket)
                    await asyncio.sleep(0)  # many frames may be here already; the sound goes on
            finally:
                if self._confirmed_s is None:
                    self._conversation.forget()

    def _steps(self, frame: bytes) -> Sequence[Step]:
        try:
            return self._conversation.take(frame)
        except WireError as error:
            LOG.info("a frame of the cable was ignored: %s", error)
            return ()

    async def _follow(self, step: Step, socket: ClientConnection) -> None:
        match step:
            case Send(frame=frame):
                async with asyncio.timeout(ANSWER_S):
                    await socket.send(frame, text=True)
            case CableMessage(payload=payload):
                await self._take(payload)
            case Confirmed():
                self._confirmed_s, self._was_confirmed = time.monotonic(), True
                self._say("open")
            case Rejected():
                raise _NotThereError(NO_TRANSCRIPT)
            case HungUp(reason="unauthorized" | "token_expired"):
                raise _TokenRefusedError
            case HungUp(may_reconnect=False):
                raise _NoneError(NO_CABLE)
            case HungUp():
                raise OSError("the server hung up")

    async def _take(self, payload: bytes) -> None:
        """Read a message's words, a few at a time: the sound's frames go before them."""
        words: list[Word] = []
        try:
            for word in iter_words(payload):
                words.append(word)
                if len(words) % WORDS_A_TURN == 0:
                    await asyncio.sleep(PACE_S)
        except WireError as error:
            LOG.info("a message of the cable was ignored: %s", error)
            return
        self._reporter.take(words)

    @contextlib.asynccontextmanager
    async def _connected(self, token: str) -> AsyncIterator[ClientConnection]:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

        class Connect(connect):
            """One that follows no redirect: the token is for this server only."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        quiet = logging.getLogger(f"{__name__}.socket")
        quiet.setLevel(logging.CRITICAL)  # its lines hold the URL, and with it the token
        try:
            async with Connect(
                f"{self._url}?{self._conversation.query(token)}",
                subprotocols=[EXTENDED, PLAIN],  # type: ignore[list-item]
                ssl=self._tls,
                compression=None,
                open_timeout=ANSWER_S,
                close_timeout=1.0,
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                max_queue=4,
                logger=quiet,
            ) as socket:
                yield socket
        except InvalidStatus as error:
            raise _of_answer(error.response) from None
        except (ConnectionClosed, WebSocketException) as error:
            raise OSError(type(error).__name__) from None


def _of_answer(answer: Response) -> Exception:
    """Return what it means that the server did not open a web socket."""
    status = answer.status_code
    if status in (401, 403):
        return _TokenRefusedError()
    if status in (404, 405, 410, 426, 501):
        return _NotThereError(NO_CABLE)
    after = {"retry-after": "".join(answer.headers.get_all("Retry-After")[:1])}
    return UnreachableError(
        f"The cable answered {status}.", retry_after_s=retry_after_s(after, datetime.now(UTC))
    )

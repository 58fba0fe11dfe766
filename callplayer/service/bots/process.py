"""The processes that play: started, chosen by load, started again when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callplayer.config import without_settings
from callplayer.errors import ServiceError
from callplayer.playback.player import Place
from callplayer.retry import RESTARTS
from callplayer.service.bots.protocol import (
    AnnounceListener,
    BotLeft,
    Extend,
    Extended,
    ListParticipants,
    News,
    Open,
    Participants,
    Pipe,
    Places,
    Report,
    StreamOpened,
    news_decoder,
)
from callplayer.supervise import ChildProcess, EndLimits

CROWD = 8
"""How many streams each worker plays before one more is started."""

MOST_WORKERS = 8

log = logging.getLogger("callplayer.service")


def default_workers(cpus: int) -> int:
    """Return how many workers at most: one carries what two cores can, and more survive more."""
    return min(max(cpus // 2, 2), MOST_WORKERS)


Answerer = Callable[[ListParticipants | AnnounceListener], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True)
class WorkerLimits:
    """How long a worker may take, in s: for an answer, from one report to the next, and to leave.

    It reports once a second.
    """

    answer_s: float = 20.0
    silent_s: float = 15.0
    leave_s: float = 5.0


class WorkerDiedError(ServiceError):
    """The worker that was asked has died."""

    def __init__(self) -> None:
        super().__init__("A part of the service has died.", "Try again.")


class BotWorker:
    """One process, seen from the service. `places` are those of the streams it plays."""

    def __init__(
        self,
        process: ChildProcess,
        pipe: Pipe,
        answer: Answerer,
        ended: Callable[[str], None],
        limits: WorkerLimits = WorkerLimits(),
    ) -> None:
        self.process = process
        self._limits = limits
        self._answer = answer
        self._ended = ended
        self._answering: set[asyncio.Task[None]] = set()
        self.places: dict[str, Place | None] = {}
        self.report = Report()
        self._pipe = pipe
        self._waiting: dict[str, asyncio.Future[StreamOpened | Extended | BotLeft]] = {}

    @property
    def load(self) -> int:
        """How many streams it plays or is about to."""
        return len(self.places)

    async def open(self, order: Open, files: tuple[int, ...]) -> None:
        """Have a stream played; return when its bot is there, or raise the worker's error."""
        self.places[order.id] = order.place
        try:
            answer = await self._ask(order, files)
            if isinstance(answer, BotLeft):
                raise ServiceError(answer.what, answer.hint)
        except BaseException:
            self.places.pop(order.id, None)
            raise

    async def keep(self, name: str) -> bool:
        """Have a bot wait on for its listener; return whether it is still there."""
        answer = await self._ask(Extend(name), ())
        return isinstance(answer, Extended) and answer.here

    async def follow(self) -> None:
        """Receive the worker's messages until it ends, or is silent for so long that it hangs."""
        try:
            while (news := await self._next()) is not None:
                match news:
                    case Report():
                        self.report = news
                    case Places(places=places):
                        self.places |= {n: p for n, p in places.items() if n in self.places}
                    case ListParticipants() | AnnounceListener():
                        task = asyncio.create_task(self._answer_to(news))
                        self._answering.add(task)
                        task.add_done_callback(self._answering.discard)
                    case StreamOpened(id=name) | Extended(id=name) | BotLeft(id=name):
                        if isinstance(news, BotLeft):
                            self.places.pop(name, None)
                            self._ended(name)
                        waiting = self._waiting.pop(name, None)
                        if waiting is not None and not waiting.done():
                            waiting.set_result(news)
        finally:
            self._pipe.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(WorkerDiedError())
            self._waiting.clear()

    async def close(self) -> None:
        """Have all its bots leave and end it."""
        self._pipe.finish()
        await self.process.end()

    async def _next(self) -> News | None:
        try:
            async with asyncio.timeout(self._limits.silent_s):
                return await self._pipe.receive(news_decoder)
        except TimeoutError:
            log.error("a worker has sent nothing for %.0f s", self._limits.silent_s)
            return None

    async def _answer_to(self, question: ListParticipants | AnnounceListener) -> None:
        sessions = await self._answer(question)
        if isinstance(question, ListParticipants):
            with contextlib.suppress(OSError):
                await self._pipe.send(Participants(question.id, dict(sessions)))

    async def _ask(
        self, order: Open | Extend, files: tuple[int, ...]
    ) -> StreamOpened | Extended | BotLeft:
        waiting: asyncio.Future[StreamOpened | Extended | BotLeft]
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[order.id] = waiting
        try:
            async with asyncio.timeout(self._limits.answer_s):
                await self._pipe.send(order, files)
                return await waiting
        except TimeoutError as error:  # which is an OSError, too
            raise ServiceError("The replay bot does not come.", "Try again.") from error
        except OSError as error:
            raise WorkerDiedError from error
        finally:
            self._waiting.pop(order.id, None)


class Workers:
    """At most `most` workers; None leaves that to the machine. Use as `async with Workers() as w:`.

    `died` is called with each that ends by itself, `ended` with the id of each stream that does,
    `answer` with what bots ask.
    """

    def __init__(self, most: int | None = None, limits: WorkerLimits = WorkerLimits()) -> None:
        self._limits = limits
        self._most = most or default_workers(os.cpu_count() or 1)
        self.died: Callable[[BotWorker], None] = lambda _: None
        self.ended: Callable[[str], None] = lambda _: None
        self.answer: Answerer = _no_answer
        self.running: list[BotWorker] = []
        self._starting: asyncio.Task[None] | None = None
        self._following: set[asyncio.Task[None]] = set()
        self._restarts_s: list[float] = []
        self._closing = False

    async def __aenter__(self) -> Workers:
        self._start_one()  # it shall be ready when the first listener comes
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def pick(self) -> BotWorker:
        """Return the worker that plays least; raise ServiceError if none can be started."""
        if not self.running:
            self._start_one()
            assert self._starting is not None
            await asyncio.shield(self._starting)
        least = min(self.running, key=lambda worker: worker.load)
        if least.load >= CROWD:
            self._start_one()
        return least

    async def close(self) -> None:
        """End all workers: every bot leaves its room."""
        self._closing = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self.running))
        await asyncio.gather(*self._following, return_exceptions=True)

    def _start_one(self) -> None:
        if self._starting is None and len(self.running) < self._most and not self._closing:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("no worker: %s", error)

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        pipe = Pipe(ours)
        try:
            with theirs:
                process = ChildProcess(
                    [sys.executable, "-P", "-m", "callplayer.service.bots.worker"],
                    _environment(),
                    os.dup(2),
                    stdin=theirs.fileno(),
                    limits=EndLimits(leave_s=self._limits.leave_s, terminate_s=()),
                )
        except OSError as error:
            pipe.close()
            raise ServiceError(
                "A part of the service cannot be started.",
                "Check free memory and the number of processes.",
            ) from error
        worker = BotWorker(process, pipe, self._answered, self._has_ended, self._limits)
        self.running.append(worker)
        task = asyncio.create_task(self._follow(worker))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    def _has_ended(self, name: str) -> None:
        self.ended(name)

    async def _answered(self, question: ListParticipants | AnnounceListener) -> Mapping[str, str]:
        return await self.answer(question)

    async def _follow(self, worker: BotWorker) -> None:
        try:
            await worker.follow()
        except ValueError:
            log.exception("a worker has sent a message that cannot be read")
        self.running.remove(worker)
        if self._closing:
            return
        log.error("a worker has ended by itself; %d streams went with it", worker.load)
        await worker.close()
        self.died(worker)
        now_s = time.monotonic()
        delay_s = RESTARTS.delay_s(self._restarts_s, now_s)
        self._restarts_s.append(now_s)
        await asyncio.sleep(RESTARTS.delays_s[-1] if delay_s is None else delay_s)
        if not self.running:
            self._start_one()


async def _no_answer(_question: ListParticipants | AnnounceListener) -> Mapping[str, str]:
    return {}


def _environment() -> dict[str, str]:
    """Return this process's environment without what a worker has no use for.

    The SDK's tasks, one a frame, share one thread: with one a core they wake each other up, which
    costs a fifth of all that a bot does.
    """
    return without_settings(os.environ) | {"RUST_LOG": "error", "TOKIO_WORKER_THREADS": "1"}

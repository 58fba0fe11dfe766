"""The screen's side of the engine: send requests, receive events, restore a lost engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from callplayer.ipc.codec import MAX_EVENT_BYTES, decode_event, encode_line
from callplayer.ipc.messages import (
    ByeEvent,
    ErrorEvent,
    Event,
    Quit,
    Request,
    RetryNow,
    SetOutputDevice,
    StateEvent,
)
from callplayer.ipc.news import (
    EngineRestarting,
    Listener,
    LossReason,
    cannot_start,
    gone_by,
    lost_too_often,
)
from callplayer.ipc.process import EnginePipe, start_engine
from callplayer.ipc.requests import by_place
from callplayer.ipc.restore import (
    SYSTEM_GONE,
    EngineLimits,
    SilenceWatch,
    is_connected,
    lost_state,
    paused_argv,
    restore_requests,
)
from callplayer.ipc.successor import Successor, SuccessorOffer
from callplayer.supervise import ChildProcess, EndLimits
from callplayer.vendor.values import WireError

log = logging.getLogger(__name__)

Ending = LossReason | Literal["moves on"]

DEVICE_HANGS = ("device-hangs", SYSTEM_GONE)
"""Codes of errors that end an engine; a new engine may be free of them."""

UNREACHED = ("unreachable", "no-such-incident")
"""Codes that end an engine which is to restore a call; an engine that has the call keeps trying."""


class EngineClient:
    """One engine process at a time, started again when it is lost.

    `process` is an engine already started by `start_engine` with the same `argv`: the caller may
    start it before it imports anything heavy. Once a `successor` is ready, RetryNow moves the call
    to its engine.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path,
        *,
        process: ChildProcess | None = None,
        limits: EngineLimits | None = None,
        successor: Successor | None = None,
    ) -> None:
        self._argv = tuple(argv)
        self._log_path = log_path
        self._process = process
        self._pipe: EnginePipe | None = None
        self._running: asyncio.Task[None] | None = None
        self._has_reported = False
        self._limits = limits or EngineLimits()
        self._restarts_s: list[float] = []
        self._last: StateEvent | None = None
        self._restore: tuple[Request, ...] = ()
        self._restoring = False
        self._ended_by: ErrorEvent | ByeEvent | None = None
        self._hangs = False
        self._unreached: ErrorEvent | None = None
        self._backoff = self._limits.unreached()
        self._retry = asyncio.Event()
        self._heard_s = 0.0
        self._device: SetOutputDevice | None = None
        self._successor = successor
        self._offer = SuccessorOffer()
        self._moving = asyncio.Event()
        self._goal: tuple[str, ...] | None = None
        self._came_from: tuple[str, ...] | None = None
        self._refusal: ErrorEvent | None = None

    @property
    def pid(self) -> int | None:
        """The engine's process id, while there is one."""
        return self._process.pid if self._process is not None else None

    def send(self, request: Request) -> bool:
        """Send one request; return whether an engine took it.

        While a new engine is being restored, other requests are dropped; RetryNow then ends this
        client's own wait.
        """
        if self._restoring and isinstance(request, RetryNow):
            self._retry.set()
            return True
        if isinstance(request, RetryNow) and self._offer.is_ready and self._last is not None:
            self._goal = self._successor.argv if self._successor is not None else None
            self._moving.set()
            return True
        taken = not self._restoring and self._write(by_place(request))
        if taken and isinstance(request, SetOutputDevice):
            self._device = request
        return taken

    async def run(self, listener: Listener) -> None:
        """Publish all events to `listener` until the engine has ended for good."""
        self._running = asyncio.current_task()
        try:
            await self._run(listener)
        except OSError as error:
            log.error("the engine cannot be started: %s", error)
            listener(cannot_start(error))

    async def _run(self, listener: Listener) -> None:
        if self._process is None:
            self._process = start_engine(self._argv, self._log_path)
        while True:
            reason = await self._follow(self._process, listener)
            lost_at_s = time.monotonic()
            if reason == "moves on":
                await self._move(listener)
                continue
            leaves = self._ended_by is not None or self._unreached is not None
            leaves = leaves or self._refusal is not None
            leave_s = self._limits.quit_s if leaves else 0.0
            status = await self._end(self._process, leave_s)
            if self._ended_by is not None:
                listener(gone_by(self._ended_by))
                return
            log.warning("the engine %s (exit status %s)", reason, status)
            if self._came_from is not None:
                self._move_back(self._came_from, listener)
                continue
            if self._unreached is not None:
                await self._try_again(self._unreached, listener)
                continue
            delay_s = self._limits.restarts.delay_s(self._restarts_s, lost_at_s)
            if delay_s is None:
                listener(lost_too_often(len(self._limits.restarts.delays_s) + 1, self._log_path))
                return
            await self._start_again(reason, lost_at_s, delay_s, listener)

    async def close(self) -> None:
        """End the engine: ask it to quit, wait, terminate, kill. Leaves no process behind."""
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
            await asyncio.wait((self._running,))
        if self._process is None:
            return
        self._write(Quit())
        await self._end(self._process, self._limits.quit_s)

    def kill(self) -> None:
        """End the engine at once, without an event loop."""
        if self._process is not None:
            self._process.end_now()

    def _write(self, request: Request) -> bool:
        return self._process is not None and self._process.write_line(encode_line(request))

    async def _move(self, listener: Listener) -> None:
        """End this engine in order, and start the successor's at the same place."""
        self._moving.clear()
        assert self._process is not None
        assert self._last is not None
        assert self._goal is not None
        self._hold_place(time.monotonic())
        listener(msgspec.structs.replace(self._last, detail="The call moves to the real room."))
        self._write(Quit())
        await self._end(self._process, self._limits.quit_s)
        self._came_from, self._argv = self._argv, self._goal
        self._process = start_engine(paused_argv(self._argv), self._log_path)

    def _move_back(self, argv: tuple[str, ...], listener: Listener) -> None:
        """Play on with the engine that the call came from: the other one failed to open it."""
        why, self._refusal, self._came_from = self._refusal, None, None
        what = "The real room cannot be reached; the recording plays on."
        hint = why.message if why is not None else f"The log says why: {self._log_path}"
        listener(ErrorEvent(code="not-moved", message=what, hint=hint))
        self._argv = argv
        self._process = start_engine(paused_argv(argv), self._log_path)

    def _hold_place(self, heard_s: float) -> None:
        """Prepare the requests that restore the call where it was heard last."""
        assert self._last is not None
        self._restore = restore_requests(self._last, heard_s)
        if self._device is not None:
            # The device that was picked here goes before the one that the flags name.
            self._restore = (self._device, *self._restore)
        self._last = lost_state(self._last, heard_s)
        self._restoring = True

    def _look_at_successor(self, listener: Listener) -> None:
        if self._successor is None:
            return
        offer = SuccessorOffer(self._successor.notice, self._successor.argv is not None)
        if self._argv == self._successor.argv:
            offer = SuccessorOffer()  # the call is there
        if offer != self._offer:
            self._offer = offer
            listener(offer)

    async def _start_again(
        self, reason: LossReason, lost_at_s: float, delay_s: float, listener: Listener
    ) -> None:
        self._restarts_s.append(lost_at_s)
        if self._last is not None and not self._restoring:
            # It played for as long as events came; the loss may be noticed much later.
            self._hold_place(self._heard_s)
        if self._last is not None:
            listener(self._last)
        listener(EngineRestarting(reason, len(self._restarts_s)))
        await asyncio.sleep(delay_s)
        argv = paused_argv(self._argv) if self._restoring else self._argv
        self._process = start_engine(argv, self._log_path)

    async def _try_again(self, why: ErrorEvent, listener: Listener) -> None:
        """Wait, then start another engine: the last one did not reach the call's server."""
        assert self._last is not None
        # There is no last try: the network may be gone for hours.
        delay_s = self._backoff.next_s(random.random())  # noqa: S311 - guards nothing
        retry_at_s = time.monotonic() + delay_s
        listener(msgspec.structs.replace(self._last, detail=why.message, retry_at_s=retry_at_s))
        self._retry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._retry.wait()
        self._process = start_engine(paused_argv(self._argv), self._log_path)

    async def _follow(self, process: ChildProcess, listener: Listener) -> Ending:
        """Publish the events of one engine; return why there are no more."""
        self._has_reported = self._hangs = False
        self._unreached = None
        self._pipe = pipe = await EnginePipe.open(process, MAX_EVENT_BYTES)
        watch = SilenceWatch(tick_s=self._limits.silence_s / 6)
        reading = asyncio.ensure_future(self._read(pipe.reader, watch, listener))
        moving = asyncio.ensure_future(self._moving.wait())
        try:
            while not reading.done():
                self._look_at_successor(listener)
                before_s = time.monotonic()
                await asyncio.wait(
                    (reading, moving),
                    timeout=self._limits.silence_s / 6,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                watch.tick(time.monotonic() - before_s)
                if moving.done():
                    return "moves on"
                if watch.silent_s >= self._limits.start_s or (
                    self._has_reported and watch.silent_s >= self._limits.silence_s
                ):
                    return "fell silent"
            reading.result()
            return "hangs in the sound device" if self._hangs else "died"
        finally:
            reading.cancel()
            moving.cancel()
            await asyncio.wait((reading, moving))

    async def _read(
        self, reader: asyncio.StreamReader, watch: SilenceWatch, listener: Listener
    ) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                log.warning("the engine sent a line longer than %d bytes", MAX_EVENT_BYTES)
                return
            if not line:
                return
            watch.heard()
            self._has_reported, self._heard_s = True, time.monotonic()
            try:
                event = decode_event(line)
            except WireError as error:
                log.warning("a line of the engine is dropped: %s", error)
                continue
            self._take(event, listener)

    def _take(self, event: Event, listener: Listener) -> None:
        match event:
            case StateEvent():
                event = self._take_state(event)
            case ErrorEvent(exit_code=int()) if self._came_from is not None:
                self._refusal = event
                return
            case ByeEvent() if self._came_from is not None:
                return
            case ErrorEvent(code=code) if code in DEVICE_HANGS:
                self._hangs = True
                return
            case ErrorEvent(code=code) if self._restoring and code in UNREACHED:
                self._unreached = event
                return
            case ByeEvent() if self._hangs or self._unreached is not None:
                return
            case ByeEvent() if self._ended_by is None:
                self._ended_by = event
            case ErrorEvent(exit_code=int()):
                self._ended_by = event
        listener(event)

    def _take_state(self, state: StateEvent) -> StateEvent:
        if not self._restoring or self._last is None:
            self._last = state if is_connected(state) else self._last
            return state
        if is_connected(state):
            for request in self._restore:
                self._write(request)
            self._restoring, self._backoff = False, self._limits.unreached()
            self._came_from = None
        return msgspec.structs.replace(self._last, detail=state.detail)

    async def _end(self, process: ChildProcess, leave_s: float) -> int:
        draining = asyncio.ensure_future(self._pipe.drain()) if self._pipe is not None else None
        try:
            return await process.end(EndLimits(leave_s, (self._limits.terminate_s,)))
        finally:
            if draining is not None:
                draining.cancel()
                await asyncio.wait((draining,))
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None

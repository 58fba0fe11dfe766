"""The screen's side of the engine: send requests, hear events, bring a lost engine back."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from callplayer.engine.messages import (
    MAX_EVENT_BYTES,
    ByeEvent,
    ErrorEvent,
    Event,
    Mute,
    Quit,
    Request,
    SetGain,
    Solo,
    StateEvent,
    decode_event,
    encode_line,
)
from callplayer.ui.engine_process import (
    EnginePipe,
    end_process,
    end_process_now,
    start_engine,
    write_line,
)
from callplayer.wire import Resume, Scrub, ScrubToEnd, WireError

log = logging.getLogger(__name__)

LossReason = Literal["died", "fell silent"]


@dataclass(frozen=True)
class EngineRestarting:
    """The engine was lost and is started again; `attempt` counts from 1 within a minute."""

    reason: LossReason
    attempt: int


@dataclass(frozen=True)
class EngineGone:
    """There will be no engine any more: it said bye unasked, or was lost too often."""

    message: str
    hint: str
    exit_code: int


Listener = Callable[[Event | EngineRestarting | EngineGone], None]


@dataclass(frozen=True)
class EngineLimits:
    """How long the engine may take, in s, and how often it is started again."""

    start_s: float = 15.0
    silence_s: float = 3.0
    quit_s: float = 2.0
    terminate_s: float = 1.0
    window_s: float = 60.0
    backoff_s: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0)


def is_connected(state: StateEvent) -> bool:
    """Tell whether the engine has, or has had, the call."""
    return state.phase not in ("connecting", "failed")


def restart_delay_s(
    restarts_s: Sequence[float], now_s: float, limits: EngineLimits
) -> float | None:
    """Return how long to wait before the next restart; None when there were too many of late."""
    recent = sum(now_s - at_s < limits.window_s for at_s in restarts_s)
    return limits.backoff_s[recent] if recent < len(limits.backoff_s) else None


def restore_requests(state: StateEvent, lost_at_s: float) -> tuple[Request, ...]:
    """Return the requests that bring a new, paused engine to where the lost one was.

    Volumes come first, so that nothing is heard too loud; resume comes last.
    """
    requests: list[Request] = []
    for party in state.parties:
        if party.gain_db != 0.0:
            requests.append(SetGain(party.gain_db, party.party))
        if party.muted:
            requests.append(Mute(party.party))
        if party.soloed:
            requests.append(Solo(party.party))
    if state.requested_ms is not None:
        requests.append(Scrub(state.requested_ms))
    elif state.at_end or state.phase == "live":
        requests.append(ScrubToEnd())
    else:
        position_ms = state.audible_ms if state.advancing else state.position_ms
        if state.advancing:
            heard_ms = min(max(lost_at_s - state.as_of_s, 0.0), 1.0) * 1000
            position_ms = min(position_ms + round(heard_ms), state.duration_ms)
        requests.append(Scrub(position_ms))
    if not state.paused:
        requests.append(Resume())
    return tuple(requests)


def paused_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command line with `--paused` for its start flag; what follows `--` is no flag."""
    end = argv.index("--") if "--" in argv else len(argv)
    flags = [word for word in argv[:end] if word not in ("--live", "--paused")]
    return (*flags, "--paused", *argv[end:])


class SilenceWatch:
    """Adds up how long nothing was told, in s, by ticks.

    A tick that comes late counts as one tick only: a screen that was itself stopped (Ctrl+Z, a
    sleeping laptop) must not take its own absence for the engine's.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self.silent_s = 0.0

    def heard(self) -> None:
        """Start over: something was told."""
        self.silent_s = 0.0

    def tick(self, elapsed_s: float) -> None:
        """Count the time since the last tick, as far as it is believable."""
        self.silent_s += min(elapsed_s, 2 * self._tick_s)


class EngineClient:
    """One engine process at a time, started again when it is lost.

    `process` is an engine already started by `start_engine` with the same `argv`: the caller may
    start it before it imports anything heavy.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path,
        *,
        process: subprocess.Popen[bytes] | None = None,
        limits: EngineLimits | None = None,
    ) -> None:
        self._argv = tuple(argv)
        self._log_path = log_path
        self._process = process
        self._pipe: EnginePipe | None = None
        self._running: asyncio.Task[None] | None = None
        self._told = False
        self._limits = limits or EngineLimits()
        self._restarts_s: list[float] = []
        self._last: StateEvent | None = None
        self._restore: tuple[Request, ...] = ()
        self._restoring = False
        self._ended_by: ErrorEvent | ByeEvent | None = None

    @property
    def pid(self) -> int | None:
        """The engine's process id, while there is one."""
        return self._process.pid if self._process is not None else None

    def send(self, request: Request) -> bool:
        """Send one request; tell whether an engine took it.

        While a new engine is brought to where the lost one was, nothing else is sent.
        """
        return not self._restoring and self._write(request)

    async def run(self, listener: Listener) -> None:
        """Tell `listener` all events until the engine has ended for good."""
        self._running = asyncio.current_task()
        try:
            await self._run(listener)
        except OSError as error:
            log.error("the engine cannot be started: %s", error)
            listener(
                EngineGone(
                    f"The audio engine cannot be started: {error.strerror}.",
                    "Install callplayer again, or free some memory and processes.",
                    1,
                )
            )

    async def _run(self, listener: Listener) -> None:
        if self._process is None:
            self._process = start_engine(self._argv, self._log_path)
        while True:
            reason = await self._follow(self._process, listener)
            lost_at_s = time.monotonic()
            leave_s = self._limits.quit_s if self._ended_by is not None else 0.0
            status = await self._end(self._process, leave_s)
            if self._ended_by is not None:
                listener(_gone(self._ended_by))
                return
            log.warning("the engine %s (exit status %s)", reason, status)
            delay_s = restart_delay_s(self._restarts_s, lost_at_s, self._limits)
            if delay_s is None:
                listener(
                    EngineGone(
                        f"The audio engine was lost {len(self._limits.backoff_s) + 1} times"
                        " in a minute.",
                        f"Quit with q and see {self._log_path}",
                        1,
                    )
                )
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
            end_process_now(self._process)

    def _write(self, request: Request) -> bool:
        return self._process is not None and write_line(self._process, encode_line(request))

    async def _start_again(
        self, reason: LossReason, lost_at_s: float, delay_s: float, listener: Listener
    ) -> None:
        self._restarts_s.append(lost_at_s)
        if self._last is not None and not self._restoring:
            self._restore = restore_requests(self._last, lost_at_s)
            self._restoring = True
        if self._last is not None:
            listener(self._masked(self._last))
        listener(EngineRestarting(reason, len(self._restarts_s)))
        await asyncio.sleep(delay_s)
        argv = paused_argv(self._argv) if self._restoring else self._argv
        self._process = start_engine(argv, self._log_path)

    async def _follow(self, process: subprocess.Popen[bytes], listener: Listener) -> LossReason:
        """Tell the events of one engine; return why there are no more."""
        self._told = False
        self._pipe = pipe = await EnginePipe.open(process, MAX_EVENT_BYTES)
        watch = SilenceWatch(tick_s=self._limits.silence_s / 6)
        reading = asyncio.ensure_future(self._read(pipe.reader, watch, listener))
        try:
            while not reading.done():
                before_s = time.monotonic()
                await asyncio.wait((reading,), timeout=self._limits.silence_s / 6)
                watch.tick(time.monotonic() - before_s)
                if watch.silent_s >= self._limits.start_s or (
                    self._told and watch.silent_s >= self._limits.silence_s
                ):
                    return "fell silent"
            reading.result()
            return "died"
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _read(
        self, reader: asyncio.StreamReader, watch: SilenceWatch, listener: Listener
    ) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                log.warning("the engine told a line longer than %d bytes", MAX_EVENT_BYTES)
                return
            if not line:
                return
            watch.heard()
            self._told = True
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
            case ByeEvent() if self._ended_by is None:
                self._ended_by = event
            case ErrorEvent(exit_code=int()):
                self._ended_by = event
        listener(event)

    def _take_state(self, state: StateEvent) -> StateEvent:
        if not self._restoring or self._last is None:
            self._last = state if is_connected(state) else self._last
            return state
        if not is_connected(state):
            return self._masked(self._last)
        for request in self._restore:
            self._write(request)
        self._restoring = False
        return self._masked(self._last)

    def _masked(self, state: StateEvent) -> StateEvent:
        """What to show of a lost engine's state until the new one is where it was."""
        return msgspec.structs.replace(
            state, phase="reconnecting", advancing=False, unconfirmed_s=0.0
        )

    async def _end(self, process: subprocess.Popen[bytes], leave_s: float) -> int:
        draining = asyncio.ensure_future(self._pipe.drain()) if self._pipe is not None else None
        try:
            return await end_process(process, leave_s=leave_s, terminate_s=self._limits.terminate_s)
        finally:
            if draining is not None:
                draining.cancel()
                await asyncio.wait((draining,))
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None


def _gone(by: ErrorEvent | ByeEvent) -> EngineGone:
    if isinstance(by, ErrorEvent):
        return EngineGone(by.message, by.hint, by.exit_code or 1)
    return EngineGone("The audio engine has ended.", "Quit with q and start again.", by.exit_code)

"""The engine: one call, from sign-in to bye. It alone owns the state.

Requests come in through `handle`, events go out through `tell`, both on one asyncio loop. The rules
stand in call, playhead, gate, outbox and receive; here they meet the room and the sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from callplayer.chosen import keep_output_device, read_output_device
from callplayer.config import Settings, check_url
from callplayer.engine import messages as m
from callplayer.engine import playhead as heads
from callplayer.engine.access import Access
from callplayer.engine.backoff import Backoff
from callplayer.engine.call import Call, Return
from callplayer.engine.device_care import DeviceCare
from callplayer.engine.frames import RATE_HZ
from callplayer.engine.receive import ReceivePath
from callplayer.engine.room import Room
from callplayer.engine.sender import Sender
from callplayer.engine.sound import Sound
from callplayer.engine.teller import Teller
from callplayer.engine.transcript import Transcript
from callplayer.errors import (
    EXIT_DONE,
    CallplayerError,
    IncidentNotFoundError,
    SoundDeviceHangsError,
    UnreachableError,
    UsageError,
)
from callplayer.wire import (
    Command,
    Party,
    Pause,
    Resume,
    Scrub,
    ScrubToEnd,
    SetGain,
    WireError,
    decode_status,
)

LOG = logging.getLogger(__name__)

TICK_S = 0.05
PATH_S = 0.25
STEADY_PATH_S = 1.0
STATS_S = 1.0
STATE_S = 0.5
STATUS_WAIT_S = 2.0
NO_STATUS = "The server does not tell where the call is; keys may still work."
TRACKS_QUIET_S = 0.3
FLOW_WAIT_S = 1.5
NO_TRACKS_S = 8.0
SDK_PATIENCE_S = 5.0
"""The SDK tries for half a minute to get its room back; a new room is had sooner."""

STREAM_SCHEMES = {"wss": True, "https": True, "ws": False, "http": False}


@dataclass(frozen=True)
class EngineOptions:
    """How a call is to be opened: `start` says what is done once everything is ready.

    With `wait_for_device` the call is joined without a sound device if there is none yet.
    """

    incident_id: str
    start: m.Start = "play"
    no_audio: bool = False
    wait_for_device: bool = False


class Engine:
    """Plays one incident. Run it once; `handle` requests while it runs."""

    def __init__(
        self, settings: Settings, options: EngineOptions, tell: Callable[[m.Event], object]
    ) -> None:
        self._settings = settings
        self._options = options
        self._call = Call()
        self._sound = Sound(RATE_HZ, no_audio=options.no_audio)
        self._room: Room | None = None
        self._sender = Sender()
        self._path = ReceivePath()
        self._teller = Teller(tell, self._call, self._sound, self._path)
        self._care = DeviceCare(
            self._sound,
            self._call,
            self._teller,
            self._send,
            settings,
            lasting=read_output_device(),
            keep=keep_output_device,
        )
        self._track_s = 0.0
        self._first_status = asyncio.Event()
        self._room_closed = asyncio.Event()
        self._quit = asyncio.Event()
        self._retry = asyncio.Event()
        self._turning: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None

    # --- life -------------------------------------------------------------------------------------

    @property
    def stuck(self) -> bool:
        """Tell whether a thread hangs in the sound device: an orderly exit would wait for it."""
        return self._sound.stuck

    async def run(self) -> int:
        """Play until quit; return the exit code. Errors are told as events, never raised."""
        gc.freeze()
        gc.disable()
        self._say("signing in")
        tasks = [
            asyncio.create_task(work())
            for work in (self._play, self._quit.wait, self._tick, self._measure, self._sender.run)
        ]
        tasks.append(asyncio.create_task(self._care.run(waiting=self._options.wait_for_device)))
        exit_code = EXIT_DONE
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SoundDeviceHangsError as error:
            exit_code = self._teller.failure(error)  # no state: the screen brings it all back
        except CallplayerError as error:
            exit_code = self._fail(error)
        except Exception:
            LOG.exception("the engine failed")
            exit_code = self._fail(CallplayerError("The player met an error of its own."))
        finally:
            self._teller.quiet = True
            self._lose_patience_no_more()
            self._sound.set_gate(False)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave()
            self._care.stop()
            with contextlib.suppress(SoundDeviceHangsError):
                await self._sound.close()
        self._teller.tell(m.ByeEvent(exit_code=exit_code))
        return exit_code

    async def _play(self) -> None:
        opening_sound = asyncio.create_task(self._open_sound())
        try:
            async with Access(self._settings) as access:
                beside = [asyncio.create_task(self._describe(access))]
                try:
                    await self._join(access)
                    beside.append(asyncio.create_task(self._transcript(access).run()))
                    await opening_sound
                    await self._begin()
                    while True:
                        await self._room_closed.wait()
                        await self._rejoin(access)
                finally:
                    for task in beside:
                        task.cancel()
        finally:
            opening_sound.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallplayerError):
                await opening_sound

    def _transcript(self, access: Access) -> Transcript:
        return Transcript(self._settings, self._options.incident_id, access, self._teller.tell)

    async def _open_sound(self) -> None:
        if not self._options.wait_for_device:
            await self._care.open_first()

    async def _join(self, access: Access) -> None:
        """Get a token and join its room; the last room is left first."""
        await self._leave()
        grant = await access.stream_grant(self._options.incident_id, autoplay=False)
        url = self._room_url(grant.url)
        self._say("joining the room")
        self._room_closed.clear()
        self._first_status.clear()
        self._room = Room(self)
        await self._room.connect(url, grant.token)
        self._call.link_up = True
        self._sender.use(self._room)

    def _room_url(self, granted: str | None) -> str:
        if granted:
            try:
                return check_url(granted, STREAM_SCHEMES, "stream_url")
            except UsageError:
                raise UnreachableError(
                    "The API names a room server that cannot be used safely.", "Ask the vendor."
                ) from None
        if not self._settings.stream_url:
            raise UsageError(
                "The API names no room server and none is set.",
                "Set CALLPLAYER_STREAM_URL to the address the vendor gave you.",
            )
        return check_url(self._settings.stream_url, STREAM_SCHEMES, "stream_url")

    async def _rejoin(self, access: Access) -> None:
        """Come back after the SDK has given up, however long it takes, to where we were."""
        self._call.rejoining = True
        backoff = Backoff()
        restore = self._call.to_restore(time.monotonic())
        while True:
            try:
                await self._join(access)
                if self._call.opened:
                    # What was asked for while we were away counts as well.
                    restore = self._call.to_restore(time.monotonic())
                    self._call.start_over()
                await self._until_ready()
                break
            except (UnreachableError, IncidentNotFoundError) as error:
                told_s = getattr(error, "retry_after_s", 0.0)
                await self._wait_to_retry(error.what, backoff.next_s(random.random(), told_s))  # noqa: S311
        self._call.rejoining, self._call.lost_at_s = False, None
        self._restore(restore)

    async def _wait_to_retry(self, why: str, wait_s: float) -> None:
        """Wait, or until somebody asks to try at once."""
        self._retry.clear()
        self._call.retry_at_s = time.monotonic() + wait_s
        self._say(why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._retry.wait()
        self._call.retry_at_s = None
        self._say("joining again")

    async def _leave(self) -> None:
        room, self._room = self._room, None
        self._call.link_up = False
        self._path.forget()
        self._sender.use(None)
        if room is not None:
            await room.close()

    async def _begin(self) -> None:
        """Wait until nothing of the call can be missed, then do what was asked for at the start."""
        await self._until_ready()
        start = self._options.start
        if start == "live":
            self._restore(Return(None, paused=False))
        else:
            self._restore(Return(0, paused=start == "paused"))

    def _restore(self, default: Return) -> None:
        """Set cursor, pause and gains: what was asked for meanwhile goes before `default`."""
        seek, pause = self._call.head.seek, self._call.head.pause
        self._call.opened = True
        for party in self._call.gains_db:
            self._send(self._call.gain_commands(party))
        if seek is not None:
            position_ms = None if seek.to_end else seek.position_ms
        else:
            position_ms = default.position_ms
        if position_ms is None:
            self.handle(ScrubToEnd())
        elif position_ms or self._call.head.confirmed_ms(time.monotonic()):
            self.handle(Scrub(position_ms))
        status = self._call.head.status
        if not (default.paused if pause is None else pause.paused):
            self.handle(Resume())
        elif status is not None and not status.paused:
            self.handle(Pause())
        self._say("" if status is not None else NO_STATUS)

    async def _until_ready(self) -> None:
        """Return when a status has come and every announced track really receives packets."""
        self._say("waiting for the call's sound")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_WAIT_S):
                await self._first_status.wait()
        since_s = time.monotonic()
        while not self._all_tracks_here():
            if time.monotonic() - since_s > NO_TRACKS_S:
                since_s = time.monotonic()
                self._say("No sound of the call has come yet; still waiting.")
            if self._room_closed.is_set():
                raise UnreachableError(
                    "The room was closed before its sound came.", "Try again in a moment."
                )
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLOW_WAIT_S):
                while not await self._packets_flow():
                    await asyncio.sleep(0.02)

    def _all_tracks_here(self) -> bool:
        """Two named parties are all there are; else wait until no more tracks turn up."""
        parties = self._sound.parties
        if self._room is None or not parties:
            return False
        if "caller" in parties and "callTaker" in parties:
            return True
        quiet = time.monotonic() - self._track_s > TRACKS_QUIET_S
        return quiet and len(self._sound.track_ids) >= self._room.audio_tracks_announced()

    async def _packets_flow(self) -> bool:
        await self._read_counters()
        return all(self._path.flows(track_id) for track_id in self._sound.track_ids)

    async def _describe(self, access: Access) -> None:
        """Tell what the incident is; the call plays without it if it cannot be had."""
        try:
            self._teller.incident(await access.incident(self._options.incident_id))
        except CallplayerError as error:
            LOG.info("no incident details: %s", error.what)

    # --- requests and commands --------------------------------------------------------------------

    def handle(self, request: m.Request) -> None:
        """Obey one request and tell the state that follows from it."""
        if isinstance(request, m.Quit):
            self._quit.set()
            return
        if isinstance(request, m.RetryNow):
            self._retry.set()
            return
        if self._care.takes(request):
            return
        party = getattr(request, "callerType", None)
        if party is not None and self._sound.parties and party not in self._sound.parties:
            self._teller.tell(
                m.ErrorEvent(
                    code="bad-request",
                    message=f"This call has no party named {party}.",
                    hint=f"It has: {', '.join(self._sound.parties)}.",
                )
            )
            return
        self._send(self._call.obey(request, time.monotonic(), self._teller.delays()))
        self._apply_mix()
        self._move_gate()
        self._teller.state()

    def _send(self, commands: list[Command]) -> None:
        """Put commands on their way. Before the call is open, the cursor's wishes are only kept."""
        for command in commands:
            if not self._call.opened and not isinstance(command, SetGain):
                continue
            self._sender.offer(command)

    # --- what the room tells ----------------------------------------------------------------------

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """Pass a frame to its lane, the gate set right before it. Not on the loop's thread."""
        with self._sound.lock:
            self._move_gate()
            self._sound.push(track_id, pcm)

    def on_track(self, track_id: str, party: Party) -> None:
        """A party's track has come."""
        self._track_s = time.monotonic()
        self._sound.add(track_id, party)
        self._apply_mix()
        self._teller.state()

    def on_track_gone(self, track_id: str) -> None:
        """A track has ended."""
        self._sound.remove(track_id)
        self._teller.state()

    def on_payload(self, payload: bytes) -> None:
        """Take a status; anything else is logged without its text and left."""
        try:
            status = decode_status(payload)
        except WireError as error:
            LOG.info("a data message was ignored: %s", error)
            return
        now_s = time.monotonic()
        if self._call.head.status is None and self._call.opened:
            self._call.detail = ""
        if self._call.take_status(status, now_s, self._teller.delays()):
            self._turning = asyncio.create_task(self._turn_over(now_s))
        self._first_status.set()
        self._teller.state_soon()

    def on_link(self, up: bool) -> None:
        """The SDK lost the connection, or has it back: then the server has played on unheard."""
        if not up:
            # Sending waits for as long as the SDK reconnects; what is asked meanwhile is a wish.
            self._sender.use(None)
            self._call.lose_link(time.monotonic(), self._teller.delays())
            self._say("The connection broke; it is being restored.")
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(SDK_PATIENCE_S, self.on_closed, "no patience left")
            return
        self._lose_patience_no_more()
        self._sender.use(self._room)
        self._call.link_up, self._call.lost_at_s = True, None
        if self._call.opened:
            self._restore(self._call.to_restore(time.monotonic()))

    def _lose_patience_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def on_closed(self, reason: str) -> None:
        """The room is gone; `_play` comes back by itself."""
        LOG.warning("the room is given up: %s", reason)
        self._lose_patience_no_more()
        self._sender.use(None)
        self._call.lose_link(time.monotonic(), self._teller.delays())
        self._room_closed.set()
        self._say("The room is gone; joining again.")

    # --- sound ------------------------------------------------------------------------------------

    def _move_gate(self) -> None:
        # Asked and set at one stroke: a frame that comes just now must not open it again.
        with self._sound.lock:
            may = self._call.may_be_heard(time.monotonic())
            if may != self._sound.gate_open:
                self._sound.set_gate(may)

    def _apply_mix(self) -> None:
        self._sound.set_silenced(p for p in self._sound.parties if self._call.is_silenced(p))

    async def _turn_over(self, confirmed_s: float) -> None:
        """Look how long the receive path is right now: it may have changed since the last look."""
        await self._read_counters()
        self._call.turn_over(confirmed_s, self._path.turnover_ms(confirmed_s))

    async def _measure(self) -> None:
        """Look at the receive path, often while it changes, and at what all comes to each second.

        A look has the SDK gather and pass on statistics of every kind: that is not for nothing.
        """
        told_s = time.monotonic()
        while True:
            due_s = max(told_s + STATS_S - time.monotonic(), 0.0)
            await asyncio.sleep(min(due_s, STEADY_PATH_S) if self._path.steady else PATH_S)
            await self._read_counters()
            if time.monotonic() - told_s < STATS_S - PATH_S / 2:
                continue
            told_s = time.monotonic()
            self._teller.stats()
            if self._call.head.wants_paused():
                gc.collect()

    async def _read_counters(self) -> None:
        for track_id in self._sound.track_ids:
            counters = await self._room.counters(track_id) if self._room else None
            if counters is not None:
                self._path.take(track_id, counters)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            self._sender.flush_due()
            if self._call.link_up:
                self._call.head = heads.give_up(self._call.head, now_s)
            self._teller.levels()
            if self._teller.is_due or now_s - self._teller.told_s >= STATE_S:
                self._teller.state()

    def _fail(self, error: CallplayerError) -> int:
        self._call.failed = True
        self._say(error.what)
        return self._teller.failure(error)

    def _say(self, detail: str) -> None:
        self._call.detail = detail
        self._teller.state()

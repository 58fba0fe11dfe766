"""The engine: one call, from sign-in to bye. It alone owns the state.

Requests come in through `handle`, events go out through `tell`; both on one asyncio loop. What the
rules are stands in playhead, gate, outbox and receive; here they meet the room and the sound.
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

from callplayer.config import Settings, check_url
from callplayer.engine import gate as gates
from callplayer.engine import messages as m
from callplayer.engine import playhead as heads
from callplayer.engine.access import Access
from callplayer.engine.outbox import Outbox
from callplayer.engine.receive import ReceivePath
from callplayer.engine.room import RATE_HZ, Room
from callplayer.engine.sound import Sound
from callplayer.errors import (
    EXIT_DONE,
    CallplayerError,
    IncidentNotFoundError,
    SignInRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.wire import (
    GAIN_MAX_DB,
    GAIN_MIN_DB,
    Command,
    Incident,
    Party,
    Pause,
    Resume,
    Scrub,
    ScrubToEnd,
    SetGain,
    WireError,
    decode_status,
    encode_command,
)

LOG = logging.getLogger(__name__)

TICK_S = 0.05
STATS_S = 1.0
STATE_S = 0.5
STATUS_WAIT_S = 2.0
TRACKS_QUIET_S = 0.3
FLOW_WAIT_S = 1.5
BACKOFF_S = (0.5, 10.0)
STREAM_SCHEMES = {"wss": True, "https": True, "ws": False, "http": False}


@dataclass(frozen=True)
class EngineOptions:
    """How a call is to be opened: `start` says what is done once everything is ready."""

    incident_id: str
    start: m.Start = "play"
    no_audio: bool = False


class Engine:
    """Plays one incident. Run it once; `handle` requests while it runs."""

    def __init__(
        self, settings: Settings, options: EngineOptions, tell: Callable[[m.Event], None]
    ) -> None:
        self._settings = settings
        self._options = options
        self._tell = tell
        self._sound = Sound(RATE_HZ, settings.output_device, no_audio=options.no_audio)
        self._room: Room | None = None
        self._head = heads.Playhead()
        self._gate = gates.Gate()
        self._outbox = Outbox()
        self._path = ReceivePath()
        self._outgoing: asyncio.Queue[Command] = asyncio.Queue()
        self._gains_db: dict[Party, float] = {}
        self._muted: set[Party] = set()
        self._soloed: set[Party] = set()
        self._levels: dict[Party, m.PartyLevel] = {}
        self._link_up = False
        self._opened = False
        self._track_s = 0.0
        self._received_frames = 0
        self._first_status = asyncio.Event()
        self._room_closed = asyncio.Event()
        self._quit = asyncio.Event()
        self._detail = "signing in"
        self._told_s = 0.0
        self._stats_s = 0.0
        self._device_lost = False

    # --- life -------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Play until quit; return the exit code. Errors are told as events, never raised."""
        gc.freeze()
        exit_code = EXIT_DONE
        self._tell_state()
        helpers = [asyncio.create_task(self._tick()), asyncio.create_task(self._send_outgoing())]
        playing = asyncio.create_task(self._play())
        quitting = asyncio.create_task(self._quit.wait())
        try:
            await asyncio.wait({playing, quitting}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                await playing
        except CallplayerError as error:
            exit_code = error.exit_code
            self._tell_error(error, exit_code)
        except Exception:
            LOG.exception("the engine failed")
            exit_code = CallplayerError.exit_code
            self._tell_error(CallplayerError("The player met an error of its own."), exit_code)
        finally:
            for task in (playing, quitting, *helpers):
                task.cancel()
            await asyncio.gather(playing, quitting, *helpers, return_exceptions=True)
            self._sound.set_gate(False)
            await self._leave()
            await self._sound.close()
        self._tell(m.ByeEvent(exit_code=exit_code))
        return exit_code

    async def _play(self) -> None:
        opening_sound = asyncio.create_task(self._sound.open())
        try:
            async with Access(self._settings) as access:
                describing = asyncio.create_task(self._describe(access))
                try:
                    await self._join(access)
                    await opening_sound
                    await self._begin()
                    while True:
                        await self._room_closed.wait()
                        await self._rejoin(access)
                finally:
                    describing.cancel()
        finally:
            opening_sound.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallplayerError):
                await opening_sound

    async def _join(self, access: Access) -> None:
        """Get a token and join its room; the last room is left first."""
        await self._leave()
        grant = await access.stream_grant(self._options.incident_id, autoplay=False)
        url = grant.url or self._settings.stream_url
        if not url:
            raise UsageError(
                "The API names no room server and none is set.",
                "Set CALLPLAYER_STREAM_URL to the address the vendor gave you.",
            )
        url = check_url(url, STREAM_SCHEMES, "stream_url")
        self._say("joining the room")
        self._room_closed.clear()
        self._first_status.clear()
        self._room = Room(self)
        await self._room.connect(url, grant.token)
        self._link_up = True

    async def _rejoin(self, access: Access) -> None:
        """Come back after the SDK has given up, however long it takes."""
        self._link_up = False
        heard_ms = self._shown_ms(time.monotonic())
        was_paused = self._head.wants_paused()
        attempt = 0
        while True:
            try:
                await self._join(access)
                break
            except SignInRefusedError:
                raise
            except (UnreachableError, IncidentNotFoundError) as error:
                low_s, high_s = BACKOFF_S
                wait_s = min(high_s, low_s * 2**attempt) * random.uniform(0.7, 1.0)  # noqa: S311
                attempt += 1
                self._say(f"{error.what} Trying again in {wait_s:.0f} s.")
                await asyncio.sleep(wait_s)
        wish = self._head.requested_ms(time.monotonic())
        self._head = heads.Playhead()
        await self._until_ready()
        for party, gain_db in self._gains_db.items():
            self._set_gain(party, gain_db)
        self._seek(heard_ms if wish is None else wish)
        if not was_paused:
            self._resume()
        self._tell_state()

    async def _leave(self) -> None:
        room, self._room = self._room, None
        self._path.forget()
        if room is not None:
            await room.close()

    async def _begin(self) -> None:
        """Wait until nothing of the call can be missed, then do what was asked for at the start."""
        await self._until_ready()
        self._opened = True
        now_s = time.monotonic()
        wished_ms, wished_pause = self._head.requested_ms(now_s), self._head.pause
        if self._options.start == "live":
            self._seek_to_end()
        elif wished_ms is not None:
            self._seek(wished_ms)
        if wished_pause is None and self._options.start == "paused":
            self._say("")
            return
        if wished_pause is None or not wished_pause.paused:
            self._resume()
        self._say("")

    async def _until_ready(self) -> None:
        """Return when a status has come and every announced track really receives packets."""
        self._say("waiting for the call's sound")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_WAIT_S):
                await self._first_status.wait()
        while not self._all_tracks_here():
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLOW_WAIT_S):
                while not await self._packets_flow():
                    await asyncio.sleep(0.02)

    def _all_tracks_here(self) -> bool:
        """Two named parties are all there are; else wait until no more tracks turn up."""
        if self._room is None or not self._sound.parties:
            return False
        if {"caller", "callTaker"} <= set(self._sound.parties):
            return True
        quiet = time.monotonic() - self._track_s > TRACKS_QUIET_S
        return quiet and len(self._sound.track_ids) >= self._room.audio_tracks_announced()

    async def _packets_flow(self) -> bool:
        await self._measure_path()
        return all(self._path.flows(track_id) for track_id in self._sound.track_ids)

    async def _describe(self, access: Access) -> None:
        """Tell what the incident is; the call plays without it if it cannot be had."""
        try:
            self._tell(_incident_event(await access.incident(self._options.incident_id)))
        except CallplayerError as error:
            LOG.info("no incident details: %s", error.what)

    # --- requests ---------------------------------------------------------------------------------

    def handle(self, request: m.Request) -> None:  # noqa: C901, PLR0912 - one arm a request
        """Obey one request and tell the state that follows from it."""
        match request:
            case m.Quit():
                self._quit.set()
                return
            case m.TogglePause():
                self._resume() if self._head.wants_paused() else self._pause()
            case Pause():
                self._pause()
            case Resume():
                self._resume()
            case Scrub(position=position_ms):
                self._seek(position_ms)
            case m.SeekBy(offset_ms=offset_ms):
                now_s = time.monotonic()
                wish_ms = self._head.requested_ms(now_s)
                self._seek((self._shown_ms(now_s) if wish_ms is None else wish_ms) + offset_ms)
            case ScrubToEnd():
                self._seek_to_end()
            case m.SetGain(gain=gain_db, callerType=party):
                self._set_gain(party, gain_db)
            case m.AdjustGain(delta_db=delta_db, callerType=party):
                self._set_gain(party, self._gains_db.get(party, 0.0) + delta_db)
            case m.Mute(callerType=party):
                self._muted.add(party)
            case m.Unmute(callerType=party):
                self._muted.discard(party)
            case m.Solo(callerType=party):
                self._soloed.add(party)
            case m.Unsolo(callerType=party):
                self._soloed.discard(party)
        self._sound.set_silenced(party for party in self._sound.parties if self._is_silenced(party))
        self._tell_state()

    def _pause(self) -> None:
        now_s = time.monotonic()
        was_playing = self._head.advancing() and not self._head.wants_paused()
        heard_ms = self._shown_ms(now_s) + round(self._sound.device_latency_ms)
        self._head = heads.ask_paused(self._head, True, now_s)
        self._close_gate(now_s)
        self._send(Pause())
        if was_playing and self._head.seek is None:
            # The server is ahead of the ear. What it sent and nobody heard must not be lost: the
            # cursor goes back to where the sound broke off.
            self._seek(heard_ms)

    def _resume(self) -> None:
        self._head = heads.ask_paused(self._head, False, time.monotonic())
        self._send(Resume())
        self._move_gate()

    def _seek(self, position_ms: int) -> None:
        now_s = time.monotonic()
        if self._head.status is not None:
            position_ms = min(position_ms, self._head.duration_ms(now_s))
        position_ms = max(position_ms, 0)
        self._head = heads.ask_position(self._head, position_ms, now_s)
        self._close_gate(now_s)
        self._send(Scrub(position_ms))

    def _seek_to_end(self) -> None:
        now_s = time.monotonic()
        self._head = heads.ask_end(self._head, now_s)
        self._close_gate(now_s)
        self._send(ScrubToEnd())

    def _set_gain(self, party: Party, gain_db: float) -> None:
        gain_db = round(min(max(gain_db, GAIN_MIN_DB), GAIN_MAX_DB), 2)
        self._gains_db[party] = gain_db
        if party == "call":
            # Both parties are in one track; the server knows them by their own names only.
            self._send(SetGain(gain_db, "caller"))
            self._send(SetGain(gain_db, "callTaker"))
        else:
            self._send(SetGain(gain_db, party))

    def _send(self, command: Command) -> None:
        """Put a command on its way; before the call is open, what is wished is kept for later."""
        if not self._opened and not isinstance(command, SetGain):
            return
        ready = self._outbox.offer(command, time.monotonic())
        if ready is not None:
            self._outgoing.put_nowait(ready)

    async def _send_outgoing(self) -> None:
        while True:
            command = await self._outgoing.get()
            while not (self._room and self._link_up):
                await asyncio.sleep(0.02)
            try:
                await self._room.send(encode_command(command))
            except UnreachableError as error:
                LOG.warning("%s not sent: %s", type(command).__name__, error.what)

    # --- what the room tells ----------------------------------------------------------------------

    def on_frame(self, track_id: str, party: Party, pcm: npt.NDArray[np.int16]) -> None:
        """Pass a frame to its lane, the gate set right before it."""
        self._received_frames += len(pcm)
        self._move_gate()
        self._sound.push(track_id, pcm)

    def on_track(self, track_id: str, party: Party) -> None:
        """A party's track has come."""
        self._track_s = time.monotonic()
        self._sound.add(track_id, party)
        self._gains_db.setdefault(party, 0.0)
        self._tell_state()

    def on_track_gone(self, track_id: str) -> None:
        """A track has ended."""
        self._sound.remove(track_id)
        self._tell_state()

    def on_payload(self, payload: bytes) -> None:
        """Take a status; anything else is logged by its size and left."""
        try:
            status = decode_status(payload)
        except WireError as error:
            LOG.info("a data message was ignored: %s", error)
            return
        now_s = time.monotonic()
        self._head = heads.take_status(self._head, status, now_s)
        if self._head.seek is None and self._head.pause is None:
            self._gate = gates.confirm_move(self._gate, now_s, self._path.turnover_ms / 1000)
        self._first_status.set()
        self._tell_state()

    def on_link(self, up: bool) -> None:
        """The SDK lost the connection, or has it back."""
        self._link_up = up
        self._say("" if up else "the connection broke; the SDK restores it")

    def on_closed(self, reason: str) -> None:
        """The room is gone; `_play` comes back by itself."""
        LOG.warning("the room was closed: %s", reason)
        self._link_up = False
        self._room_closed.set()
        self._say("the room was closed; joining again")

    # --- gate -------------------------------------------------------------------------------------

    def _close_gate(self, now_s: float) -> None:
        self._gate = gates.ask_move(self._gate, now_s)
        self._sound.set_gate(False)

    def _move_gate(self) -> None:
        may = not self._head.wants_paused() and gates.may_open(self._gate, time.monotonic())
        if may != self._sound.gate_open:
            self._sound.set_gate(may)

    # --- telling ----------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            for command in self._outbox.due(now_s):
                self._outgoing.put_nowait(command)
            self._head = heads.give_up(self._head, now_s) if self._link_up else self._head
            self._tell_levels(now_s)
            if now_s - self._told_s >= STATE_S:
                self._tell_state()
            if now_s - self._stats_s >= STATS_S:
                self._stats_s = now_s
                await self._measure_path()
                await self._keep_device()
                self._tell_stats()
                if self._head.wants_paused():
                    gc.collect()

    async def _keep_device(self) -> None:
        if not self._opened:
            return
        lost = await self._sound.keep_alive()
        if lost is not None:
            self._device_lost = True
            self._tell(
                m.ErrorEvent(
                    code="device-lost", message=lost, hint="It is opened again when it is back."
                )
            )
        elif self._device_lost and self._sound.ready:
            self._device_lost = False
            self._tell_state()

    async def _measure_path(self) -> None:
        room = self._room
        for track_id in self._sound.track_ids:
            if room is not None:
                self._path.take(track_id, await room.counters(track_id))

    def _phase(self) -> m.Phase:
        head, status = self._head, self._head.status
        if self._opened and not self._link_up:
            return "reconnecting"
        if not self._opened or status is None:
            return "connecting"
        at_end = status.at_end and head.seek is None
        if at_end and status.call_over:
            return "at-end"
        if head.wants_paused():
            return "paused"
        return "live" if at_end else "playing"

    def _shown_ms(self, now_s: float) -> int:
        """Return the position that is heard, or that playing will go on from."""
        return self._head.audible_ms(now_s, self._path.delay_ms + self._sound.delay_ms)

    def _is_silenced(self, party: Party) -> bool:
        return party in self._muted or bool(self._soloed and party not in self._soloed)

    def _tell_state(self) -> None:
        now_s = self._told_s = time.monotonic()
        head, status = self._head, self._head.status
        self._tell(
            m.StateEvent(
                phase=self._phase(),
                position_ms=head.confirmed_ms(now_s),
                audible_ms=self._shown_ms(now_s),
                duration_ms=head.duration_ms(now_s),
                paused=head.wants_paused(),
                at_end=bool(status and status.at_end),
                call_over=bool(status and status.call_over),
                requested_ms=head.requested_ms(now_s),
                unconfirmed_s=round(head.unconfirmed_s(now_s), 3),
                advancing=self._link_up and head.advancing() and not head.wants_paused(),
                as_of_s=now_s,
                parties=tuple(self._party_state(party) for party in self._sound.parties),
                device=self._sound.device_name,
                detail=self._detail,
            )
        )

    def _party_state(self, party: Party) -> m.PartyState:
        level = self._levels.get(party)
        return m.PartyState(
            party=party,
            gain_db=self._gains_db.get(party, 0.0),
            muted=party in self._muted,
            soloed=party in self._soloed,
            silenced=self._is_silenced(party),
            level_db=level.rms_db if level else m.LEVEL_FLOOR_DB,
        )

    def _tell_levels(self, now_s: float) -> None:
        levels = {
            party: m.PartyLevel(
                party=party,
                rms_db=round(level.rms_db, 1),
                peak_db=round(level.peak_db, 1),
                hold_db=round(level.hold_db, 1),
            )
            for party, level in self._sound.levels(now_s).items()
        }
        if levels and levels != self._levels:
            self._levels = levels
            self._tell(m.LevelsEvent(levels=tuple(levels.values())))

    def _tell_stats(self) -> None:
        sound, path = self._sound, self._path
        self._tell(
            m.StatsEvent(
                underruns=sound.underruns,
                buffer_ms=round(sound.buffer_ms, 2),
                target_ms=round(sound.target_ms, 2),
                device_latency_ms=round(sound.device_latency_ms, 2),
                received_frames=self._received_frames,
                trimmed_frames=sound.trimmed_frames,
                concealed_ms=round(path.concealed_ms, 1),
                jitter_buffer_ms=round(path.jitter_buffer_ms, 1),
                drift_ppm=round(sound.drift_ppm, 1),
                callback_p99_ms=round(sound.callback_p99_ms, 3),
            )
        )

    def _tell_error(self, error: CallplayerError, exit_code: int) -> None:
        self._tell(
            m.ErrorEvent(code=error.code, message=error.what, hint=error.hint, exit_code=exit_code)
        )

    def _say(self, detail: str) -> None:
        self._detail = detail
        self._tell_state()


def _incident_event(incident: Incident) -> m.IncidentEvent:
    place = ""
    if incident.latitude is not None and incident.longitude is not None:
        place = f"{incident.latitude:.5f}, {incident.longitude:.5f}"
    return m.IncidentEvent(
        id=incident.id,
        caller_phone_number=incident.caller_phone_number,
        is_audio_live=incident.is_audio_live,
        created_at=incident.created_at.isoformat() if incident.created_at else None,
        location=place,
    )

"""The engine: one call, from sign-in to bye. It alone owns the state.

Requests come in through `handle`, events go out through `emit`, both on one asyncio loop. The rules
stand in `engine/cursor`; here they meet the source and the sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from callplayer.config import Settings
from callplayer.engine.audio.onset import Onset
from callplayer.engine.cursor.call_state import ResumePoint
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import RATE_HZ, ReceivePath
from callplayer.engine.session.device.device_manager import DeviceManager
from callplayer.engine.session.make_source import MakeSource, make_source
from callplayer.engine.session.options import EngineOptions
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.clip_maker import FetchLimits
from callplayer.engine.session.recall.recall import Recall
from callplayer.engine.session.refill import await_refill
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import LocalPath, PathReadings
from callplayer.errors import EXIT_DONE, CallplayerError, SoundDeviceHangsError
from callplayer.ipc import messages as m
from callplayer.preferences import keep_output_device, read_output_device
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.status import Status

LOG = logging.getLogger(__name__)

TICK_S = 0.05
PATH_S = 0.25
STEADY_PATH_S = 1.0
STATS_S = 1.0
STATE_S = 0.5
NO_SERVER = "This is a recording played without a server: there is nothing to reconnect."
NO_STATUS = "The server does not say where the call is; the place shown goes by the clock."


class Engine:
    """Plays one incident. Run it once; `handle` requests while it runs.

    `call` is the state of a call that has not begun (None: a new one), `sound` what it is heard on,
    `open_source` makes where its sound comes from.
    """

    def __init__(
        self,
        settings: Settings,
        options: EngineOptions,
        emit: Callable[[m.Event], object],
        *,
        call: PlaybackState | None = None,
        sound: AudioPipeline | None = None,
        open_source: MakeSource = make_source,
        fetch_limits: FetchLimits | None = None,
    ) -> None:
        self._options = options
        self._call = call or PlaybackState()
        self._sound = sound or AudioPipeline(RATE_HZ, no_audio=options.no_audio)
        path: PathReadings = LocalPath() if options.recording else ReceivePath()
        self._reporter = Reporter(emit, self._call, self._sound, path)
        self._source = open_source(
            settings,
            options.incident_id,
            recording=options.recording,
            call=self._call,
            reporter=self._reporter,
            path=path,
            host=self,
        )
        self._recall = self._reporter.recall = Recall(
            self._call,
            self._sound,
            path,
            self._reporter,
            settings,
            obey=self.obey,
            send=self._send,
            excerpt=self._source.excerpt,
            fetch_limits=fetch_limits,
        )
        self._care = DeviceManager(
            self._sound,
            self._call,
            self._reporter,
            self._send,
            settings,
            lasting=read_output_device(),
            keep=keep_output_device,
            silent=options.silent_without_device,
        )
        self._onset = Onset()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quit = asyncio.Event()
        self._ending = False
        self._turning: asyncio.Task[None] | None = None

    # --- life -------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Play until quit; return the exit code. Errors are emitted as events, never raised."""
        self._loop = loop = asyncio.get_running_loop()
        gc.freeze()
        gc.disable()
        self._sound.channels.on_layout = lambda: loop.call_soon_threadsafe(self.on_tracks)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(work())
            for work in (self._play, self._quit.wait, self._tick, self._measure)
        ]
        tasks.append(asyncio.create_task(self._care.run(waiting=self._options.waits)))
        exit_code = EXIT_DONE
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SoundDeviceHangsError as error:
            exit_code = self._reporter.failure(error)  # no state: the screen brings it all back
        except CallplayerError as error:
            exit_code = self._fail(error)
        except Exception:
            LOG.exception("the engine failed")
            exit_code = self._fail(CallplayerError("The player met an error of its own."))
        finally:
            await self._end(tasks)
        self._reporter.emit(m.ByeEvent(exit_code=exit_code))
        return exit_code

    async def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Let the sound fade out, leave the room, close the device."""
        self._reporter.quiet = True
        self._ending = True
        self._move_gate()
        self._recall.fade_out()
        faded_s = time.monotonic() + self._sound.fade_s
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()
        self._care.stop()
        await self._recall.close()
        await asyncio.sleep(max(faded_s - time.monotonic(), 0.0))
        with contextlib.suppress(SoundDeviceHangsError):
            await self._sound.close()

    async def _play(self) -> None:
        opening_sound = asyncio.create_task(self._open_sound())
        try:
            await self._source.open()
            await opening_sound
            await self._source.until_ready()
            # What was typed meanwhile goes before what was to be done at the start.
            self.restore(self._call.start_point(self._options.start))
            await self._source.run()
        finally:
            opening_sound.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallplayerError):
                await opening_sound

    async def _open_sound(self) -> None:
        if not self._options.waits:
            await self._care.open_first()

    def restore(self, back: ResumePoint) -> None:
        """Set cursor, pause and gains at a server that has just come, or come back.

        The state is emitted once, at the end: what the call is on the way there does not last.
        """
        self._call.opened = True
        status = self._call.head.status
        self._send(self._call.mix.to_restore())
        if self._recall.restore():
            self.say("")
            return
        if back.rests and not back.paused:
            self.obey(Pause())  # the resume waits for the end of what comes
        if back.stays:
            pass
        elif back.position_ms is None:
            self.obey(ScrubToEnd())
        elif back.moved or back.position_ms or self._call.head.confirmed_ms(time.monotonic()):
            self.obey(Scrub(back.position_ms))
        if not back.paused:
            if not self._care.handle(Resume()):
                self.obey(Resume())
            if not (back.stays or self._sound.channels.track_ids):
                self._call.return_ms = back.position_ms
        elif status is not None and not status.paused:
            self.obey(Pause())  # not asked for by a key: a call that is held stays held
        else:
            self._call.stay_paused(time.monotonic())
        self.say("" if status is not None else NO_STATUS)

    # --- requests and commands --------------------------------------------------------------------

    def handle(self, request: m.Request) -> None:
        """Obey one request and emit the state that follows from it."""
        if isinstance(request, m.Quit):
            self._quit.set()
            return
        if isinstance(request, m.RetryNow):
            if not self._source.retry_now():
                self._reporter.error("no-server", NO_SERVER, "It plays on by itself.")
            return
        if self._care.handle(request) or self._recall.take(request):
            return
        self.obey(request)
        self._reporter.state()

    def wants_sound(self) -> bool:
        """Return whether the call is to play, now or once it is open."""
        call = self._call
        return not (
            call.head.wants_paused()
            if call.opened
            else call.start_point(self._options.start).paused
        )

    def obey(self, request: m.Request) -> None:
        """Have the call do what is asked, and send what follows from it."""
        self._call.trackless = not self._sound.channels.track_ids
        commands = self._call.apply(request, time.monotonic(), self._reporter.delays())
        self._apply_mix()
        self._move_gate()  # before the source answers: what is in the ring now is old
        self._send(commands)

    def _send(self, commands: Sequence[Command]) -> None:
        """Put commands on their way. Before the call is open, wishes are only kept."""
        if self._call.opened:
            self._source.send(commands)

    def send_due(self) -> None:
        """Send what the rules want sent by now, as long as it can go out."""
        if self._source.accepts_commands:
            self._send(self._call.due(time.monotonic(), self._reporter.delays()))
            self._move_gate()

    # --- what the source reports ------------------------------------------------------------------

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """Pass a frame to its lane, the gate set right before it. Not on the loop's thread."""
        with self._sound.channels.lock:
            self._move_gate()
            self._sound.channels.push(track_id, pcm)
            began = self._onset.take(pcm, time.monotonic())
        if began and self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_sound, time.monotonic())

    def _on_sound(self, now_s: float) -> None:
        """Sound has begun to come in after silence: evidence that the source plays."""
        self._call.take_sound(now_s, self._reporter.delays())
        self._reporter.request_state()

    def on_tracks(self) -> None:
        """A track has come, ended, or turned out to carry other parties.

        What is muted here from now on is silent before the server gives it its volume back.
        """
        commands = self._call.mix.take_tracks(self._sound.channels.layout.carries, time.monotonic())
        self._recall.recorder.take_tracks()
        self._apply_mix()
        self._send(commands)
        self._reporter.state()

    def on_status(self, status: Status, now_s: float) -> None:
        """Take a status."""
        if self._call.head.status is None and self._call.opened:
            self._call.detail = ""
        if self._call.take_status(status, now_s, self._reporter.delays()):
            self._turning = asyncio.create_task(self._turn_over(now_s))
        self.send_due()
        self._reporter.request_state()

    # --- sound ------------------------------------------------------------------------------------

    def _move_gate(self) -> None:
        # Asked and set under one lock: a frame that comes just now must not open it again.
        with self._sound.channels.lock:
            may = not self._ending and self._call.may_be_heard(time.monotonic())
            if may != self._sound.channels.gate_open:
                self._sound.channels.set_gate(may)
                if not may:
                    self._recall.recorder.close()

    def _apply_mix(self) -> None:
        self._sound.channels.set_silenced(self._call.mix.silenced_parts(time.monotonic()))
        self._recall.take_gains()

    async def _turn_over(self, confirmed_s: float) -> None:
        """Look how long the receive path is right now: it may have changed since the last look."""
        await self._source.measure()
        looked_s = time.monotonic()
        self._call.turn_over(confirmed_s, self._source.path.turnover_ms(confirmed_s))
        await await_refill(self._call, self._source, confirmed_s, looked_s, self._move_gate)

    async def _measure(self) -> None:
        """Look at the receive path, often while it changes, and at what all comes to each second.

        A look has the SDK gather and pass on statistics of every kind: that is not for nothing.
        """
        emitted_s = time.monotonic()
        while True:
            due_s = max(emitted_s + STATS_S - time.monotonic(), 0.0)
            steady = self._source.path.steady and not self._source.watchful
            await asyncio.sleep(min(due_s, STEADY_PATH_S) if steady else PATH_S)
            await self._source.measure()
            now_s = time.monotonic()
            self._source.check(now_s)
            self._recall.recorder.take_losses(now_s)
            if time.monotonic() - emitted_s < STATS_S - PATH_S / 2:
                continue
            emitted_s = time.monotonic()
            self._reporter.stats()
            if self._call.is_silent():
                gc.collect()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            self._care.turn(now_s)
            self._recall.recorder.take_turn(now_s)
            self._source.tick()
            self.send_due()
            self._apply_mix()
            self._recall.tick(now_s)
            self._reporter.levels()
            if self._reporter.is_dirty or now_s - self._reporter.emitted_s >= STATE_S:
                self._reporter.state()

    def _fail(self, error: CallplayerError) -> int:
        self._call.failed = True
        self.say(error.what)
        return self._reporter.failure(error)

    def say(self, detail: str) -> None:
        """Emit the state with `detail`: what goes on, in words."""
        self._call.detail = detail
        self._reporter.state()

"""A recording played in this process as the source of a call: no server, no network.

The cursor, gains and statuses are the contract's own, by the same player as a replay service's. A
thread hands frames over by the monotonic clock, silence too: a lane keeps its level that way.
Nothing stands between cursor and lane, so what was sent before a jump is gone at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.session.file_excerpt import FileExcerpt
from callplayer.engine.session.file_words import publish_words
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import LocalPath, SoundExcerpt, SourceHost
from callplayer.engine.transcript.word_reporter import WordReporter
from callplayer.errors import UsageError
from callplayer.playback.cursor import CallExtent
from callplayer.playback.player import StreamPlayer
from callplayer.playback.turns import turns_of
from callplayer.recordings.containers.streamed import StreamedSound
from callplayer.recordings.named_file import check_file, incident_id
from callplayer.recordings.recording import parties_of, read_beside, start_of_call
from callplayer.recordings.samples import SAMPLE_RATE_HZ, Samples
from callplayer.recordings.words import CallTimes
from callplayer.vendor.commands import Command, SetGain
from callplayer.vendor.http import Incident
from callplayer.vendor.parties import Channel, TrackNames
from callplayer.vendor.status import Status
from callplayer.vendor.transcript import Word

LOG = logging.getLogger(__name__)

FRAME_FRAMES = SAMPLE_RATE_HZ // 100
FRAME_S = FRAME_FRAMES / SAMPLE_RATE_HZ
MOST_LATE_S = 0.1
"""A machine that stood still for longer has not played meanwhile: the call goes on from there."""

STATUS_S = 0.5


@dataclass(frozen=True)
class _CallSound:
    """The file as the player reads it: all of a call of the past."""

    sound: StreamedSound

    def at(self, _now_s: float) -> CallExtent:
        return CallExtent(self.sound.frames)

    def read(self, start: int, frames: int) -> Samples:
        return self.sound.read(start, frames)


@dataclass(frozen=True)
class _Opened:
    sound: StreamedSound
    parties: tuple[Channel, ...]


class FileSource:
    """Plays the recording `path`. Frames come on a thread of its own, under `channels.lock`."""

    def __init__(
        self, path: Path, *, channels: ChannelBank, reporter: Reporter, host: SourceHost
    ) -> None:
        self._path = path
        self._channels = channels
        self._reporter = reporter
        self._host = host
        reporter.recording = path.name
        self._words = WordReporter(reporter.emit)
        reporter.said = lambda: self._words.transcript
        self._beside: list[asyncio.Task[None]] = []
        self._opened: _Opened | None = None
        self._player: StreamPlayer | None = None
        self._pacing: threading.Thread | None = None
        self._failed: asyncio.Future[None] | None = None
        self._ended = False
        self._rest: Samples | None = None
        self._status: Status | None = None
        self._status_s = 0.0

    # --- as a source ------------------------------------------------------------------------------

    path = LocalPath()
    accepts_commands = True
    watchful = False

    async def open(self) -> None:
        """Open the file; raise UsageError if it cannot be played."""
        self._host.say("opening the recording")
        self._opened = opened = await asyncio.to_thread(self._open)
        self._player = StreamPlayer(opened.parties, _CallSound(opened.sound), autoplay=False)
        self._player.begin(time.monotonic())
        for party in opened.parties:
            self._channels.add(party, TrackNames(party))
        self._host.on_tracks()
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()
        self._pacing = threading.Thread(target=self._pace, args=(loop,), name="player", daemon=True)
        self._pacing.start()
        self.tick()
        self._beside = [asyncio.create_task(work()) for work in (self._words.run, self._describe)]

    async def until_ready(self) -> None:
        """Return at once: frames come already."""

    async def run(self) -> None:
        """Wait; raise UsageError once the file cannot be read any more."""
        assert self._failed is not None
        await self._failed

    async def close(self) -> None:
        """Close the file."""
        self._ended = True
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        if self._pacing is not None:
            await asyncio.to_thread(self._pacing.join)
        if self._failed is not None and self._failed.done() and not self._failed.cancelled():
            self._failed.exception()  # so that asyncio does not log it as never retrieved
        if self._opened is not None:
            await asyncio.to_thread(self._opened.sound.close)

    def send(self, commands: Sequence[Command]) -> None:
        """Carry commands out at once; what comes of each is reported after what was asked."""
        player = self._player
        if player is None:
            return
        loop = asyncio.get_running_loop()
        for command in commands:
            now_s = time.monotonic()
            with self._channels.lock:
                status = player.obey(command, now_s)
                if not isinstance(command, SetGain):
                    # The gate has shut what is not heard yet of the block before.
                    self._rest = None
                    player.cut()
            loop.call_soon(self._publish, status, now_s)

    def tick(self) -> None:
        """Report the cursor now and then, and at once where it has come to the end."""
        if self._player is None or self._ended:
            return
        now_s = time.monotonic()
        status = self._player.status(now_s)
        if (
            self._status is None
            or status.at_end != self._status.at_end
            or now_s - self._status_s >= STATUS_S
        ):
            self._publish(status, now_s)

    async def measure(self) -> None:
        """Do nothing: there is no path."""

    async def sends_since(self, _since_s: float) -> bool:
        """Return True: frames come from where the cursor is."""
        return True

    def check(self, now_s: float) -> None:
        """Do nothing: a file is not lost."""

    def retry_now(self) -> bool:
        """Return False: there is no server to come back to."""
        return False

    def excerpt(self, start_ms: int, end_ms: int) -> SoundExcerpt | None:
        """Return a stretch of the file: nothing of it has to be played first."""
        if self._opened is None:
            return None
        return FileExcerpt(self._path, self._opened.parties, start_ms, end_ms)

    # --- within -----------------------------------------------------------------------------------

    def _open(self) -> _Opened:
        """Open the file, and decode its first second."""
        check_file(self._path)
        sound = StreamedSound(self._path)
        try:
            return _Opened(sound, parties_of(self._path, sound.channels))
        except UsageError:
            sound.close()
            raise

    async def _describe(self) -> None:
        """Publish what stands beside the file; what is wrong with it is no reason not to play."""
        path, opened = self._path, self._opened
        assert opened is not None
        beside = await asyncio.to_thread(read_beside, path, LOG.warning)
        began = start_of_call(path, opened.sound.file, beside)
        duration_s = opened.sound.frames / SAMPLE_RATE_HZ
        facts = beside.facts
        place = facts.caller_location
        self._reporter.incident(
            Incident(
                id=incident_id(path.name),
                caller_phone_number=facts.caller_phone_number,
                created_at=began,
                latitude=place.lat if place else None,
                longitude=place.lng if place else None,
            )
        )
        await publish_words(
            self._words, path, CallTimes(began, duration_s), beside.turns, self._take_turns
        )

    def _take_turns(self, words: Iterable[Word]) -> None:
        """Have a mixed sound as loud as was asked for the party that speaks."""
        player, opened = self._player, self._opened
        if player is not None and opened is not None and "call" in opened.parties:
            player.set_turns(turns_of(words))

    def _publish(self, status: Status, now_s: float) -> None:
        self._status, self._status_s = status, now_s
        self._host.on_status(status, now_s)

    def _pace(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand a frame over each 10 ms until `close`. A thread: no event is worth a gap.

        Where there is no frame to hand over the call ends, on `loop`: silence would be taken for
        that of the call.
        """
        due_s = time.monotonic()
        while not self._ended:
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            elif wait_s < -MOST_LATE_S:
                LOG.info("nothing was played for %.0f ms", -wait_s * 1000)
                due_s -= wait_s
            try:
                self._hand_over(due_s)
            except Exception as error:
                loop.call_soon_threadsafe(self._fail, error)
                return
            due_s += FRAME_S

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    def _hand_over(self, due_s: float) -> None:
        player, opened = self._player, self._opened
        assert player is not None
        assert opened is not None
        with self._channels.lock:
            frame, self._rest = self._rest, None
            if frame is None:
                # All samples of a frame are handed over at its beginning, and the ring counts the
                # time until each one's turn as waiting: half a frame on average. So the cursor is
                # taken that much further.
                block = player.next_block(due_s - FRAME_S / 2)
                frame, self._rest = block[:FRAME_FRAMES], block[FRAME_FRAMES:]
            for channel, party in enumerate(opened.parties):
                self._host.on_frame(party, frame[:, channel])

"""What comes of the call goes into the memory, with the place it has by the server's cursor."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from typing import NamedTuple

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.jitter_margin import FRAME_S
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.stretch import FRAMES_PER_MS, GainsDb
from callplayer.engine.room.receive_stats import DROPPED_LOOKS
from callplayer.engine.session.source import PathReadings
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.vendor.commands import GAIN_MIN_DB
from callplayer.vendor.parties import NEITHER, PARTIES, Carries

LOG = logging.getLogger(__name__)

PLACE_EVERY_FRAMES = 10
"""After how many frames of a lane the cursor is asked for the place again."""

GAIN_SOONEST_MS = 10.0
GAIN_SLACK_MS = 200.0
"""How much longer a volume may take than is known: by our queue (0.1 s), by the server."""

MOST_INVENTED_MS = 10.0
"""More made-up sound than this between two looks is heard."""

BROKEN_MS = 100.0
"""With so much of it, of all tracks together, a part of a word may be gone: a packet or two of each
are filled in well."""

ALL_CONCEALED = 0.8
"""Where more of all tracks is made up, nothing has come: a jitter buffer ends in silence then."""

STOPPED_SLACK_S = 0.02

STOOD_S = 0.3
"""Frames come each 10 ms, of silence too. Where none has come for so long, this process may have
stood still: then what comes next had queued, and is not of the place that the clock has reached."""


class Losses(NamedTuple):
    """What the path has concealed, invented and dropped so far, in ms."""

    concealed_ms: float = 0.0
    invented_ms: float = 0.0
    dropped_ms: float = 0.0

    @classmethod
    def of(cls, path: PathReadings) -> Losses:
        """Return the counts of a path."""
        return cls(path.concealed_ms, path.invented_ms, path.dropped_ms)


class Recorder:
    """Fills `memory` with what `channels` take while the gate is open. `names` are the lanes, and
    `carries` is whose sound each may hold."""

    def __init__(
        self, call: PlaybackState, channels: ChannelBank, path: PathReadings, memory: CallMemory
    ) -> None:
        self._call = call
        self._channels = channels
        self._path = path
        self._memory = memory
        self._name_of: dict[str, str] = {}
        self.carries: dict[str, Carries] = {}
        self._until_place: dict[str, int] = {}
        self._advanced_s = float("-inf")
        self._came_s: float | None = None
        self._unsure_s: float | None = None
        self._losses = Losses()
        self._looked_s = 0.0
        self._concealed_frames = 0
        self.is_made_up = False
        """Whether all that came until the last look was made up: no packet has come."""

        self._written: deque[dict[str, int]] = deque(maxlen=DROPPED_LOOKS)
        channels.record = self.record

    @property
    def names(self) -> frozenset[str]:
        """Return the lanes of the tracks that there are, or were last."""
        return frozenset(self._name_of.values())

    def take_tracks(self) -> None:
        """Take note of tracks that have come, gone, or turned out to be stereo."""
        with self._channels.lock:
            layout = self._channels.layout
            if not layout.lane_of:
                return
            seen: Counter[str] = Counter()
            self._name_of = {}
            for part, lane in layout.lane_of.items():
                if part in layout.left_out:
                    continue
                seen[lane] += 1
                name = lane if seen[lane] == 1 else f"{lane}+{seen[lane]}"
                self._name_of[part] = name
                self.carries[name] = layout.carries.get(part, NEITHER)
        self.take_gains()

    def take_gains(self) -> bool:
        """Take note of the volumes asked of the server; return whether they are others."""
        mix = self._call.mix
        wanted_db: dict[str, GainsDb] = {
            name: tuple(
                GAIN_MIN_DB if mix.is_muted_at_server(party) else mix.gains_db[party]
                for party in PARTIES
                if party in carries
            )
            for name, carries in self.carries.items()
        }
        if wanted_db == self._memory.wanted_db:
            return False
        path = self._path
        sure_ms = path.delay_ms + (path.network_ms or 0.0) + self._call.head.habits.drain_ms
        with self._channels.lock:
            self._memory.set_gains(
                wanted_db,
                round(GAIN_SOONEST_MS * FRAMES_PER_MS),
                round((sure_ms + GAIN_SLACK_MS) * FRAMES_PER_MS),
            )
        return True

    def is_silenced(self, name: str) -> bool:
        """Return whether a lane is to be kept out of the player's own mix."""
        carries = self.carries.get(name, NEITHER)
        return bool(carries) and all(map(self._call.mix.is_silenced, carries))

    def close(self) -> None:
        """The gate is shut: what comes when it opens is of another place."""
        self._memory.close()

    def take_turn(self, now_s: float) -> None:
        """The engine's loop turned at `now_s`: the gate is shut if this process had stood still."""
        if self._unsure_s is not None and now_s >= self._unsure_s:
            self._unsure_s = None

    def take_losses(self, now_s: float) -> None:
        """Look how much the jitter buffers have made up so far, and the SDK has dropped.

        What has come since the last look is suspect then; where the sound broke off since then it
        cannot be kept apart from what was before. Where all was made up it is none of the call's.
        What was dropped is seen some looks later: all that has come since is suspect.
        """
        before, self._losses = self._losses, Losses.of(self._path)
        lost_ms = self._losses.dropped_ms - before.dropped_ms
        concealed_ms = self._losses.concealed_ms - before.concealed_ms
        since_s, self._looked_s = now_s - self._looked_s, now_s
        tracks = max(len(self._channels.track_ids), 1)
        is_all = concealed_ms > ALL_CONCEALED * since_s * 1000 * tracks
        broke_off_frames = 0 if self.is_made_up else self._concealed_frames
        self.is_made_up = is_all
        self._concealed_frames = round(concealed_ms / tracks * FRAMES_PER_MS)
        invented_ms = self._losses.invented_ms - before.invented_ms
        frames = round(since_s * SAMPLE_RATE_HZ)
        if lost_ms > 0.0:
            LOG.warning("the SDK has dropped %.0f ms of sound", lost_ms)
        with self._channels.lock:
            written = {name: each.store.written for name, each in self._memory.voices.items()}
            long_since = self._written[0] if self._written else {}
            for name, voice in self._memory.voices.items():
                if lost_ms > 0.0:
                    voice.suspect(written[name] - long_since.get(name, 0), is_broken=True)
                if is_all:
                    voice.cut(frames + broke_off_frames)
                elif invented_ms >= MOST_INVENTED_MS and voice.unbroken_frames > frames:
                    voice.suspect(frames, is_broken=invented_ms >= BROKEN_MS)
            self._written.append(written)

    def record(self, part: str, pcm: Pcm) -> None:
        """Take a part's frame, under the lock, on any thread."""
        now_s = time.monotonic()
        memory, head = self._memory, self._call.head
        if self._came_s is not None and now_s - self._came_s > STOOD_S:
            self._unsure_s = now_s
            memory.close()
        self._came_s = now_s
        if self._unsure_s is not None:
            return
        if head.advancing():
            self._advanced_s = now_s
        elif now_s - self._advanced_s > self._path.delay_ms / 1000 + STOPPED_SLACK_S:
            memory.close()
            return
        if not self._channels.gate_open:
            return
        name = self._name_of.get(part)
        if name is None:
            return
        voice = memory.voices.get(name)
        left = self._until_place.get(name, 0)
        is_news = left <= 0 or voice is None or not voice.is_open
        self._until_place[name] = (PLACE_EVERY_FRAMES if is_news else left) - 1
        memory.append(name, pcm, self._received_ms(now_s) if is_news else 0.0, is_news=is_news)

    def _received_ms(self, now_s: float) -> float:
        """Return the place of the sample that comes next, as the cursor has it."""
        head = self._call.head
        received_ms = head.confirmed_ms(now_s) - head.ahead_ms() - self._path.delay_ms
        return received_ms + FRAME_S * 1000 / 2

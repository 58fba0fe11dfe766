"""One listener's player: cursor, gains and sound together. No network, no clock of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from callplayer.playback import cursor as cursors
from callplayer.playback.audio_source import AudioSource
from callplayer.playback.cursor import FRAMES_PER_MS, Cursor
from callplayer.playback.render import Gains, plan_block, render
from callplayer.playback.turns import Turn, Turns
from callplayer.recordings.samples import Samples
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB, Command, SetGain
from callplayer.vendor.parties import PARTIES, Channel, Party
from callplayer.vendor.status import Status


class Place(msgspec.Struct, frozen=True):
    """Where a listener is and how loud, so that it can be brought back: ms, and dB by party."""

    position_ms: int
    paused: bool
    following: bool = False
    gains_db: dict[Party, float] = {}


class StreamPlayer:
    """Obeys commands, and gives the next 20 ms of all channels and the status.

    All times are readings of one monotonic clock in s. `parties` are in the order of the sound's
    channels. Both parties keep a gain of their own in a mixed channel, too: it is as loud as the
    one who speaks there by `turns`, and where that is not known as the louder of the two.
    """

    def __init__(
        self,
        parties: tuple[Channel, ...],
        sound: AudioSource,
        *,
        autoplay: bool,
        place: Place | None = None,
        turns: Sequence[Turn] = (),
    ) -> None:
        self.parties = parties
        self._sound = sound
        self._autoplay = autoplay
        self._place = place
        self._cursor = Cursor()
        self._seamless_source: int | None = None
        self._gains_db: dict[Party, float] = {}
        self._turns = Turns(turns)
        self._gains: Gains = (1.0,) * len(parties)

    def set_turns(self, turns: Sequence[Turn]) -> None:
        """Go by these turns from now on."""
        self._turns = Turns(turns)

    @property
    def paused(self) -> bool:
        """Whether the listener has paused."""
        return self._cursor.paused

    @property
    def place(self) -> Place:
        """Where the listener is now."""
        position_ms = self._cursor.position_frames // FRAMES_PER_MS
        return Place(position_ms, self._cursor.paused, self._cursor.following, dict(self._gains_db))

    def begin(self, now_s: float) -> None:
        """Put the cursor where the stream starts: call it once, right before the first block."""
        extent = self._sound.at(now_s)
        place = self._place
        if place is None:
            self._cursor = cursors.start(extent, self._autoplay)
            return
        newest = extent.newest_frames
        position = newest if place.following else min(place.position_ms * FRAMES_PER_MS, newest)
        following = place.following and not extent.is_over
        self._cursor = Cursor(position, paused=place.paused, following=following)
        for party, gain_db in place.gains_db.items():
            self._set_gain(party, gain_db)
        self._gains = self._wanted_gains()

    def obey(self, command: Command, now_s: float) -> Status:
        """Carry `command` out and return the status after it."""
        if isinstance(command, SetGain):
            self._set_gain(command.callerType, command.gain)
        self._cursor = cursors.apply(self._cursor, command, self._sound.at(now_s))
        return self.status(now_s)

    def next_block(self, now_s: float) -> Samples:
        """Return the block that starts to go out at `now_s`, and move the cursor.

        It is int16, of shape (960, parties).
        """
        extent = self._sound.at(now_s)
        self._cursor = cursors.follow(self._cursor, extent)
        frames = cursors.playable_frames(self._cursor, extent)
        plan = plan_block(self._seamless_source, self._cursor.position_frames, frames)
        wanted = self._wanted_gains()
        block = render(plan, self._sound.read, self._gains, wanted)
        self._gains = wanted
        self._seamless_source = plan.next_source
        self._cursor = cursors.advance(self._cursor, plan.advance_frames, now_s)
        return block

    def missed_block(self, now_s: float) -> Samples:
        """Return the block for a time that has passed in a stall: silence, and the cursor stays.

        A follower of a live call gets its sound late instead: it is to miss nothing.
        """
        if self._cursor.following:
            return self.next_block(now_s)
        self.cut()
        return np.zeros((cursors.BLOCK_FRAMES, len(self.parties)), dtype=np.int16)

    def cut(self) -> None:
        """Take note that what was sent last is heard no more: the next block fades in."""
        self._seamless_source = None

    def skip(self, now_s: float) -> None:
        """Take note that nothing could go out: a follower of a live call catches up."""
        self._cursor = cursors.skip(self._cursor, self._sound.at(now_s))

    @property
    def position_frames(self) -> int:
        """The next frame to go out."""
        return self._cursor.position_frames

    def go_back(self, position_frames: int) -> None:
        """Put the cursor back to where it was: what went out since has reached no listener."""
        self._cursor = cursors.go_back(self._cursor, position_frames)

    def status(self, now_s: float) -> Status:
        """Return where the sound that goes out at `now_s` is in the call."""
        return cursors.status(self._cursor, self._sound.at(now_s), now_s)

    def _set_gain(self, party: Party, gain_db: float) -> None:
        self._gains_db[party] = min(max(gain_db, GAIN_MIN_DB), GAIN_MAX_DB)

    def _wanted_gains(self) -> Gains:
        """Return the factor of each channel at the place where the cursor is."""
        if not self._gains_db:
            return (1.0,) * len(self.parties)
        return tuple(10 ** (self._gain_db(each) / 20) for each in self.parties)

    def _gain_db(self, channel: Channel) -> float:
        if channel != "call":
            return self._gains_db.get(channel, 0.0)
        speaking = self._turns.speaking(self._cursor.position_frames // FRAMES_PER_MS)
        return max(self._gains_db.get(party, 0.0) for party in speaking or PARTIES)

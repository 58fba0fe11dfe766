"""One listener's player: cursor, gains and sound together. No network, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass

from callplayer.service import playhead
from callplayer.service.blocks import Samples, plan_block, render
from callplayer.service.playhead import Playhead, Timeline
from callplayer.wire import GAIN_MAX_DB, GAIN_MIN_DB, Command, Party, SetGain, Status


@dataclass(frozen=True)
class PartyAudio:
    """One party's whole call: int16, 48 kHz, shape (frames,)."""

    party: Party
    samples: Samples


class StreamPlayer:
    """Obeys commands, and gives the next 10 ms of each party and the status.

    All times are readings of one monotonic clock in s. A gain for either party of a mixed
    recording applies to the mix.
    """

    def __init__(
        self,
        parties: tuple[PartyAudio, ...],
        timeline: Timeline,
        *,
        autoplay: bool,
    ) -> None:
        self._parties = parties
        self._timeline = timeline
        self._autoplay = autoplay
        self._head = Playhead()
        self._seamless_source: int | None = None
        self._gains = dict.fromkeys((party.party for party in parties), 1.0)
        self._wanted_gains = dict(self._gains)

    @property
    def parties(self) -> tuple[Party, ...]:
        """Whose tracks there are, in the order of the blocks."""
        return tuple(party.party for party in self._parties)

    @property
    def paused(self) -> bool:
        """Whether the listener has paused."""
        return self._head.paused

    def begin(self, now_s: float) -> None:
        """Put the cursor where the stream starts: call it once, right before the first block."""
        self._head = playhead.start(self._timeline, self._autoplay, now_s)

    def obey(self, command: Command, now_s: float) -> Status:
        """Carry `command` out and return the status after it."""
        if isinstance(command, SetGain):
            gain_db = min(max(command.gain, GAIN_MIN_DB), GAIN_MAX_DB)
            party: Party = command.callerType if command.callerType in self._gains else "call"
            if party in self._wanted_gains:
                self._wanted_gains[party] = 10 ** (gain_db / 20)
        self._head = playhead.apply(self._head, command, self._timeline, now_s)
        return self.status(now_s)

    def next_blocks(self, now_s: float) -> list[Samples]:
        """Return the block of each party that starts to go out at `now_s`, and move the cursor."""
        frames = playhead.playable_frames(self._head, self._timeline, now_s)
        plan = plan_block(self._seamless_source, self._head.position_frames, frames)
        blocks = []
        for audio in self._parties:
            wanted = self._wanted_gains[audio.party]
            blocks.append(render(plan, audio.samples, self._gains[audio.party], wanted))
            self._gains[audio.party] = wanted
        self._seamless_source = plan.next_source
        self._head = playhead.advance(self._head, plan.advance_frames, now_s)
        return blocks

    def skip(self, lost_s: float, now_s: float) -> None:
        """Take note that nothing went out for `lost_s`: a follower of a live call catches up."""
        self._head = playhead.skip(self._head, self._timeline, lost_s, now_s)

    def status(self, now_s: float) -> Status:
        """Return where the sound that goes out at `now_s` is in the call."""
        return playhead.status(self._head, self._timeline, now_s)

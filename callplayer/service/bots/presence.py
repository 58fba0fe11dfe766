"""Whether a bot's listener is in its room, and where the call was when it last was."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from livekit import rtc
from livekit.rtc import DisconnectReason

NOTED_S = 1.0
"""How often it is noted that the listener is there, about, and how often it is asked itself."""

UNNOTICED_S = 23.0
"""The longest time until a LiveKit server reports a lost connection; measured: 22 s."""


class RoomRoster(Protocol):
    """The participants in the bot's room: the room server's own API knows them at once."""

    async def sessions(self) -> Mapping[str, str]:
        """Return the id of each participant's connection; none if the server does not answer.

        The id is empty as long as the connection is being made.
        """

    async def announce(self) -> None:
        """Have the server announce the listener to the room now."""


@dataclass(frozen=True)
class Sign:
    """A sign of life: a command, or an answer to a question that was asked at `at_s`.

    `frames` is where the cursor was then.
    """

    at_s: float
    frames: int
    is_answer: bool = False


class PositionHistory:
    """Where the cursor was whenever the listener was known to be there, since it was last moved.

    Times are readings of one monotonic clock in s, places are in frames. A sign of life counts when
    it is confirmed: it may have come from another connection of the same name.
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque(maxlen=2 * int(UNNOTICED_S / NOTED_S))
        self._signs: list[Sign] = []
        self._certain: tuple[float, int] | None = None
        self._answers = False

    def begin(self, now_s: float, frames: int) -> None:
        """Note that the listener has come, or has moved the cursor: no place before counts."""
        self._noted.clear()
        self._signs.clear()
        self._certain = now_s, frames
        self.note(now_s, frames)

    def note(self, now_s: float, frames: int) -> None:
        """Note that the room server takes the listener to be there."""
        self._noted.append((now_s, frames))

    def sign(self, sign: Sign) -> None:
        """Take a sign of life, to be confirmed."""
        if self._certain is not None and sign.at_s >= self._certain[0]:
            self._signs.append(sign)

    def take_signs(self) -> tuple[Sign, ...]:
        """Return the signs that wait to be confirmed; they wait no more."""
        signs, self._signs = tuple(self._signs), []
        return signs

    def confirm(self, signs: tuple[Sign, ...]) -> None:
        """Note that these signs came from the listener itself."""
        for sign in signs:
            self._answers = self._answers or sign.is_answer
            if self._certain is not None and sign.at_s >= self._certain[0]:
                self._certain = sign.at_s, sign.frames

    def last_confirmed(self, *, lost: bool) -> int | None:
        """Return the last place that was heard for certain; None if none was.

        `lost`: the listener has not left, its connection was lost, as the server noticed late. A
        listener that answers was there when it last did; of others the server's notes are known.
        """
        if self._certain is None or not self._noted:
            return None
        since_s = self._noted[-1][0] - (UNNOTICED_S if lost else 0.0)
        if self._certain[0] >= since_s or (lost and self._answers):
            return self._certain[1]
        return next(frames for noted_s, frames in self._noted if noted_s >= since_s)


LOOK_AWAY_S = 0.4

LOST_REASONS = frozenset({DisconnectReason.CONNECTION_TIMEOUT, DisconnectReason.SIGNAL_CLOSE})

NO_SUCH_METHOD = "callplayer.alive"

NO_ANSWER = frozenset(
    {
        rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT,
        rtc.RpcError.ErrorCode.RECIPIENT_DISCONNECTED,
        rtc.RpcError.ErrorCode.RECIPIENT_NOT_FOUND,
        rtc.RpcError.ErrorCode.SEND_FAILED,
        rtc.RpcError.ErrorCode.UNSUPPORTED_SERVER,
    }
)


class ListenerPresence:
    """Follows `listener` in `room`. The clock is `time.monotonic`, in s.

    `place` returns where the cursor is, in frames. `came` is called when the listener has come.
    When it has gone, `went` is, with the place that it certainly heard (None: there is none), and
    once more if that turns out to be an earlier one. Have `watch` and `ask` run.
    """

    def __init__(
        self,
        room: rtc.Room,
        roster: RoomRoster,
        listener: str,
        *,
        place: Callable[[], int],
        came: Callable[[], None],
        went: Callable[[int | None], None],
    ) -> None:
        self._room = room
        self._roster = roster
        self._listener = listener
        self._place = place
        self._came = came
        self._went = went
        self._heard = PositionHistory()
        self._session = ""
        self._session_left = ""
        self._was_lost = False
        self._away_from_s = time.monotonic()
        self._here = asyncio.Event()
        self._changed = asyncio.Event()
        self._look_now = asyncio.Event()
        self._meeting = asyncio.Lock()

    @property
    def is_here(self) -> bool:
        """Whether the listener is there, as far as is known."""
        return self._here.is_set()

    @property
    def away_s(self) -> float:
        """For how long the listener has not been there; 0 if it is."""
        return 0.0 if self.is_here else time.monotonic() - self._away_from_s

    def commanded(self, *, moved: bool) -> None:
        """Take note of a command of the listener; `moved`: it sent the cursor elsewhere."""
        now_s, frames = time.monotonic(), self._place()
        if moved:
            self._heard.begin(now_s, frames)
        else:
            self._heard.sign(Sign(now_s, frames))

    def disconnected(self, participant: rtc.RemoteParticipant) -> None:
        """Take note that the SDK reports a participant that left, late and maybe out of order."""
        if participant.identity == self._listener:
            self._was_lost = participant.disconnect_reason in LOST_REASONS
            self._session_left = participant.sid
            if not self.is_here:
                self._went(self._heard.last_confirmed(lost=self._was_lost))
            self.poll_now()

    def poll_now(self) -> None:
        """Ask for the participants at once."""
        self._look_now.set()

    def extend(self) -> None:
        """Have `until_idle` wait from now on as long as if the listener had just gone."""
        self._away_from_s = time.monotonic()
        self._changed.set()

    async def until_idle(self, idle_s: float) -> None:
        """Return when the listener has not been there for `idle_s`."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self.is_here else idle_s):
                    await self._changed.wait()
            except TimeoutError:
                if not self._changed.is_set():  # else at the last moment
                    return

    async def watch(self) -> None:
        """Keep asking the room server for the participants."""
        while True:
            self._look_now.clear()
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NOTED_S if self.is_here else LOOK_AWAY_S):
                    await self._look_now.wait()

    async def ask(self) -> None:
        """Ask the listener for an answer about once a second while it is there."""
        while True:
            await self._here.wait()
            await asyncio.sleep(NOTED_S)  # not while the connections are still being made
            asked_s, frames = time.monotonic(), self._place()
            if await self._answers():
                self._heard.sign(Sign(asked_s, frames, is_answer=True))

    async def refresh(self) -> bool:
        """See whether the listener has come or gone; return whether it is alone with the bot."""
        me = self._room.local_participant.identity
        async with self._meeting:
            # What came before the question is of no later connection than the answer names.
            signs = self._heard.take_signs()
            present = await self._roster.sessions()
            session = present.get(self._listener)
            if session and self.is_here and session == self._session:
                self._was_lost = False
                self._heard.confirm(signs)
                self._heard.note(time.monotonic(), self._place())
            elif session:
                self._note_gone(lost=True)  # it is back before the server has missed it
                await self._note_come(session)
            elif me in present or self._session_left == self._session:
                # Else the server did not answer, or has lost what it knew of the room. A listener
                # that is joining has lost its connection before the server noticed.
                self._note_gone(lost=session is not None)
        return present.keys() == {me, self._listener}

    async def _answers(self) -> bool:
        try:
            await self._room.local_participant.perform_rpc(
                destination_identity=self._listener, method=NO_SUCH_METHOD, payload=""
            )
        except rtc.RpcError as error:
            return error.code not in NO_ANSWER
        return True

    async def _note_come(self, session: str) -> None:
        self._session, self._was_lost = session, False
        self._here.set()
        self._changed.set()
        self._came()
        self._heard = PositionHistory()
        self._heard.begin(time.monotonic(), self._place())
        # The SDK then knows the participant, and can name the sender of data.
        await self._roster.announce()

    def _note_gone(self, *, lost: bool) -> None:
        if self.is_here:
            self._here.clear()
            self._away_from_s = time.monotonic()
            self._changed.set()
            self._went(self._heard.last_confirmed(lost=lost or self._was_lost))

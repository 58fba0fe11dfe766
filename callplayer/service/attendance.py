"""Whether a bot's listener is in its room: asked of the room server, and of the listener itself.

A server tells a room of who comes and goes up to 3 s late, and of a connection that is lost without
a word after 22 s. So its API is asked, which knows at once who is there, and with which connection.
Of a lost one it knows no more; but every LiveKit client answers a remote call, if only that it has
no such method: who answers is there, and needs to know nothing of us for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from livekit import rtc
from livekit.rtc import DisconnectReason

from callplayer.service.presence import NOTED_S, Heard, RoomRoster, Sign

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


class Attendance:
    """Follows `listener` in `room`. The clock is `time.monotonic`, in s.

    `place` tells where the cursor is, in frames. `came` is called when the listener has come; when
    it has gone, `went` is, with the place that it certainly heard (None: there is none), and once
    more if that turns out to be an earlier one. Have `watch` and `ask` run.
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
        self._heard = Heard()
        self._session = ""
        self._was_lost = False
        self._was_moved = False
        self._here = asyncio.Event()
        self._changed = asyncio.Event()
        self._look_now = asyncio.Event()
        self._meeting = asyncio.Lock()

    @property
    def is_here(self) -> bool:
        """Whether the listener is there, as far as is known."""
        return self._here.is_set()

    def commanded(self, *, moved: bool) -> None:
        """Take note of a command of the listener; `moved`: it sent the cursor elsewhere."""
        now_s, frames = time.monotonic(), self._place()
        if moved:
            self._was_moved = True
            self._heard.begin(now_s, frames)
        else:
            self._heard.sign(Sign(now_s, frames))

    def disconnected(self, participant: rtc.RemoteParticipant) -> None:
        """Take note that the SDK was told of one who has gone, late and after others maybe."""
        if participant.identity == self._listener:
            self._was_lost = participant.disconnect_reason in LOST_REASONS
            if not self.is_here:
                self._went(self._heard.until(lost=self._was_lost))
            self.look()

    def look(self) -> None:
        """Have it looked at once who is there."""
        self._look_now.set()

    def keep(self) -> None:
        """Have `until_idle` wait from now on as long as if the listener had just gone."""
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
        """Keep asking the room server who is there."""
        while True:
            self._look_now.clear()
            await self.meet()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NOTED_S if self.is_here else LOOK_AWAY_S):
                    await self._look_now.wait()

    async def ask(self) -> None:
        """Ask the listener for an answer about once a second while it is there."""
        while True:
            await self._here.wait()
            asked_s, frames = time.monotonic(), self._place()
            if await self._answers():
                self._heard.sign(Sign(asked_s, frames, is_answer=True))
            await asyncio.sleep(NOTED_S)

    async def meet(self) -> bool:
        """See whether the listener has come or gone; tell whether it is here and nobody else."""
        me = self._room.local_participant.identity
        async with self._meeting:
            # What came before the server is asked is of no later connection than it tells.
            signs = self._heard.take_signs()
            was_moved, self._was_moved = self._was_moved, False
            present = await self._roster.sessions()
            session = present.get(self._listener)
            if session and self.is_here and session == self._session:
                self._was_lost = False
                self._heard.confirm(signs)
                self._heard.note(time.monotonic(), self._place())
            elif session:
                # It is back before the server has missed it. Where it has sent the cursor itself
                # by now, that stays.
                self._note_gone(lost=True, stays=was_moved or self._was_moved)
                await self._note_come(session)
            elif me in present:  # else the server did not answer
                # Who is coming has lost the connection before, without the server's notice.
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
        self._heard = Heard()
        self._heard.begin(time.monotonic(), self._place())
        # The SDK is told of it then, and can say who sent what.
        await self._roster.announce()

    def _note_gone(self, *, lost: bool, stays: bool = False) -> None:
        if self.is_here:
            self._here.clear()
            self._changed.set()
            lost = lost or self._was_lost
            self._went(None if stays else self._heard.until(lost=lost))

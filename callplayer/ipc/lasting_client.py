"""An engine's client whose call can be tried again after it has failed for good."""

from __future__ import annotations

import asyncio
from functools import cached_property

from callplayer.ipc.client import EngineClient
from callplayer.ipc.messages import Request, RetryNow
from callplayer.ipc.news import EngineGone, EngineNews, Listener, cannot_start
from callplayer.ipc.process import start_engine
from callplayer.ipc.restore import paused_argv


class LastingClient(EngineClient):
    """Starts an engine again on RetryNow where EngineClient would have no more; never returns."""

    _is_gone = False

    @cached_property
    def _wanted(self) -> asyncio.Event:
        return asyncio.Event()

    def send(self, request: Request) -> bool:
        """Send one request; where there is no engine, or one that ends, RetryNow starts one."""
        ends = self._is_gone or self._ended_by is not None
        if ends and isinstance(request, RetryNow):
            self._wanted.set()
            return True
        return super().send(request)

    async def run(self, listener: Listener) -> None:
        """Publish all events to `listener`, of one engine after the other."""

        def publish(event: EngineNews) -> None:
            if not (isinstance(event, EngineGone) and self._wanted.is_set()):
                listener(event)

        while True:
            await super().run(publish)
            self._is_gone = True
            await self._wanted.wait()
            self._wanted.clear()
            self._is_gone = False
            try:
                self._begin_again()
            except OSError as error:
                listener(cannot_start(error))

    def _begin_again(self) -> None:
        """Start an engine where the call was heard last."""
        self._ended_by = self._unreached = self._refusal = None
        self._restarts_s.clear()
        if self._last is not None and not self._restoring:
            self._hold_place(self._heard_s)
        argv = paused_argv(self._argv) if self._restoring else self._argv
        self._process = start_engine(argv, self._log_path)

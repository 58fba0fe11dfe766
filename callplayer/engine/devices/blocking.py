"""Work that may hang for ever, such as closing a device whose driver stands still.

Each piece runs in a daemon thread of its own: one that hangs keeps neither the engine's loop nor
the process from going on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_R = TypeVar("_R")


class HangsError(Exception):
    """The work has not come back in time, and still runs."""


class BlockingCalls:
    """Runs what may hang."""

    async def run(
        self,
        work: Callable[[], _R],
        timeout_s: float,
        undo: Callable[[_R], object] = lambda _: None,
    ) -> _R:
        """Return what `work` returns; raise HangsError if it takes longer than `timeout_s`.

        What it returns after all, when nothing waits for it any more, goes to `undo`, in the
        same thread.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_R] = loop.create_future()
        given_up = threading.Event()

        def in_thread() -> None:
            try:
                result = work()
            except BaseException as error:
                _settle(loop, done, done.set_exception, error)
                return
            if given_up.is_set():
                with contextlib.suppress(Exception):
                    undo(result)
            _settle(loop, done, done.set_result, result)

        threading.Thread(target=in_thread, name="may-hang", daemon=True).start()
        try:
            await asyncio.wait((done,), timeout=timeout_s)
        finally:
            if not done.done():
                given_up.set()
                done.add_done_callback(_retrieve_exception)
        if not done.done():
            raise HangsError
        return done.result()


def _retrieve_exception(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()  # so that asyncio does not log it as never retrieved


def _settle(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[Any],
    report: Callable[[Any], None],
    what: object,
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(lambda: None if done.done() else report(what))

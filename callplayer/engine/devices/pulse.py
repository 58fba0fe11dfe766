"""What PulseAudio (or PipeWire in its place) knows: its sinks, and on which of them we play.

PortAudio reaches it through ALSA's `pulse` device, which hides the sinks: a sink that is unplugged
is not reported to ALSA, the server moves the stream to another one by itself. So its own client
library is asked as well, where there is one. All of this happens in a thread: a sound server that
stands still must not hold up the engine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from callplayer.text import plain_text

LOG = logging.getLogger(__name__)

NOWHERE = "auto_null"
"""The sink that the server makes when it has no other: what is played there is not heard."""

SINK_VARIABLE = "PULSE_SINK"
RETRY_S = 1.0


@dataclass(frozen=True)
class Sink:
    """A place to play to: `name` is unique and lasts, `label` is for people."""

    name: str
    label: str
    suspended: bool = False


@dataclass(frozen=True)
class PulseView:
    """The sinks there are, the name of the default one, and of the one that we play on ("": none).

    `looked_s` is when it was asked for, by the monotonic clock.
    """

    sinks: tuple[Sink, ...] = ()
    default: str = ""
    playing_on: str = ""
    looked_s: float = 0.0

    def sink(self, name: str) -> Sink | None:
        """Return the sink of that name."""
        return next((sink for sink in self.sinks if sink.name == name), None)

    @property
    def audible(self) -> tuple[Sink, ...]:
        """Return the sinks that a person may hear."""
        return tuple(sink for sink in self.sinks if sink.name != NOWHERE)


class PulseWatch:
    """Publishes the view to `on_view` at first and after each event; None while no server answers.

    `on_view` is called in the watch's own thread. Where there is no client library it never is.
    """

    def __init__(self, on_view: Callable[[PulseView | None], None]) -> None:
        self._on_view = on_view
        self._end = threading.Event()
        self._pulse: Any = None
        self._thread = threading.Thread(target=self._run, name="pulse-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, unless it hangs on a server that stands still: it keeps nothing alive."""
        self._end.set()
        pulse = self._pulse
        if pulse is not None:
            with contextlib.suppress(Exception):
                pulse.event_listen_stop()
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        pulsectl = _pulsectl()
        while pulsectl is not None and not self._end.is_set():
            try:
                with pulsectl.Pulse("callplayer") as pulse:
                    self._pulse = pulse
                    self._follow(pulse, pulsectl)
            except (pulsectl.PulseError, pulsectl.PulseDisconnected) as error:
                LOG.debug("no sound server: %s", error)
            finally:
                self._pulse = None
            if self._end.is_set():
                return
            self._on_view(None)
            self._end.wait(RETRY_S)

    def _follow(self, pulse: Any, pulsectl: Any) -> None:
        news = listening = False

        def on_event(_: Any) -> None:
            nonlocal news
            news = True
            if listening:
                raise pulsectl.PulseLoopStop

        pulse.event_mask_set("sink", "sink_input", "server")
        pulse.event_callback_set(on_event)
        while not self._end.is_set():
            news = False
            self._on_view(_look(pulse))
            # An event may come while we look; its change may have been missed.
            listening = True
            if not news:
                pulse.event_listen()
            listening = False


def view_now() -> PulseView | None:
    """Return the view, or None without a sound server; it hangs with one that stands still."""
    pulsectl = _pulsectl()
    if pulsectl is None:
        return None
    try:
        with pulsectl.Pulse("callplayer") as pulse:
            return _look(pulse)
    except (pulsectl.PulseError, pulsectl.PulseDisconnected):
        return None


@contextlib.contextmanager
def playing_to(sink: str | None) -> Iterator[None]:
    """Let a stream that is opened meanwhile play to this sink; "": the default, None: as it is."""
    before = os.environ.get(SINK_VARIABLE)
    if sink is None:
        yield
        return
    try:
        if sink:
            os.environ[SINK_VARIABLE] = sink
        else:
            os.environ.pop(SINK_VARIABLE, None)
        yield
    finally:
        if before is not None:
            os.environ[SINK_VARIABLE] = before
        else:
            os.environ.pop(SINK_VARIABLE, None)


def _pulsectl() -> Any:
    try:
        import pulsectl
    except (ImportError, OSError):
        return None
    return pulsectl


def _look(pulse: Any) -> PulseView:
    looked_s = time.monotonic()
    known = pulse.sink_list()
    descriptions = [sink.description for sink in known]
    names = {sink.index: sink.name for sink in known}
    ours = [
        stream
        for stream in pulse.sink_input_list()
        if stream.proplist.get("application.process.id") == str(os.getpid())
    ]
    newest = max(ours, key=lambda stream: stream.index, default=None)
    return PulseView(
        sinks=tuple(
            Sink(
                name=sink.name,
                label=plain_text(
                    sink.description
                    if descriptions.count(sink.description) == 1
                    else f"{sink.description} ({sink.name})",
                    80,
                ),
                suspended=sink.state == "suspended",
            )
            for sink in known
        ),
        default=pulse.server_info().default_sink_name or "",
        playing_on=names.get(newest.sink, "") if newest is not None else "",
        looked_s=looked_s,
    )

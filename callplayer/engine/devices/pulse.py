"""What PulseAudio (or PipeWire in its place) knows: its sinks, and on which of them we play.

PortAudio reaches it through an ALSA plugin, which hides the sinks: a sink that is unplugged is not
reported to ALSA, the server moves the stream to another one by itself. So the server's own client
library is asked as well, where there is one. All of this happens in a thread: a sound server that
stands still must not hold up the engine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from callplayer.engine.devices.mixer_level import FULL, MixerLevel, heard_at
from callplayer.text import plain_text

LOG = logging.getLogger(__name__)

NOWHERE = "auto_null"
"""The sink that the server makes when it has no other: what is played there is not heard."""

RETRY_S = 1.0
LISTEN_S = 0.2
"""How long one wait for an event lasts: a request of ours that comes just before it waits so long
at most."""


@dataclass(frozen=True)
class Sink:
    """A place to play to: `name` is unique and lasts, `label` is for people."""

    name: str
    label: str
    suspended: bool = False


@dataclass(frozen=True)
class PulseView:
    """The sinks there are, the name of the default one, and of the one that we play on ("": none).

    `looked_s` is when it was asked for, by the monotonic clock. `stream` is the level of our own
    stream, `sink_level` that of the sink it plays on. `server` is the server's name for itself,
    `layer` the API by which our stream came to PipeWire ("": not known, or PulseAudio).
    `holders` are the programs that hold a sink for themselves, each as (sink, program).
    """

    sinks: tuple[Sink, ...] = ()
    default: str = ""
    playing_on: str = ""
    looked_s: float = 0.0
    stream: MixerLevel = FULL
    sink_level: MixerLevel = FULL
    server: str = ""
    layer: str = ""
    holders: tuple[tuple[str, str], ...] = ()

    def sink(self, name: str) -> Sink | None:
        """Return the sink of that name."""
        return next((sink for sink in self.sinks if sink.name == name), None)

    def held_by(self, name: str) -> str:
        """Return the program that holds a sink for itself, or "" ("" stands for the default)."""
        return dict(self.holders).get(name or self.default, "")

    @property
    def heard_at(self) -> MixerLevel:
        """Return how loud our stream is heard, as far as that needs a word."""
        return heard_at(self.stream, self.sink_level)

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
        self._requests: queue.SimpleQueue[Callable[[Any], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pulse-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, unless it hangs on a server that stands still: it keeps nothing alive."""
        self._end.set()
        self._thread.join(timeout=0.5)

    def make_audible(self, least_percent: int) -> None:
        """Ask for our stream at 100 %, and its sink at `least_percent` or more, both unmuted."""

        def make_audible(pulse: Any) -> None:
            stream = _own_stream(pulse)
            if stream is None:
                return
            pulse.mute(stream, mute=False)
            pulse.volume_set_all_chans(stream, 1.0)
            sink = _by_index(pulse.sink_list(), stream.sink)
            if sink is None:
                return
            pulse.mute(sink, mute=False)
            if _level(sink).percent < least_percent:
                pulse.volume_set_all_chans(sink, least_percent / 100)

        self._requests.put(make_audible)

    def _run(self) -> None:
        pulsectl = _pulsectl()
        while pulsectl is not None and not self._end.is_set():
            try:
                with pulsectl.Pulse("callplayer") as pulse:
                    self._follow(pulse, pulsectl)
            except (pulsectl.PulseError, pulsectl.PulseDisconnected) as error:
                LOG.debug("no sound server: %s", error)
            if self._end.is_set():
                return
            self._on_view(None)
            self._end.wait(RETRY_S)

    def _follow(self, pulse: Any, pulsectl: Any) -> None:
        news, listening = True, False

        def on_event(_: Any) -> None:
            nonlocal news
            news = True
            if listening:
                raise pulsectl.PulseLoopStop

        pulse.event_mask_set("sink", "sink_input", "server")
        pulse.event_callback_set(on_event)
        while not self._end.is_set():
            while not self._requests.empty():
                with contextlib.suppress(pulsectl.PulseOperationFailed):
                    self._requests.get()(pulse)
            if news:
                news = False
                self._on_view(_look(pulse))
            # An event may come while we look; its change may have been missed.
            listening = True
            if not news:
                pulse.event_listen(timeout=LISTEN_S)
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


def _pulsectl() -> Any:
    try:
        import pulsectl
    except (ImportError, OSError):
        return None
    return pulsectl


def _own_stream(pulse: Any) -> Any:
    """Return the newest stream of this process, or None.

    A stream of pipewire-alsa has no process id of its own: only its client has.
    """
    pid = str(os.getpid())
    clients = {c.index for c in pulse.client_list() if _pid_of(c) == pid}
    ours = (s for s in pulse.sink_input_list() if _pid_of(s) == pid or s.client in clients)
    return max(ours, key=lambda stream: stream.index, default=None)


def _pid_of(known: Any) -> str:
    return str(known.proplist.get("application.process.id", ""))


def _level(of: Any) -> MixerLevel:
    return MixerLevel(round(100 * max(of.volume.values, default=1.0)), bool(of.mute))


def _look(pulse: Any) -> PulseView:
    looked_s = time.monotonic()
    known = pulse.sink_list()
    descriptions = [sink.description for sink in known]
    stream = _own_stream(pulse)
    playing_on = _by_index(known, stream.sink) if stream is not None else None
    client = _by_index(pulse.client_list(), stream.client) if stream is not None else None
    server = pulse.server_info()
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
        default=server.default_sink_name or "",
        playing_on=playing_on.name if playing_on is not None else "",
        looked_s=looked_s,
        stream=_level(stream) if stream is not None else FULL,
        sink_level=_level(playing_on) if playing_on is not None else FULL,
        server=plain_text(server.server_name or "", 80),
        holders=tuple(_holders(pulse, known)),
        layer=str(client.proplist.get("client.api", "")) if client is not None else "",
    )


def _holders(pulse: Any, sinks: Iterable[Any]) -> Iterator[tuple[str, str]]:
    clients = {client.index: client.name for client in pulse.client_list()}
    for stream in pulse.sink_input_list():
        sink = _by_index(sinks, stream.sink)
        is_ours = _pid_of(stream) == str(os.getpid())
        if stream.proplist.get("node.exclusive") == "true" and sink is not None and not is_ours:
            named = stream.proplist.get("application.name") or clients.get(stream.client, "")
            yield sink.name, plain_text(named or "Another program", 80)


def _by_index(known: Iterable[Any], index: int) -> Any:
    return next((each for each in known if each.index == index), None)

"""The way in: run the player or the picker on the terminal, and leave it as it was found.

Importing this module loads no Textual: the engine starts while Textual is still being imported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from callplayer import paths
from callplayer.errors import CallplayerError
from callplayer.ipc.process import start_engine
from callplayer.logs import OnceASecond, RedactingFormatter
from callplayer.supervise import ChildProcess
from callplayer.ui.options import PickerPages, PickerRow, PlayerOptions, PlayerResult
from callplayer.ui.settings import ScreenSettings

if TYPE_CHECKING:
    from callplayer.ui.model.player import PlayerView

__all__ = [
    "PickerRow",
    "PlayerOptions",
    "PlayerResult",
    "run_picker",
    "run_plain",
    "run_player",
]

_COLOURS = "TEXTUAL_COLOR_SYSTEM"
"""The variable by which Textual, and so a user, chooses how many colours are sent."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_LEAVE_S = 4.0
"""A screen that still runs this long after a signal is stuck on a terminal that is gone."""

_GIVE_BACK_S = 0.5
"""How long giving a stuck screen's terminal back is tried; it may take no more bytes."""

_HUNG_UP_S = 0.5
"""The same where the terminal is known to be gone: there is nothing to give back."""


def run_player(options: PlayerOptions) -> PlayerResult:
    """Play one incident on the terminal until the user leaves; leave no process behind."""
    _ask_the_terminal_its_size()
    with _logging_to(options.log_path):
        try:
            process = options.engine or start_engine(options.engine_argv, options.log_path)
        except OSError as error:
            return PlayerResult(
                1, f"The audio engine cannot be started: {error.strerror}.", "Install it again."
            )
        leaving = _Leaving(process.end_now)
        try:
            with leaving.on_signals():
                result = asyncio.run(_play(options, process, leaving))
            return result if leaving.exit_code is None else PlayerResult(leaving.exit_code)
        finally:
            process.end_now()


def run_plain(options: PlayerOptions) -> PlayerResult:
    """Play one incident in plain lines on stdout until the user leaves."""
    with _logging_to(options.log_path):
        process = options.engine or start_engine(options.engine_argv, options.log_path)
        leaving = _Leaving(process.end_now)
        try:
            with leaving.on_signals():
                result = asyncio.run(_play_plain(options, process, leaving))
            return result if leaving.exit_code is None else PlayerResult(leaving.exit_code)
        finally:
            process.end_now()


def run_picker(
    fetch: Callable[[], Awaitable[Sequence[PickerRow]]],
    log_path: Path | None = None,
    settings: ScreenSettings | None = None,
    notice: tuple[str, str] | None = None,
    *,
    pages: PickerPages | None = None,
) -> str | None:
    """Let the user choose an incident; return its id, or None if they left.

    `fetch` is awaited at once and every 5 s; a CallplayerError of it is shown, and it is asked
    again. `notice` is what happened to the last incident and what to do, shown until a key is
    pressed. `pages` loads what is beyond the first page. Raise CallplayerError if the screen itself
    fails.
    """
    _ask_the_terminal_its_size()
    path = log_path or paths.log_path()
    leaving = _Leaving(lambda: None)
    with _logging_to(path), leaving.on_signals():
        chosen, failed = asyncio.run(
            _pick(fetch, pages, leaving, settings or ScreenSettings(), notice)
        )
    if failed:
        raise CallplayerError("The screen failed.", f"See {path}")
    return chosen


class _Leaving:
    """Turns SIGTERM, SIGHUP and SIGINT into an orderly way out, and a hard one if that sticks.

    Nothing is raised where the signal happens to strike: an import, for one, would turn that into
    an error of another kind. `exit_code` is set by the first signal. `give_back` erases a screen
    that hangs, and gives its terminal back.
    """

    def __init__(self, end_engine: Callable[[], object]) -> None:
        self.end_engine = end_engine
        self.exit_code: int | None = None
        self.give_back: Callable[[], object] = lambda: None
        self._leave: Callable[[int], object] | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take the signals over for the time of the `with` block."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def by(self, leave: Callable[[int], object]) -> Iterator[None]:
        """Call `leave` with the exit code for a signal within the `with` block, or before it."""
        self._leave = leave
        try:
            if self.exit_code is not None:
                leave(self.exit_code)
            yield
        finally:
            self._leave = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code is not None:
            return
        self.exit_code = 128 + number
        is_gone = number == signal.SIGHUP and not os.isatty(2)
        leave_s = _HUNG_UP_S if is_gone else _LEAVE_S
        watchdog = threading.Timer(leave_s, self._give_up, (self.exit_code,))
        watchdog.daemon = True
        watchdog.start()
        if self._leave is not None:
            self._leave(self.exit_code)

    def _give_up(self, exit_code: int) -> None:
        self.end_engine()
        giving_back = threading.Thread(target=self.give_back, daemon=True)
        giving_back.start()
        giving_back.join(_GIVE_BACK_S)
        os._exit(exit_code)


def _ask_the_terminal_its_size() -> None:
    """Let a terminal that knows its size go before COLUMNS and LINES, which do not change with it.

    Some shells export them; Textual believes them, and a resized screen would be torn for good.
    """
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return
    if size.columns > 0 and size.lines > 0:
        os.environ.pop("COLUMNS", None)
        os.environ.pop("LINES", None)


def _theme(settings: ScreenSettings) -> str:
    """Return the theme to begin with; choose how many colours are sent, before Textual looks."""
    from callplayer.preferences import read_theme
    from callplayer.ui.terminal import colour_system

    if os.environ.setdefault(_COLOURS, colour_system(os.environ)) == "standard":
        return "sixteen"
    return settings.theme or read_theme()


async def _play(options: PlayerOptions, process: ChildProcess, leaving: _Leaving) -> PlayerResult:
    from callplayer.bookmarks import BookmarkStore
    from callplayer.ipc.lasting_client import LastingClient
    from callplayer.preferences import keep_theme, keep_used, read_used
    from callplayer.ui.first_run import FirstRun

    theme = _theme(options.settings)
    from callplayer.ui.key_profiles import remapped
    from callplayer.ui.player_app import PlayerApp
    from callplayer.ui.screens.player.config import ScreenConfig
    from callplayer.ui.terminal import has_dots

    actions = remapped(options.keys)
    client = LastingClient(
        options.engine_argv, options.log_path, process=process, successor=options.successor
    )
    store = BookmarkStore(options.incident, options.bookmarks_path)
    likes = ScreenConfig(
        options.settings,
        actions,
        store=store,
        citation_path=options.citation_path,
        can_go_back=options.can_go_back,
        resume_ms=_resume_ms(options),
        theme=theme,
        keep_theme=keep_theme,
        first_run=FirstRun(actions, read_used(), keep_used),
        has_dots=has_dots(os.environ),
    )
    app = PlayerApp(client, incident=options.incident, likes=likes)
    loop = asyncio.get_running_loop()
    leaving.end_engine, leaving.give_back = client.kill, app.abandon_terminal
    try:
        with leaving.by(partial(loop.call_soon_threadsafe, app.leave)):
            result = await app.run_async()
    finally:
        _keep_place(options, app.player.view)
        await client.close()
    if result is None:
        return PlayerResult(1, "The screen failed.", f"See {options.log_path}")
    return result


async def _play_plain(
    options: PlayerOptions, process: ChildProcess, leaving: _Leaving
) -> PlayerResult:
    from callplayer.bookmarks import BookmarkStore
    from callplayer.ipc.client import EngineClient
    from callplayer.ui.key_profiles import remapped
    from callplayer.ui.plain.keys import one_by_one, read_keys
    from callplayer.ui.plain.player import PlainPlayer

    actions = remapped(options.keys)
    client = EngineClient(
        options.engine_argv, options.log_path, process=process, successor=options.successor
    )
    leaving.end_engine = client.kill
    store = BookmarkStore(options.incident, options.bookmarks_path)
    player = PlainPlayer(
        client,
        _write_line,
        actions,
        settings=options.settings,
        store=store,
        ends_with_call=options.ends_with_call,
        resume_ms=_resume_ms(options),
    )
    running = asyncio.ensure_future(player.run(read_keys()))
    loop = asyncio.get_running_loop()
    try:
        with one_by_one(), leaving.by(lambda _: loop.call_soon_threadsafe(running.cancel)):
            return await running
    except asyncio.CancelledError:
        return PlayerResult()
    finally:
        _keep_place(options, player.view)
        await client.close()


def _resume_ms(options: PlayerOptions) -> int | None:
    """Return where the call was left in the middle, if that is to be remembered."""
    from callplayer.resume_points import read_resume_ms

    path = options.resume_points_path if options.settings.remember_place else None
    return None if path is None else read_resume_ms(path, options.incident)


def _keep_place(options: PlayerOptions, view: PlayerView) -> None:
    """Remember where the call is left, if it was there at all."""
    from callplayer.resume_points import keep_resume_ms
    from callplayer.ui.model.citation import left_at_ms

    path = options.resume_points_path if options.settings.remember_place else None
    if path is None or not view.was_connected:
        return
    try:
        keep_resume_ms(path, options.incident, left_at_ms(view, time.monotonic()))
    except OSError as error:
        logging.getLogger(__name__).warning("where it was left is not kept: %s", error.strerror)


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _pick(
    fetch: Callable[[], Awaitable[Sequence[PickerRow]]],
    pages: PickerPages | None,
    leaving: _Leaving,
    settings: ScreenSettings,
    notice: tuple[str, str] | None,
) -> tuple[str | None, bool]:
    theme = _theme(settings)
    from callplayer.ui.screens.picker import PickerApp, PickerScreen

    picker = PickerScreen(fetch, hide_phone=settings.hide_phone, notice=notice, pages=pages)
    app = PickerApp(picker, theme)
    leaving.give_back = app.abandon_terminal
    loop = asyncio.get_running_loop()
    with leaving.by(lambda exit_code: loop.call_soon_threadsafe(app.exit, None, exit_code)):
        chosen = await app.run_async()
    return chosen, chosen is None and app.return_code == 1


@contextmanager
def _logging_to(log_path: Path) -> Iterator[None]:
    """Send callplayer's log to the file only: a line on the terminal would tear the screen."""
    logger = logging.getLogger("callplayer")
    handler: logging.Handler
    try:
        paths.make_private_folder(log_path.parent)
        os.close(os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        handler = logging.FileHandler(log_path, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()  # a full disk is no reason not to play
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(OnceASecond())
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        handler.close()

"""Opens a call: headless, or on the screen (the engine process first: the screen loads slowly)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.config import Settings
from callplayer.errors import EXIT_DONE
from callplayer.paths import log_path
from callplayer.text import plain_text
from callplayer.vendor.http import Incident

if TYPE_CHECKING:
    from callplayer.ipc.messages import Start
    from callplayer.ipc.successor import Successor
    from callplayer.ui.options import PickerRow, PlayerResult
    from callplayer.vendor.client import ApiClient
    from callplayer.vendor.incident_list import IncidentList


def play_headless(
    settings: Settings,
    incident: str,
    start: Start,
    *,
    no_audio: bool,
    wait_for_device: bool = False,
    silent_without_device: bool = False,
    recording: Path | None = None,
) -> int:
    """Be the engine of one incident, on this process's stdin and stdout; return the exit code.

    With `recording`, play that file without a server; `incident` counts for nothing then.
    """
    from callplayer.engine.headless import run_headless
    from callplayer.engine.session.engine import EngineOptions

    options = EngineOptions(
        incident, start, no_audio, wait_for_device, silent_without_device, recording
    )
    return run_headless(settings, options)


def engine_argv(
    incident: str, flags: Sequence[str], recording: Path | None = None
) -> tuple[str, ...]:
    """Return the command line of an engine process. Nothing secret is in it.

    It says whether an incident or a file is meant: an id may come from the network, and must never
    be taken for a path.
    """
    kind, word = ("--incident", incident) if recording is None else ("--file", str(recording))
    return (
        sys.executable, "-P", "-m", "callplayer", "play", "--headless", *flags, kind, "--", word
    )  # fmt: skip


def play(
    settings: Settings,
    incident: str,
    flags: Sequence[str],
    *,
    plain: bool = False,
    ends_with_call: bool = False,
    recording: Path | None = None,
    successor: Successor | None = None,
) -> int:
    """Play one incident on the screen, or in `plain` lines; return the exit code.

    With `ends_with_call` plain mode leaves at the call's end. With `recording`, play that file
    without a server; its bookmarks are kept under `incident`. Raise UsageError if it cannot be
    played, as far as a first look tells. Once a `successor` is ready, `R` moves the call there.
    """
    if recording is not None:
        from callplayer.recordings.named_file import check_file

        check_file(recording)
    return _told(
        _play(
            settings,
            incident,
            flags,
            plain=plain,
            ends_with_call=ends_with_call,
            recording=recording,
            successor=successor,
        )
    )


def _play(
    settings: Settings,
    incident: str,
    flags: Sequence[str],
    *,
    can_go_back: bool = False,
    plain: bool = False,
    ends_with_call: bool = False,
    recording: Path | None = None,
    successor: Successor | None = None,
) -> PlayerResult:
    from callplayer.ipc.process import start_engine
    from callplayer.ui.settings import screen_settings

    screen = screen_settings(settings.screen)
    argv = engine_argv(incident, flags, recording)
    process = start_engine(argv, log_path())
    from callplayer.bookmarks import bookmarks_path, citation_path
    from callplayer.ui.app import run_plain, run_player
    from callplayer.ui.options import PlayerOptions

    run = run_plain if plain else run_player
    return run(
        PlayerOptions(
            argv,
            incident,
            log_path(),
            engine=process,
            settings=screen,
            keys=settings.keys,
            bookmarks_path=bookmarks_path(incident),
            citation_path=citation_path(),
            can_go_back=can_go_back,
            ends_with_call=ends_with_call,
            successor=successor,
        )
    )


def _told(result: PlayerResult) -> int:
    if result.exit_code != EXIT_DONE and result.message:
        print(f"callplayer: {result.message}\n  {result.hint}", file=sys.stderr)
    return result.exit_code


def pick_and_play(settings: Settings, flags: Sequence[str]) -> int:
    """Let the user pick incidents and play them, until they leave; return the exit code."""
    from callplayer.ui.app import run_picker
    from callplayer.ui.settings import screen_settings

    screen = screen_settings(settings.screen)
    told: tuple[str, str] | None = None
    while True:
        # Asked before the screen is up: credentials that are refused are told like anywhere else.
        incidents = PickerIncidents(settings, asyncio.run(_first_page(settings)))
        chosen = run_picker(incidents.fetch, log_path(), screen, told, pages=incidents)
        if chosen is None:
            return EXIT_DONE
        result = _play(settings, chosen, flags, can_go_back=True)
        if not result.back:
            return _told(result)
        told = (result.message, result.hint) if result.message else None


def print_incidents(settings: Settings) -> None:
    """Print the incidents that the API lists, a page as it comes; say what is left out."""

    async def load() -> str:
        from callplayer.vendor.client import ApiClient

        async with ApiClient(settings) as access:
            listed, printed = access.incident_list(), 0
            while not listed.ended:
                await listed.load_more()
                for row in map(_row, listed.incidents[printed:]):
                    kind = "live" if row.live else "recorded"
                    print(f"{row.id}  {row.when:<23}  {row.phone:<16}  {kind}")
                printed = len(listed.incidents)
            return listed.left_out

    left_out = asyncio.run(load())
    if left_out:
        print(f"callplayer: {left_out}", file=sys.stderr)


async def _first_page(settings: Settings) -> IncidentList:
    from callplayer.vendor.client import ApiClient

    async with ApiClient(settings) as access:
        listed = access.incident_list()
        await listed.load_more()
        return listed


class PickerIncidents:
    """The picker's incidents: those known first, then asked anew by one client, signed in once."""

    def __init__(self, settings: Settings, known: IncidentList) -> None:
        self._settings = settings
        self._known: IncidentList | None = known
        self._listed = known
        self._access: ApiClient | None = None
        self._asking = asyncio.Lock()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to load."""
        return self._listed.ended

    @property
    def left_out(self) -> str:
        """What the API has beside these, in words; "" if nothing."""
        return self._listed.left_out

    async def fetch(self) -> list[PickerRow]:
        """Return the incidents loaded so far, the first page of them as it is now."""
        async with self._asking:
            if self._known is not None:
                self._known = None
                return self._rows()
            first = self._fresh()
            await first.load_more()
            if first.ended or self._listed.ended:
                self._listed = first
            else:
                self._listed.renew(first)
            return self._rows()

    async def load_more(self) -> list[PickerRow]:
        """Load one page more; return all that is loaded."""
        async with self._asking:
            if self._access is None:  # the list of another loop, whose client is closed
                first = self._fresh()
                await first.load_more()
                self._listed = first
            await self._listed.load_more()
            return self._rows()

    def _fresh(self) -> IncidentList:
        from callplayer.vendor.client import ApiClient

        if self._access is None:
            self._access = ApiClient(self._settings)
        return self._access.incident_list()

    def _rows(self) -> list[PickerRow]:
        return [_row(incident) for incident in self._listed.incidents]


def _row(incident: Incident) -> PickerRow:
    from callplayer.ui.options import PickerRow

    created = incident.created_at
    return PickerRow(
        id=plain_text(incident.id, 80),
        when=created.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if created else "",
        phone=plain_text(incident.caller_phone_number, 32),
        live=incident.is_audio_live,
    )

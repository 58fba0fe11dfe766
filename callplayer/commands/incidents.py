"""The API's incidents: `callplayer list` prints them, the picker offers them to play."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from callplayer.config import Settings
from callplayer.errors import NotReadyError
from callplayer.retry import Backoff
from callplayer.text import plain_text

if TYPE_CHECKING:
    from callplayer.ui.options import PickerRow
    from callplayer.vendor.client import ApiClient
    from callplayer.vendor.http import Incident
    from callplayer.vendor.incident_list import IncidentList


def print_incidents(settings: Settings) -> None:
    """Print the incidents that the API lists, a page as it comes, then what is left out."""

    async def load() -> str:
        from callplayer.vendor.client import ApiClient

        async with ApiClient(settings) as access:
            listed, printed = access.incident_list(), 0
            while not listed.ended:
                await once_ready(listed.load_more)
                for row in map(_row, listed.incidents[printed:]):
                    kind = "live" if row.live else "recorded"
                    print(f"{row.id}  {row.when:<23}  {row.phone:<16}  {kind}")
                printed = len(listed.incidents)
            return listed.left_out

    left_out = asyncio.run(load())
    if left_out:
        print(f"callplayer: {left_out}", file=sys.stderr)


async def first_page(settings: Settings) -> IncidentList:
    """Return the list of incidents with its first page loaded."""
    from callplayer.vendor.client import ApiClient

    async with ApiClient(settings) as access:
        listed = access.incident_list()
        await once_ready(listed.load_more)
        return listed


async def once_ready(load: Callable[[], Awaitable[None]]) -> None:
    """Await `load`, again for as long as the API answers "not yet"; say so on stderr, once."""
    backoff, said = Backoff(), False
    while True:
        try:
            await load()
        except NotReadyError as error:
            if not said:
                since = datetime.now().astimezone()
                why = f"Waiting for {error.wanted} since {since:%H:%M:%S}: {error.what}"
                print(f"callplayer: {why} Ctrl+C ends it.", file=sys.stderr, flush=True)
                said = True
            await asyncio.sleep(backoff.next_s(random.random(), error.retry_after_s))  # noqa: S311
        else:
            return


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
        created=created,
        place=_place(incident),
    )


def _place(incident: Incident) -> str:
    if incident.latitude is None or incident.longitude is None:
        return ""
    return f"{incident.latitude:.5f}, {incident.longitude:.5f}"

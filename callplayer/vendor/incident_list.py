"""The API's list of incidents, loaded page by page; what is left out of it is reported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from callplayer.errors import CallplayerError, IncidentNotFoundError, UnreachableError
from callplayer.vendor.http import Incident
from callplayer.vendor.paging import IncidentPage, has_ended, next_requests, says_more

MAX_PAGES = 2_000
MAX_INCIDENTS = 100_000
MAX_EMPTY_PAGES = 20
"""Pages without a new row, in a row, that are followed where each names another next one."""


class ElsewhereError(UnreachableError):
    """The list goes on at another server, which is not asked."""

    def __init__(self) -> None:
        super().__init__("The list of incidents goes on at another server.", "Ask the vendor.")


class IncidentList:
    """The incidents loaded so far, each once, in the API's order.

    `ask` returns the page at a link or query; "" is the first one. `ended` is set once there is
    nothing more to load; `left_out` then says what the API has beside these, "" if nothing.
    """

    def __init__(self, ask: Callable[[str], Awaitable[IncidentPage]]) -> None:
        self._ask = ask
        self._ids: set[str] = set()
        self._rows = 0
        self._pages = 0
        self._empty = 0
        self._last: IncidentPage | None = None
        self._first = 1
        self._asked: set[str] = set()
        self._way = ""
        self.incidents: list[Incident] = []
        self.ended = False
        self.left_out = ""

    async def load_more(self) -> None:
        """Load the next page; raise CallplayerError if the API does not give it."""
        if self.ended:
            return
        page = await self._next_page()
        if page is None:
            self._end()
            return
        new = [each for each in page.incidents if each.id not in self._ids]
        self._empty = 0 if new else self._empty + 1
        if not self._pages and page.page == 0:
            self._first = 0
        self._pages += 1
        self._rows += page.rows
        self._last = page
        self._ids.update(each.id for each in new)
        self.incidents += new
        full = self._pages >= MAX_PAGES or len(self.incidents) >= MAX_INCIDENTS
        if has_ended(page, self._rows, self._first) or full or self._empty > MAX_EMPTY_PAGES:
            self._end()

    def renew(self, first: IncidentList) -> None:
        """Take over what the list's first page says now: new incidents, and news of known ones."""
        fresh = {each.id for each in first.incidents}
        self._ids |= fresh
        self.incidents = first.incidents + [each for each in self.incidents if each.id not in fresh]

    async def _next_page(self) -> IncidentPage | None:
        """Return the next page; None if no way leads to one with anything new."""
        last = self._last
        if last is None:
            return await self._ask("")
        possible = list(next_requests(last, self._pages, self._rows))
        named = possible[: len(last.links) + len(last.cursors)]
        ways = [way for way in possible if way not in self._asked]
        # The way that worked goes first, and once one has worked no other is tried.
        if self._way:
            ways = [way for way in ways if _kind(way) == self._way] or ways
        for way in ways:
            self._asked.add(way)
            try:
                page = await self._ask(way)
            except ElsewhereError as error:
                self.left_out = error.what
                continue
            except (IncidentNotFoundError, UnreachableError) as error:
                if not _is_refusal(error):
                    self._asked.discard(way)  # the same way may do the next time
                    raise
                continue
            is_new = any(each.id not in self._ids for each in page.incidents)
            goes_on = not page.rows and bool(page.links or page.cursors)
            is_end = not page.rows and way in named
            if is_new or goes_on or is_end:
                self._way = _kind(way)
                return page
        return None

    def _end(self) -> None:
        self.ended = True
        last, count = self._last, len(self.incidents)
        if last is None:
            return
        if last.total is not None and last.total > self._rows:
            missing = last.total - self._rows
            self.left_out = f"The API has {missing:,} more incidents, which it does not give."
            if self._pages >= MAX_PAGES or count >= MAX_INCIDENTS:
                self.left_out = f"{missing:,} more incidents are left out."
        elif says_more(last, self._rows, self._first) and not self.left_out:
            self.left_out = "The API has more incidents, which are left out."


def _kind(way: str) -> str:
    """Return the name of what a query asks by; "link" for a link."""
    name, found, _ = way.removeprefix("?").partition("=")
    return name if found and way.startswith("?") and "&" not in name else "link"


def _is_refusal(error: CallplayerError) -> bool:
    """Return whether the API answered that it has no such page, or takes no such query."""
    status = getattr(error, "status", 0)
    return isinstance(error, IncidentNotFoundError) or status in (400, 405, 422)

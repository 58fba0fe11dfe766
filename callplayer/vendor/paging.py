"""A list that comes in pages, whatever way it goes on. Pure.

Read are links (in the body, or a Link header of RFC 8288), cursors and page tokens, `has_more`,
page numbers with a total, and offsets. A server does not always say how it wants its cursor named:
then there are several ways to ask, and the one that brings new rows is the right one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from callplayer.vendor.http import MAX_HTTP_BYTES, Incident, incident_of
from callplayer.vendor.json_text import parse_json
from callplayer.vendor.values import WireError

MAX_CURSOR_CHARS = 2_000
MAX_COUNT = 1_000_000_000
MAX_NAMES = 4
PAGE_SIZES = frozenset({10, 12, 15, 20, 24, 25, 30, 40, 50, 60, 75, 100, 150, 200, 250, 500, 1000})
"""A list of this many rows that says nothing of the rest may be a first page."""


class IncidentPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list, and what it says of the rest; None where it says nothing.

    `links` are addresses of the next page, `cursors` names and values of what asks for it; `rows`
    is how many rows came, those without an id counted, too; `names_next` is whether something that
    is called next is given. `names` are the server's own for page and offset.
    """

    incidents: tuple[Incident, ...] = ()
    rows: int = 0
    links: tuple[str, ...] = ()
    cursors: tuple[tuple[str, str], ...] = ()
    names_next: bool = False
    has_more: bool | None = None
    page: int | None = None
    pages: int | None = None
    total: int | None = None
    offset: int | None = None
    limit: int | None = None
    names: tuple[str, ...] = ()


_LIST_KEYS = ("data", "incidentevents", "incidents", "results", "items", "records", "rows", "nodes",
              "edges", "entries", "events", "content", "list", "embedded", "value",
              "values")  # fmt: skip
_LINK_NAMES = frozenset({"next", "nextpage", "nexturl", "nextpageurl", "nextlink", "nexthref",
                         "odatanextlink", "nextrecordsurl"})  # fmt: skip
_CURSOR_NAMES = {
    "nextcursor": ("cursor", "next_cursor", "after"),
    "endcursor": ("after", "cursor"),
    "cursor": ("cursor",),
    "nextpagetoken": ("page_token", "pageToken", "next_page_token"),
    "nexttoken": ("next_token", "nextToken", "token"),
    "continuationtoken": ("continuation_token", "continuationToken"),
    "startingafter": ("starting_after",),
    "after": ("after",),
    "nextmarker": ("marker", "next_marker"),
    "scrollid": ("scroll_id",),
    "bookmark": ("bookmark",),
    "nextoffset": ("offset",),
    "next": ("cursor", "page", "next", "after", "page_token"),
    "nextpage": ("page", "cursor", "page_token"),
}
_MORE = frozenset({"hasmore", "hasnext", "hasnextpage", "more", "morepages", "istruncated"})
_LAST = frozenset({"last", "islast", "lastpage", "islastpage", "done"})
_PAGE = ("currentpage", "pagenumber", "page", "number", "pageindex", "pageno")
_PAGES = ("totalpages", "pagecount", "lastpage", "pages", "numpages")
_TOTAL = ("total", "totalcount", "totalentries", "totalitems", "totalresults", "totalelements",
          "count", "recordcount", "totalrecords")  # fmt: skip
_OFFSET = ("offset", "skip", "start", "startat", "from")
_LIMIT = ("limit", "perpage", "pagesize", "size", "maxresults")
_LINK_HEADER = re.compile(
    r"<([^<>]{1,2000})>((?:\s*;\s*[\w*-]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,]*))?)*)"
)
_CONTENT_RANGE = re.compile(r"(?:\w+ )?(?:\d+-\d+|\*)/(\d{1,12})", re.ASCII)
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+))", re.IGNORECASE)


def parse_incident_page(body: bytes, headers: Mapping[str, str] | None = None) -> IncidentPage:
    """Read one page of incidents, bare or wrapped; rows without an id are left out.

    `headers` are the answer's, their names in lower case. Raise WireError if there is no list.
    """
    answer = parse_json(body, MAX_HTTP_BYTES)
    rows = _rows(answer, 0)
    if rows is None:
        raise WireError("the list of incidents has an unknown shape")
    found = (incident_of(row) for row in rows if isinstance(row, dict))
    incidents = tuple(incident for incident in found if incident is not None)
    head = {name.lower(): value for name, value in (headers or {}).items()}
    said = list(_said(answer, 0)) if isinstance(answer, dict) else []
    links = [*_header_links(head.get("link", "")), *_links(said)]
    cursors = list(_cursors(said))
    next_page = head.get("x-next-page", "").strip()
    if next_page:
        cursors.append(("page", next_page[:MAX_CURSOR_CHARS]))
    counts = ((key, _count(value)) for key, value in reversed(said))
    numbers = {key: count for key, count in counts if count is not None}
    total = _first(numbers, _TOTAL)
    spans = _CONTENT_RANGE.fullmatch(head.get("content-range", "").strip())
    header_total = _count(
        head.get("x-total-count")
        or head.get("x-total")
        or head.get("total")
        or (spans[1] if spans else None)
    )
    pages = _count(head.get("x-total-pages"))
    return IncidentPage(
        incidents=incidents,
        rows=len(rows),
        links=tuple(links),
        cursors=tuple(cursors),
        names_next=bool(links or next_page)
        or any(key.startswith("next") and value and value is not True for key, value in said),
        has_more=next(
            (v is (k in _MORE) for k, v in said if k in _MORE | _LAST and isinstance(v, bool)), None
        ),
        page=_first(numbers, _PAGE),
        pages=_first(numbers, _PAGES) if pages is None else pages,
        total=total if header_total is None else header_total,
        offset=_first(numbers, _OFFSET),
        limit=_first(numbers, _LIMIT),
        names=tuple(islice(_own_names(answer), MAX_NAMES)),
    )


def has_ended(page: IncidentPage, loaded: int, first: int = 1) -> bool:
    """Return whether a page is the last one, as far as can be seen.

    `loaded` counts all rows; `first` is the first page's number.
    """
    if page.has_more is False:
        return True
    if page.links or page.cursors or (page.has_more and page.rows):
        return False
    if not page.rows:
        return True
    if page.pages is not None and page.page is not None:
        return page.page - first + 1 >= page.pages
    if page.total is not None:
        return loaded >= page.total
    return loaded not in PAGE_SIZES


def next_requests(page: IncidentPage, asked: int, loaded: int) -> Iterator[str]:
    """Give the ways to ask for the next page, likely ones first: links, or queries (`?page=2`).

    `asked` pages have come so far, with `loaded` rows.
    """
    from urllib.parse import urlencode

    yield from page.links
    given = set[str]()
    ways: list[tuple[str, str]] = list(page.cursors)
    number = str((asked if page.page is None else page.page) + 1)
    if not page.cursors or page.page is not None:
        ways.append(("page", number))
        ways += [(name, number) for name in page.names if _folded(name) in _PAGE]
        if page.offset is not None or page.page is None:
            ways.insert(len(ways) - (page.offset is None), ("offset", str(loaded)))
            ways += [(name, str(loaded)) for name in page.names if _folded(name) in _OFFSET]
        if page.incidents:
            ways.append(("starting_after", page.incidents[-1].id))
            ways.append(("after", page.incidents[-1].id))
    for name, value in ways:
        query = {name: value}
        if name == "offset" and page.limit:
            query["limit"] = str(page.limit)
        text = f"?{urlencode(query)}"
        if text not in given:
            given.add(text)
            yield text


def _rows(answer: Any, depth: int) -> list[Any] | None:
    if isinstance(answer, list):
        return answer
    if not isinstance(answer, dict) or depth > 3:
        return None
    folded = {_folded(key): value for key, value in reversed(answer.items())}
    for key in _LIST_KEYS:
        if isinstance(folded.get(key), list):
            return list(folded[key])
    for key in (*_LIST_KEYS, "result", "response", "payload"):
        if isinstance(folded.get(key), dict):
            found = _rows(folded[key], depth + 1)
            if found is not None:
                return found
    lists = [value for value in answer.values() if isinstance(value, list)]
    of_objects = [each for each in lists if each and all(isinstance(row, dict) for row in each)]
    return of_objects[0] if len(of_objects) == 1 else None


def _said(answer: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Give names and values that may say how the list goes on, outer ones first."""
    yield from ((_folded(key), value) for key, value in answer.items())
    links = answer.get("links", answer.get("_links"))
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next":
            yield "next", link
    for value in answer.values():
        if isinstance(value, dict) and depth < 3:
            yield from _said(value, depth + 1)


def _links(said: list[tuple[str, Any]]) -> Iterator[str]:
    for key, value in said:
        if key not in _LINK_NAMES:
            continue
        link = value.get("href", value.get("url")) if isinstance(value, dict) else value
        if isinstance(link, str) and _is_link(link):
            yield link


def _cursors(said: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for key, value in said:
        names = _CURSOR_NAMES.get(key, ())
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        text = str(value)
        if not names or not text or len(text) > MAX_CURSOR_CHARS or _is_link(text):
            continue
        if key == "next" and text.isascii() and text.isdigit():
            names = ("page", "cursor", "offset")
        yield from ((name, text) for name in names)


def _is_link(text: str) -> bool:
    return bool(re.match(r"\S{0,2000}$", text)) and (
        "/" in text[:1]
        or "?" in text[:1]
        or (re.match(r"[a-z][a-z0-9+.-]{0,20}:", text, re.IGNORECASE) is not None)
    )


def _header_links(header: str) -> Iterator[str]:
    for found in _LINK_HEADER.finditer(header[:8_000]):
        rels = " ".join(a or b for a, b in _REL.findall(found[2])).lower().split()
        if "next" in rels:
            yield found[1]


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:12])
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def _first(numbers: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    return next((numbers[name] for name in names if name in numbers), None)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z]", "", name[:60].lower())


def _own_names(answer: Any) -> Iterator[str]:
    """Give the server's own names for page and offset, where they are not just that."""
    for value in (answer, *(answer.values() if isinstance(answer, dict) else ())):
        if isinstance(value, dict):
            for key in value:
                if _folded(key) in (*_PAGE, *_OFFSET) and key not in ("page", "offset"):
                    yield key[:60]


def says_more(page: IncidentPage, loaded: int, first: int = 1) -> bool:
    """Return whether a page says that there is more than the `loaded` rows.

    `first` is the first page's number.
    """
    has_pages = page.pages is not None and page.page is not None
    by_pages = has_pages and not has_ended(page, loaded, first)
    by_total = page.total is not None and loaded < page.total
    return bool(page.names_next or page.has_more or by_pages or by_total)

"""The list of incidents, whatever way its pages go on: all of it, or what is left out is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.errors import UnreachableError
from callplayer.vendor import paging
from callplayer.vendor.incident_list import MAX_PAGES, ElsewhereError, IncidentList
from callplayer.vendor.paging import IncidentPage, parse_incident_page

ROWS = [{"id": f"i{number}", "created_at": "2024-01-15 10:30:00 UTC"} for number in range(60)]
SIZE = 25
Query = Mapping[str, str]
Answer = tuple[Any, dict[str, str]]
Server = Callable[[Query, list[dict[str, Any]]], Answer]


def slice_at(rows: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
    return rows[start : start + SIZE]


def by_page(query: Query, names: str = "page") -> int:
    return (int(query.get(names, "1")) - 1) * SIZE


def next_link(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    more = start + SIZE < len(rows)
    link = f"/v1/incident_events?page={start // SIZE + 2}" if more else None
    return {"data": slice_at(rows, start), "next": link}, {}


def next_number(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    number = start // SIZE + 2 if start + SIZE < len(rows) else None
    return {"results": slice_at(rows, start), "meta": {"next_page": number}}, {}


def json_api(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("page[offset]", "0"))
    entries = [
        {"type": "incident", "id": row["id"], "attributes": {"created_at": row["created_at"]}}
        for row in slice_at(rows, start)
    ]
    more = start + SIZE < len(rows)
    link = {"next": {"href": f"?page[offset]={start + SIZE}"}} if more else {"next": None}
    return {"data": entries, "links": link}, {}


def hal(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    links = {"next": {"href": f"?page={start // SIZE + 2}"}} if start + SIZE < len(rows) else {}
    return {"_embedded": {"incidents": slice_at(rows, start)}, "_links": links}, {}


def cursor(param: str, key: str, place: str = "") -> Server:
    def answer(query: Query, rows: list[dict[str, Any]]) -> Answer:
        start = int(query.get(param, "c0").removeprefix("c"))
        more = f"c{start + SIZE}" if start + SIZE < len(rows) else None
        said = {place: {key: more}} if place else {key: more}
        return {"incident_events": slice_at(rows, start), **said}, {}

    return answer


def graphql(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("after", "0"))
    more = start + SIZE < len(rows)
    edges = [{"node": row} for row in slice_at(rows, start)]
    info = {"hasNextPage": more, "endCursor": str(start + SIZE) if more else None}
    return {"data": {"incidents": {"edges": edges, "pageInfo": info}}}, {}


def has_more_after(query: Query, rows: list[dict[str, Any]]) -> Answer:
    last = query.get("starting_after")
    start = 0 if last is None else [row["id"] for row in rows].index(last) + 1
    return {"data": slice_at(rows, start), "has_more": start + SIZE < len(rows)}, {}


def has_more_page(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    return {"items": slice_at(rows, start), "hasMore": start + SIZE < len(rows)}, {}


def pages(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    count = -(-len(rows) // SIZE)
    said = {"current_page": start // SIZE + 1, "total_pages": count, "total": len(rows)}
    return {"incidents": slice_at(rows, start), "pagination": said}, {}


def total_only(query: Query, rows: list[dict[str, Any]]) -> Answer:
    return {"records": slice_at(rows, by_page(query)), "total_count": len(rows)}, {}


def offset(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start, limit = int(query.get("offset", "0")), int(query.get("limit", SIZE))
    said = {"offset": start, "limit": limit, "total": len(rows)}
    return {"data": rows[start : start + limit], **said}, {}


def link_header(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    links = '<https://api.example/v1/incident_events?page=1>; rel="first"'
    if start + SIZE < len(rows):
        number = start // SIZE + 2
        links += f', <https://api.example/v1/incident_events?page={number}>; title="a, b"; rel=next'
    return slice_at(rows, start), {"Link": links}


def count_header(query: Query, rows: list[dict[str, Any]]) -> Answer:
    return slice_at(rows, by_page(query)), {"X-Total-Count": str(len(rows))}


def page_header(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = by_page(query)
    number = str(start // SIZE + 2) if start + SIZE < len(rows) else ""
    return slice_at(rows, start), {"X-Next-Page": number}


def says_nothing(query: Query, rows: list[dict[str, Any]]) -> Answer:
    return slice_at(rows, by_page(query)), {}


def empty_between(query: Query, rows: list[dict[str, Any]]) -> Answer:
    at = int(query.get("cursor", "0"))
    more = str(at + SIZE) if at + SIZE < 2 * len(rows) else None
    half = slice_at(rows, at // 2) if at % (2 * SIZE) == 0 else []
    return {"data": half, "next_cursor": more}, {}


def odata(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("$skip", "0"))
    link = f"https://api.example/v1/incident_events?$skip={start + SIZE}"
    more = {"@odata.nextLink": link} if start + SIZE < len(rows) else {}
    return {"@odata.context": "$metadata#incidents", "value": slice_at(rows, start), **more}, {}


def list_of_links(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("from", "0"))
    links = [{"rel": "self", "href": f"?from={start}"}]
    if start + SIZE < len(rows):
        links.append({"rel": "next", "href": f"?from={start + SIZE}"})
    return {"items": slice_at(rows, start), "links": links}, {}


def pages_from_0(query: Query, rows: list[dict[str, Any]]) -> Answer:
    number = int(query.get("page", "0"))
    count = -(-len(rows) // SIZE)
    place = {"pageNumber": number, "pageSize": SIZE, "offset": number * SIZE}
    return {
        "content": slice_at(rows, number * SIZE), "pageable": place, "totalPages": count,
        "totalElements": len(rows), "last": number + 1 >= count, "number": number, "size": SIZE,
    }, {}  # fmt: skip


def marker(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("marker", "0"))
    more = start + SIZE < len(rows)
    said = {"IsTruncated": more, "NextMarker": str(start + SIZE) if more else ""}
    return {"Incidents": slice_at(rows, start), **said}, {}


def start_at(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("startAt", "0"))
    return {"startAt": start, "maxResults": SIZE, "incidents": slice_at(rows, start)}, {}


def page_index(query: Query, rows: list[dict[str, Any]]) -> Answer:
    number = int(query.get("pageIndex", "0"))
    some = slice_at(rows, number * SIZE)
    return {"incidents": some, "page": {"pageIndex": number, "total": len(rows)}}, {}


def content_range(query: Query, rows: list[dict[str, Any]]) -> Answer:
    start = int(query.get("offset", "0"))
    some = slice_at(rows, start)
    span = f"{start}-{start + len(some) - 1}" if some else "*"
    return some, {"Content-Range": f"{span}/{len(rows)}"}


SERVERS: dict[str, Server] = {
    "next link": next_link,
    "next number": next_number,
    "JSON:API": json_api,
    "HAL": hal,
    "next_cursor": cursor("cursor", "next_cursor"),
    "nested cursor": cursor("cursor", "next_cursor", "response_metadata"),
    "nextPageToken": cursor("pageToken", "nextPageToken"),
    "next_page_token": cursor("page_token", "next_page_token", "meta"),
    "next token": cursor("next_token", "next_token"),
    "opaque next": cursor("cursor", "next"),
    "GraphQL": graphql,
    "has_more, starting_after": has_more_after,
    "has_more, page": has_more_page,
    "page and total": pages,
    "total only": total_only,
    "offset": offset,
    "Link header": link_header,
    "X-Total-Count": count_header,
    "X-Next-Page": page_header,
    "says nothing": says_nothing,
    "empty pages": empty_between,
    "OData": odata,
    "a list of links": list_of_links,
    "pages from 0": pages_from_0,
    "marker": marker,
    "Content-Range": content_range,
    "startAt": start_at,
    "pageIndex": page_index,
}


class Api:
    def __init__(self, server: Server, rows: list[dict[str, Any]]) -> None:
        self._server, self._rows = server, rows
        self.asked: list[str] = []

    async def ask(self, link: str) -> IncidentPage:
        self.asked.append(link)
        parts = urlsplit(link)
        if parts.netloc not in ("", "api.example"):
            raise ElsewhereError
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body, headers = self._server(query, self._rows)
        return parse_incident_page(json.dumps(body).encode(), headers)


async def load(api: Api) -> IncidentList:
    listed = IncidentList(api.ask)
    while not listed.ended:
        await listed.load_more()
    return listed


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 50, 60])
@pytest.mark.parametrize("name", SERVERS)
async def test_every_paging_is_followed_to_its_end(name: str, count: int) -> None:
    api = Api(SERVERS[name], ROWS[:count])
    listed = await load(api)
    assert [each.id for each in listed.incidents] == [row["id"] for row in ROWS[:count]]
    assert listed.left_out == ""
    assert all(each.created_at is not None for each in listed.incidents)
    assert len(api.asked) <= 12 + count // 5


async def test_a_list_of_3000_is_loaded_whole() -> None:
    rows = [{"id": str(number)} for number in range(3000)]
    listed = await load(Api(pages, rows))
    assert len(listed.incidents) == 3000


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"total": 60}, "35 more"),
        ({"total": 3000, "has_more": False}, "2,975 more"),
        ({"has_more": True}, "more incidents"),
        ({"page": 1, "total_pages": 3}, "more incidents"),
        ({"next": "https://elsewhere.example/v1"}, "another server"),
    ],
)
async def test_what_a_server_does_not_give_is_said(said: dict[str, Any], says: str) -> None:
    listed = await load(Api(lambda _query, rows: ({"data": rows[:25], **said}, {}), ROWS))
    assert len(listed.incidents) == 25
    assert says in listed.left_out


async def test_pages_without_end_are_left_at_a_bound_that_is_said() -> None:
    made = [0]

    def endless(_query: Query, _rows: list[dict[str, Any]]) -> Answer:
        made[0] += 1
        return {"data": [{"id": f"n{made[0]}"}], "next": str(made[0] + 1)}, {}

    api = Api(endless, [])
    listed = await load(api)
    assert len(listed.incidents) == MAX_PAGES
    assert len(api.asked) == MAX_PAGES
    assert "left out" in listed.left_out


async def test_the_same_page_again_and_again_ends() -> None:
    api = Api(lambda _query, rows: ({"data": rows[:3], "next": "again"}, {}), ROWS)
    listed = await load(api)
    assert [each.id for each in listed.incidents] == ["i0", "i1", "i2"]
    assert len(api.asked) < 10


async def test_a_page_that_fails_is_asked_for_again() -> None:
    fails = [True]

    async def ask(link: str) -> IncidentPage:
        if link and fails.pop() if fails else False:
            raise UnreachableError("No.", status=500)
        return await api.ask(link)

    api = Api(next_link, ROWS)
    listed = IncidentList(ask)
    await listed.load_more()
    with pytest.raises(UnreachableError):
        await listed.load_more()
    while not listed.ended:
        await listed.load_more()
    assert len(listed.incidents) == 60


async def test_a_list_is_renewed_by_its_first_page() -> None:
    listed = IncidentList(Api(next_link, ROWS).ask)
    await listed.load_more()
    await listed.load_more()
    first = IncidentList(Api(next_link, [{"id": "new"}, *ROWS]).ask)
    await first.load_more()
    listed.renew(first)
    assert [each.id for each in listed.incidents] == ["new", *(row["id"] for row in ROWS[:50])]
    await listed.load_more()
    assert len(listed.incidents) == 61


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["data", "next", "links", "meta", "id", "page", "total", "cursor", "href",
                         "attributes", "edges", "node", "has_more", "next_cursor", "_links"]),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@given(content=_json, link=st.text(max_size=60))
def test_any_json_gives_a_page_with_few_ways_on_or_a_refusal(content: Any, link: str) -> None:
    try:
        page = parse_incident_page(json.dumps(content).encode(), {"link": link})
    except paging.WireError:
        return
    ways = list(paging.next_requests(page, 1, page.rows))
    assert len(ways) < 60
    assert all(0 < len(way) < 10_000 for way in ways)
    assert isinstance(paging.has_ended(page, page.rows), bool)

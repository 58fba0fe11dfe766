"""A status in whatever form it comes: each field by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.vendor.status import (
    MAX_STATUS_BYTES,
    MAX_UPDATES,
    Status,
    StatusUpdate,
    complete_status,
    encode_status,
    merge_updates,
    read_status_updates,
)
from callplayer.vendor.values import MAX_CALL_MS, WireError

PLAIN: dict[str, Any] = {
    "kind": "status", "position": 61500, "duration": 161333, "paused": False, "atEnd": False,
    "callOver": True,
}  # fmt: skip
WHOLE = StatusUpdate(61500, 161333, False, False, True)
TEXT = json.dumps(PLAIN)


def read(content: object) -> list[StatusUpdate]:
    return read_status_updates(json.dumps(content).encode())


@pytest.mark.parametrize(
    "payload",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode() + b"\0",
        TEXT.encode() + b"\0\0\0\r\n",
        b"\x1e" + TEXT.encode() + b"\n",
        f"[{TEXT}]".encode(),
        f'{{"data":{TEXT}}}'.encode(),
        f'{{"status":{TEXT}}}'.encode(),
        f'{{"type":"message","payload":{{"body":{TEXT}}}}}'.encode(),
        json.dumps({"message": TEXT}).encode(),
        json.dumps(json.dumps({"message": TEXT})).encode(),
        json.dumps({"topic": "status", "data": [json.dumps([PLAIN])]}).encode(),
        json.dumps({**PLAIN, "kind": "STATUS"}).encode(),
        json.dumps({"type": "Status", **{k: v for k, v in PLAIN.items() if k != "kind"}}).encode(),
        json.dumps(
            {"Kind": "status", "Position": 61500, "DURATION": 161333, "Paused": False,
             "at_end": False, "call-over": True}
        ).encode(),
        json.dumps({"status": {k: v for k, v in PLAIN.items() if k != "kind"}}).encode(),
        json.dumps({"kind": "status", "data": {k: v for k, v in PLAIN.items() if k != "kind"}})
        .encode(),
        json.dumps({k: v for k, v in PLAIN.items() if k != "kind"}).encode(),
        json.dumps({**PLAIN, "position": "61500", "duration": " 161333.0 "}).encode(),
        json.dumps({**PLAIN, "position": 61499.6, "duration": 1.61333e5}).encode(),
        json.dumps({**PLAIN, "paused": 0, "atEnd": "false", "callOver": "1"}).encode(),
        json.dumps({**PLAIN, "paused": "False", "atEnd": 0.0, "callOver": "TRUE"}).encode(),
        json.dumps({**PLAIN, "new": [{"a": 1}], "cmd": None}).encode(),
    ],
)  # fmt: skip
def test_one_status_however_it_is_wrapped_and_written(payload: bytes) -> None:
    assert read_status_updates(payload) == [WHOLE]


@pytest.mark.parametrize("between", ["", "\n", "\r\n", "\0", " , ", ",\n\x1e", ";"])
def test_several_in_a_packet_come_in_their_order(between: str) -> None:
    texts = [json.dumps({**PLAIN, "position": position}) for position in (1, 2, 3)]
    updates = read_status_updates(between.join(texts).encode())
    assert [update.position for update in updates] == [1, 2, 3]


def test_what_is_cut_off_behind_a_status_does_it_no_harm() -> None:
    assert read_status_updates(f"{TEXT}{TEXT[:20]}".encode()) == [WHOLE]


@pytest.mark.parametrize("name", ["position", "duration", "paused", "atEnd", "callOver"])
@pytest.mark.parametrize("value", [None, "", "soon", [], {}, "missing"])
def test_each_field_may_be_missing_by_itself(name: str, value: object) -> None:
    content = {**PLAIN, name: value}
    if value == "missing":
        del content[name]
    field = {"atEnd": "at_end", "callOver": "call_over"}.get(name, name)
    (update,) = read(content)
    assert getattr(update, field) is None
    assert merge_updates(WHOLE, update) == WHOLE


@pytest.mark.parametrize(
    ("position", "read_ms"),
    [(-5, 0), (1e300, MAX_CALL_MS), (10**400, MAX_CALL_MS), ("1e999", None), ("nan", None),
     ("inf", None), (True, None), ("٣", None), ("9" * 50, None), ("-7", 0)],
)  # fmt: skip
def test_numbers_are_held_in_range(position: object, read_ms: int | None) -> None:
    content = {**PLAIN, "position": position}
    assert read(content)[0].position == read_ms


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0",
        b"null",
        b"[]",
        b"5",
        b'"status"',
        b"\xff\xfe\x00",
        b'{"kind":"status"}',
        b'{"kind":"status","position":NaN',
        b'{"kind":"state","position":1,"duration":2,"paused":true}',
        b'{"kind":5,"position":1,"duration":2,"paused":true}',
        b'{"cmd":"scrub","position":10,"duration":5}',
        b'{"cmd":"pause"}',
        b'{"position":1}',
        b'{"duration":1,"atEnd":true}',
        b'{"kind":"words","status":"open","position":1}',
        b"[" * 14_000,
        b'{"a":' * 2_800,
        TEXT.encode().ljust(MAX_STATUS_BYTES + 1),
    ],
)
def test_what_is_no_status_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_status_updates(payload)


def test_a_packet_full_of_statuses_costs_little_and_the_newest_count() -> None:
    each = '{"kind":"status","position":%d}'
    updates = read_status_updates("".join(each % n for n in range(MAX_UPDATES + 40)).encode())
    assert [update.position for update in updates] == list(range(40, MAX_UPDATES + 40))


def test_a_missing_field_keeps_what_is_known() -> None:
    known = merge_updates(StatusUpdate(), WHOLE)
    paused = StatusUpdate(paused=True)
    known = merge_updates(known, paused)
    status = complete_status(known, paused, position_ms=70_000, paused=False)
    assert status == Status(70_000, 161333, True, False, True), "carried on by the clock"
    moved = StatusUpdate(position=5)
    known = merge_updates(known, moved)
    assert complete_status(known, moved, position_ms=70_000, paused=False) == Status(
        5, 161333, True, False, True
    )


def test_what_was_never_said_is_not_made_up() -> None:
    first = StatusUpdate(position=123_456)
    known = merge_updates(StatusUpdate(), first)
    for wanted in (True, False):
        status = complete_status(known, first, position_ms=0, paused=wanted)
        assert status == Status(123_456, 0, wanted, False, False)


@given(
    status=st.builds(
        Status,
        st.integers(0, MAX_CALL_MS),
        st.integers(0, MAX_CALL_MS),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
)
def test_the_vendors_own_form_is_read_whole(status: Status) -> None:
    (update,) = read_status_updates(encode_status(status))
    known = merge_updates(StatusUpdate(), update)
    assert complete_status(known, update, position_ms=1, paused=not status.paused) == status


_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["status", "true", "nan", "1e999", TEXT, "[", "{}", ""])
)
_keys = st.sampled_from(
    [
        "kind",
        "type",
        "cmd",
        "status",
        "data",
        "position",
        "duration",
        "paused",
        "at_end",
        "callOver",
    ]
)
_values = st.recursive(
    _leaves,
    lambda x: st.lists(x, max_size=4) | st.dictionaries(_keys, x, max_size=6),
    max_leaves=20,
)


@given(contents=st.lists(_values, max_size=4), junk=st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_gives_statuses_in_range_or_a_refusal(
    contents: list[Any], junk: bytes
) -> None:
    payload = b"\n".join(json.dumps(content).encode() for content in contents) + junk
    try:
        updates = read_status_updates(payload)
    except WireError:
        return
    assert 1 <= len(updates) <= MAX_UPDATES
    for update in updates:
        for place_ms in (update.position, update.duration):
            assert place_ms is None or (0 <= place_ms <= MAX_CALL_MS and type(place_ms) is int)
        assert all(
            flag in (None, True, False) for flag in (update.paused, update.at_end, update.call_over)
        )
        assert update != StatusUpdate()

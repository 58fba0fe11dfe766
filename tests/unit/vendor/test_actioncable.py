"""A subscription on the cable: what follows from each frame, kind or hostile."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.vendor.actioncable import (
    EXTENDED,
    MAX_FRAME_BYTES,
    PLAIN,
    CableMessage,
    Confirmed,
    Conversation,
    HungUp,
    Rejected,
    Send,
    Step,
    cable_url,
)
from callplayer.vendor.values import WireError
from tests.rig.cable import identifier

OURS = json.dumps(json.loads(identifier("i1")), separators=(",", ":"))


def frame(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def message(text: str, offset: int | None = None, **more: Any) -> bytes:
    place = {} if offset is None else {"stream_id": "s", "epoch": "e", "offset": offset}
    return frame(identifier=OURS, message={"t": text}, **place, **more)


def texts(steps: list[Step]) -> list[str]:
    return [json.loads(step.payload)["t"] for step in steps if isinstance(step, CableMessage)]


class Talk:
    """A conversation, and what it asked last."""

    def __init__(self, protocol: str | None = EXTENDED) -> None:
        self.conversation = Conversation("i1")
        self.connect(protocol)

    def connect(self, protocol: str | None = EXTENDED) -> None:
        self.conversation.begin(protocol)

    def take(self, raw: bytes) -> list[Step]:
        return list(self.conversation.take(raw))

    def asked(self, raw: bytes) -> list[dict[str, Any]]:
        return [json.loads(step.frame) for step in self.take(raw) if isinstance(step, Send)]

    def subscribed(self, *frames: bytes) -> list[Step]:
        self.take(frame(type="welcome", sid="old"))
        self.take(frame(type="confirm_subscription", identifier=OURS))
        self.take(frame(type="confirm_history", identifier=OURS))
        return [step for each in frames for step in self.take(each)]

    def sid(self) -> list[str] | None:
        return parse_qs(self.conversation.query("t")).get("sid")


@pytest.mark.parametrize(
    ("api_url", "url"),
    [
        ("https://api.prepared911.com", "wss://api.prepared911.com/cable"),
        ("http://127.0.0.1:8911", "ws://127.0.0.1:8911/cable"),
        ("https://example.org:8443/replay", "wss://example.org:8443/replay/cable"),
    ],
)
def test_the_cable_is_beside_the_api(api_url: str, url: str) -> None:
    assert cable_url(api_url) == url


def test_it_subscribes_once_welcome() -> None:
    talk = Talk()
    assert talk.asked(frame(type="welcome", sid="x")) == [
        {"command": "subscribe", "identifier": OURS, "history": {"since": 1}}
    ]
    assert talk.take(frame(type="confirm_subscription", identifier=OURS)) == [Confirmed()]
    # What is broadcast comes after what was sent before, whichever is sent first.
    assert talk.take(message("b", 5)) == []
    assert talk.take(message("all")) == []
    assert texts(talk.take(frame(type="confirm_history", identifier=OURS))) == ["all", "b"]
    assert texts(talk.take(message("c", 6))) == ["c"]


def test_the_incident_is_named_by_the_given_parameter() -> None:
    conversation = Conversation("i1", "incident_event_id")
    (step,) = conversation.take(frame(type="welcome", sid="x"))
    assert isinstance(step, Send)
    assert json.loads(json.loads(step.frame)["identifier"]) == {
        "channel": "PartnerEventsChannel",
        "incident_event_id": "i1",
    }


def test_the_query_holds_the_token_escaped() -> None:
    assert Conversation("i1").query("a b&c") == "token=a+b%26c"


def test_a_reject_and_a_hang_up_are_reported() -> None:
    talk = Talk()
    assert talk.take(frame(type="reject_subscription", identifier=OURS)) == [Rejected()]
    reported = talk.take(frame(type="disconnect", reason="token_expired", reconnect=False))
    assert reported == [HungUp("token_expired", False)]
    assert talk.take(frame(type="disconnect")) == [HungUp("", True)]


def test_what_is_for_another_subscription_is_left() -> None:
    talk = Talk()
    for raw in (
        frame(type="confirm_subscription", identifier="other"),
        frame(type="reject_subscription", identifier={"a": 1}),
        frame(identifier="other", message={"t": "a"}),
        frame(type="ping", message=1),
        frame(type="fly", identifier=OURS),
        frame(identifier=OURS),
    ):
        assert talk.take(raw) == []


def test_a_session_goes_on_where_it_was() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4), message("b", 5))
    assert talk.sid() == ["old"]
    talk.connect()
    asked = talk.asked(frame(type="welcome", sid="new", restored=True, restored_ids=[OURS]))
    assert asked == [
        {
            "command": "history",
            "identifier": OURS,
            "history": {"streams": {"s": {"epoch": "e", "offset": 5}}},
        }
    ]
    assert talk.take(message("d", 7)) == []  # what came meanwhile waits for what came before
    assert talk.take(message("c", 6)) == []
    assert texts(talk.take(frame(type="confirm_history", identifier=OURS))) == ["c", "d"]
    assert texts(talk.take(message("e", 8))) == ["e"]
    assert talk.sid() == ["new"]


def test_a_line_lost_while_messages_wait_loses_none_of_them() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4))
    welcome = frame(type="welcome", sid="new", restored=True, restored_ids=[OURS])
    for _ in range(2):
        talk.connect()
        (asked,) = talk.asked(welcome)
        assert asked["history"]["streams"]["s"]["offset"] == 4
        assert talk.take(message("c", 6)) == []


def test_a_new_session_says_what_it_has() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4))
    talk.connect()
    (asked,) = talk.asked(frame(type="welcome", sid="new"))
    assert asked["command"] == "subscribe"
    assert asked["history"] == {"streams": {"s": {"epoch": "e", "offset": 4}}}
    assert talk.take(message("all", None)) == []
    assert texts(talk.take(frame(type="confirm_history", identifier=OURS))) == ["all"]


def test_where_history_is_gone_all_words_are_asked_for() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4))
    talk.connect()
    talk.take(frame(type="welcome", sid="new", restored=True))
    asked = talk.asked(frame(type="reject_history", identifier=OURS))
    assert [each["command"] for each in asked] == ["unsubscribe", "subscribe"]
    assert all("history" not in each for each in asked)
    assert texts(talk.take(message("b", 1))) == ["b"]


def test_a_session_taken_up_without_a_place_asks_for_all_that_is_kept() -> None:
    talk = Talk()
    talk.subscribed()
    talk.connect()
    asked = talk.asked(frame(type="welcome", sid="new", restored=True, restored_ids=[OURS]))
    assert asked == [{"command": "history", "identifier": OURS, "history": {"since": 1}}]


def test_a_server_without_history_is_not_asked_twice() -> None:
    talk = Talk()
    talk.take(frame(type="welcome", sid="x"))
    assert talk.take(message("a")) == []
    steps = talk.take(frame(type="reject_history", identifier=OURS))
    assert texts(steps) == ["a"]
    assert len(steps) == 1
    assert texts(talk.take(message("b"))) == ["b"]


def test_a_server_that_never_sends_its_history_is_not_waited_for_long() -> None:
    talk = Talk()
    talk.take(frame(type="welcome", sid="x"))
    assert talk.take(message("a", 3)) == []
    steps = [talk.take(frame(type="ping", message=n)) for n in range(3)]
    assert [texts(each) for each in steps] == [[], [], ["a"]]
    assert texts(talk.take(message("b", 4))) == ["b"]


def test_a_plain_server_is_asked_for_everything_again() -> None:
    talk = Talk(PLAIN)
    talk.subscribed(message("a", 4))
    assert talk.sid() is None
    talk.connect(None)
    assert talk.asked(frame(type="welcome")) == [{"command": "subscribe", "identifier": OURS}]
    assert texts(talk.take(message("b"))) == ["b"]


def test_forgetting_starts_over() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4))
    talk.conversation.forget()
    assert talk.sid() is None
    talk.connect()
    (asked,) = talk.asked(frame(type="welcome", sid="n"))
    assert asked["history"] == {"since": 1}


def test_what_is_held_back_is_bounded() -> None:
    talk = Talk()
    talk.subscribed(message("a", 4))
    talk.connect()
    talk.take(frame(type="welcome", sid="n"))
    big = "x" * 900_000
    given_out = [texts(talk.take(message(big, 5 + n))) for n in range(30)]
    assert max(map(len, given_out)) < 20
    assert sum(map(len, given_out)) > 10


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"5", b"\xff", b"[" * 100_000, b" " * (MAX_FRAME_BYTES + 1)],
)
def test_what_is_no_frame_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        Talk().take(raw)


ODD = (
    st.none() | st.booleans() | st.integers(-5, 10) | st.sampled_from(
        ["", OURS, "welcome", "disconnect", "confirm_history", "reject_history",
         "confirm_subscription", "reject_subscription", "s", "e", "\x1b[2J"]
    ) | st.lists(st.sampled_from([OURS, 5, None]), max_size=2) | st.just({"t": "x"})
)  # fmt: skip
KEYS = ["type", "identifier", "message", "reason", "reconnect", "sid", "restored",
        "restored_ids", "stream_id", "epoch", "offset"]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), ODD, max_size=11), max_size=8))
def test_any_frames_are_survived(frames: list[dict[str, Any]]) -> None:
    talk = Talk()
    for each in frames:
        with contextlib.suppress(WireError):
            talk.take(frame(**each))
        assert len(talk.conversation.query("t")) < 1000

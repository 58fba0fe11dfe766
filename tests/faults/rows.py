"""All rows of the table, in its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults import api_rows, bot_rows, link_rows, server_rows
from tests.faults.play import Outcome
from tests.faults.rig import Rig
from tests.rig.fault_proxy import Fault

HTML = Fault(
    200, body="<!doctype html><title>Sign in to this network</title>", content_type="text/html"
)


@dataclass(frozen=True)
class Row:
    """One fault. `short` ones are tested each time, `quick` ones run with --quick as well."""

    name: str
    run: Callable[..., Outcome]
    how: dict[str, Any] = field(default_factory=dict)
    short: bool = False
    quick: bool = True

    def play(self, rig: Rig) -> Outcome:
        """Have the fault happen; return what came of it.

        A row that goes wrong while the sound device itself fails is played again, at most twice.
        """
        outcome: Outcome = self.run(rig, self.name, **self.how)
        for _ in range(2):
            if not (outcome.wrong and outcome.disturbed):
                break
            outcome = self.run(rig, self.name, **self.how)
        return outcome


def _row(name: str, run: Callable[..., Outcome], *, short: bool = False, quick: bool = True,
         **how: Any) -> Row:  # fmt: skip
    return Row(name, run, how, short, quick)


ROWS = (
    _row("livekit-server killed, back after 3 s", server_rows.livekit_killed, gone_s=3.0),
    _row("livekit-server killed, back after 60 s", server_rows.livekit_killed, gone_s=60.0,
         wishes=True, quick=False),
    _row("service killed, back after 2 s; commands typed meanwhile", server_rows.service_killed,
         gone_s=2.0),
    _row("service killed while paused", server_rows.service_killed, gone_s=2.0, paused=True),
    _row("link down 2 s", link_rows.link_down, down_s=2.0, short=True),
    _row("link down 10 s; commands typed meanwhile", link_rows.link_down, down_s=10.0, wishes=True),
    _row("link down 60 s", link_rows.link_down, down_s=60.0, quick=False),
    _row("30 % loss for 20 s", link_rows.loss, percent=30.0, for_s=20.0),
    _row("2 s delay from one moment on", link_rows.delay, delay_ms=2000.0, for_s=5.0),
    _row("UDP blocked in mid-call", link_rows.udp_blocked),
    _row("UDP blocked from the start", link_rows.udp_never),
    _row("access and stream token end in mid-call, twice", bot_rows.tokens_end, lasts_s=1.0),
    _row("room server refuses one stream token", bot_rows.token_refused, times=1),
    _row("room server refuses every stream token", bot_rows.token_refused, times=99),
    _row("API answers 401", api_rows.refuses, fault=Fault(401), says="refuses this client .401.",
         short=True),
    _row("API answers 403", api_rows.refuses, fault=Fault(403), says="refuses this client .403."),
    _row("sign-in refused", api_rows.refuses_sign_in),
    _row("API answers 404", api_rows.answers, fault=Fault(404), says="answered 404"),
    _row("API answers 429, Retry-After: 3", api_rows.asks_for_patience, wait_s=3),
    _row("API answers 500", api_rows.answers, fault=Fault(500), says="answered 500"),
    _row("API hangs", api_rows.answers, fault=Fault(hangs=True), says="no answer in time",
         tries=1),
    _row("API sends half an answer", api_rows.answers, fault=Fault(breaks_off=True),
         says="answer broke off"),
    _row("API sends HTML", api_rows.answers, fault=HTML, says="not understood"),
    _row("API's name not resolved (DNS)", api_rows.name_unknown),
    _row("API's certificate expired (TLS)", api_rows.certificate_invalid, short=True),
    _row("bot leaves, returns after 2 s as new", bot_rows.away, what="here", says="has left",
         for_s=2.0, short=True),
    _row("bot away; commands typed meanwhile", bot_rows.away, what="here", says="has left",
         for_s=2.0, wishes=True),
    _row("tracks unpublished, published again after 2 s", bot_rows.away, what="tracks",
         says="has left", for_s=2.0),
    _row("status stops for 3 s", bot_rows.status_stops, for_s=3.0, short=True),
    _row("sound stops for 3 s, status goes on", bot_rows.away, what="sound", says="no sound comes",
         for_s=3.0, short=True),
    _row("sound stops for good in this room", bot_rows.sound_never_back),
)  # fmt: skip

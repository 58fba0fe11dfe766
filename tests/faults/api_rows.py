"""An API that answers wrongly, or cannot be reached, when the player needs a new token in mid-call.

The room is ended for everybody, so that the player must ask for another.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.play import Outcome, Play
from tests.faults.rig import Rig
from tests.rig.certificates import Authority
from tests.rig.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.rig.processes import soon

TOKEN = "/stream_token"
HOST = "calls.rig.test"
WITH_OWN_HOSTS = (
    'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
)
NO_NAMES, NO_SERVER = "127.0.0.1 localhost\n", "nameserver 127.0.0.1\noptions attempts:1\n"


def answers(rig: Rig, row: str, *, fault: Fault, says: str, tries: int = 2) -> Outcome:
    """The API answers wrongly to some tries, then well again: the call must be back."""
    with rig.play_through_proxy() as (play, proxy):
        proxy.fault = fault
        broke_s = play.broke()
        rig.served.livekit.end_rooms()
        _wait_tries(play, proxy, tries, broke_s)
        play.mended()
        proxy.fault = None
        play.wait_back()
        return play.outcome(row, says=says, names_next_try=True)


def asks_for_patience(rig: Rig, row: str, *, wait_s: int) -> Outcome:
    """The API answers 429 with Retry-After: it must be left alone for so long."""
    fault = Fault(429, {"Retry-After": str(wait_s)})
    with rig.play_through_proxy() as (play, proxy):
        proxy.fault = fault
        broke_s = play.broke()
        rig.served.livekit.end_rooms()
        _wait_tries(play, proxy, 1, broke_s)
        play.mended()
        proxy.fault = None
        play.wait_back()
        outcome = play.outcome(row, says="answered 429", names_next_try=True)
        first_s, second_s = proxy.asked(TOKEN, broke_s)[:2]
        waited_s = second_s - first_s
        outcome = outcome.with_note(f"asked again after {waited_s:.1f} s")
        early = waited_s < wait_s - 0.05
        return outcome.but(f"asked again after {waited_s:.1f} s already") if early else outcome


def refuses(rig: Rig, row: str, *, fault: Fault, says: str) -> Outcome:
    """The API has this client no more: the player ends, and says why."""
    with rig.play_through_proxy() as (play, proxy):
        proxy.fault = fault
        play.broke()
        rig.served.livekit.end_rooms()
        return play.failure(row, exit_code=3, code="sign-in-refused", says=says)


def refuses_sign_in(rig: Rig, row: str) -> Outcome:
    """The API knows the token no more, and refuses to make another."""
    with rig.play_through_proxy() as (play, proxy):
        proxy.fault = Fault(401, path="token")  # /oauth/token and …/stream_token
        play.broke()
        rig.served.livekit.end_rooms()
        return play.failure(row, exit_code=3, code="sign-in-refused", says="Sign-in was refused")


def name_unknown(rig: Rig, row: str) -> Outcome:
    """The API's name cannot be resolved any more."""
    with _named(rig) as (play, _, hosts, _authority, _tls):
        broke_s = play.broke()
        named = hosts.read_text()
        hosts.write_text(NO_NAMES)
        rig.served.livekit.end_rooms()
        _wait_next_try(play, broke_s)
        play.mended()
        hosts.write_text(named)
        play.wait_back()
        return play.outcome(row, says="name cannot be resolved", names_next_try=True)


def certificate_invalid(rig: Rig, row: str) -> Outcome:
    """The API's certificate has expired: nothing may be sent to it, and nothing believed of it."""
    with _named(rig) as (play, proxy, _, authority, tls):
        signed = authority.sign(HOST, days=-1)
        tls.load_cert_chain(signed.cert, signed.key)
        broke_s = play.broke()
        rig.served.livekit.end_rooms()
        _wait_next_try(play, broke_s)
        reported = proxy.asked("", broke_s)
        play.mended()
        signed = authority.sign(HOST)
        tls.load_cert_chain(signed.cert, signed.key)
        play.wait_back()
        outcome = play.outcome(row, says="certificate is not valid .*expired", names_next_try=True)
        return outcome.but(f"{len(reported)} requests were sent to it") if reported else outcome


@contextlib.contextmanager
def _named(
    rig: Rig,
) -> Iterator[tuple[Play, FaultProxy, Path, Authority, ssl.SSLContext]]:
    """Play through a proxy that is reached by a name, over TLS."""
    folder = rig.new_folder()
    authority = Authority(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signed = authority.sign(HOST)
    tls.load_cert_chain(signed.cert, signed.key)
    service = rig.served.service
    hosts, resolver = folder / "hosts", folder / "resolv.conf"
    hosts.write_text(f"{NO_NAMES}127.0.0.1 {HOST}\n")
    resolver.write_text(NO_SERVER)
    prefix: Sequence[str] = (
        "unshare", "--mount", "sh", "-c", WITH_OWN_HOSTS, str(hosts), str(resolver),
    )  # fmt: skip
    with fault_proxy(service.api_url, tls) as proxy:
        environment = service.environment | {
            "CALLPLAYER_API_URL": f"https://{HOST}:{proxy.port}",
            "CALLPLAYER_CABLE_URL": service.api_url.replace("http", "ws", 1) + "/cable",
            "SSL_CERT_FILE": str(authority.cert),
        }
        with rig.play(environment, service.incidents[0], prefix=prefix) as play:
            play.settle()
            yield play, proxy, hosts, authority, tls


def _wait_tries(play: Play, proxy: FaultProxy, tries: int, since_s: float) -> None:
    """Wait until so many tries have failed and the next one is reported."""
    assert soon(lambda: len(proxy.asked(TOKEN, since_s)) >= tries, 60.0), "it does not ask again"
    _wait_next_try(play, proxy.asked(TOKEN, since_s)[tries - 1])


def _wait_next_try(play: Play, since_s: float) -> None:
    play.engine.wait_for(
        lambda e: e["event"] == "state" and e["retry_at_s"] is not None, 30.0, since_s
    )

"""API, cable and room by TLS: what is not signed by a trusted authority is sent nothing."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.rig.certificates import Authority
from tests.rig.processes import CLIENT_SECRET, HeadlessEngine
from tests.rig.relay import Relay
from tests.rig.vendor import Script, Vendor

ROOM_REFUSED_S = 20.0


@dataclass
class Site:
    """A vendor behind TLS: the lines to its API and to its room."""

    vendor: Vendor
    authority: Authority
    api: Relay
    room: Relay

    def use(self, api: str, room: str, days: int = 1) -> None:
        """Show certificates for these names from now on."""
        for relay, name in ((self.api, api), (self.room, room)):
            signed = self.authority.sign(name, days=days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(signed.cert, signed.key)
            relay.tls = context
            relay.seen = b""

    def environment(self, **more: str) -> dict[str, str]:
        return self.vendor.environment | {
            "CALLPLAYER_API_URL": f"https://127.0.0.1:{self.api.port}",
            "CALLPLAYER_STREAM_URL": f"wss://127.0.0.1:{self.room.port}",
            **more,
        }

    @property
    def trusted(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.authority.cert)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    script = Script(folder=str(folder), names_room=False)
    vendor = Vendor(folder, script)
    relays = []
    for url in (vendor.environment["CALLPLAYER_API_URL"], vendor.stream_url):
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        relays.append(Relay((address.hostname, address.port)))
    yield Site(vendor, Authority(folder), *relays)
    for relay in relays:
        relay.close()
    vendor.stop()


def test_a_private_authority_that_is_named_is_trusted_by_api_cable_and_room(
    site: Site, tmp_path: Path
) -> None:
    site.use("127.0.0.1", "127.0.0.1")
    engine = HeadlessEngine(tmp_path, site.environment(**site.trusted), "i1", "--no-audio")
    engine.wait_state(phase="playing", advancing=True)
    engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "open")
    assert engine.quit() == 0
    assert site.room.accepted > 0


@pytest.mark.parametrize(
    ("name", "days", "is_trusted"),
    [("127.0.0.1", 1, False), ("elsewhere.example", 1, True), ("127.0.0.1", -1, True)],
    ids=["of an unknown authority", "of another host", "expired"],
)
def test_an_api_that_cannot_prove_itself_is_sent_no_secret(
    name: str, days: int, is_trusted: bool, site: Site, tmp_path: Path
) -> None:
    site.use(name, "127.0.0.1", days)
    trusted = site.trusted if is_trusted else {}
    engine = HeadlessEngine(tmp_path, site.environment(**trusted), "i1", "--no-audio")
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert error["code"] == "unreachable"
    assert engine.finish() == 5
    assert CLIENT_SECRET.encode() not in site.api.seen
    assert site.api.seen == b"", "not a byte of a request was sent"


def test_a_room_that_cannot_prove_itself_is_not_joined(site: Site, tmp_path: Path) -> None:
    site.use("127.0.0.1", "elsewhere.example")
    engine = HeadlessEngine(tmp_path, site.environment(**site.trusted), "i1", "--no-audio")
    _, error = engine.wait_for(lambda e: e["event"] == "error", ROOM_REFUSED_S)
    assert error["code"] == "unreachable"
    assert engine.finish() == 5
    assert site.room.seen == b"", "the stream token was not sent"

"""Who can reach the service and how: TLS, a proxy, limits, and what it refuses to do."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session
from websockets.asyncio.client import connect

from callplayer.errors import UsageError
from callplayer.service.options import ServeOptions, check
from callplayer.service.server import serve
from tests.e2e.service_fixtures import (
    CLIENT_ID,
    CLIENT_SECRET,
    Service,
    listening,
    open_stream,
    running_service,
    sign_in_body,
)
from tests.rig.processes import HeadlessEngine

PUBLIC = "https://replay.example.org"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callplayer test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def tls_service(recordings: Path, certificate: tuple[Path, Path]) -> Iterator[Service]:
    """One that listens on every address of the machine, which it may do because it has TLS."""
    cert, key = certificate
    options = f"(Path({str(recordings)!r}),), port=0, host='0.0.0.0'"
    options += f", tls_cert=Path({str(cert)!r}), tls_key=Path({str(key)!r})"
    with running_service(options) as service:
        assert service.ready["ready"], service.ready
        yield service


def local_url(service: Service) -> str:
    return f"https://127.0.0.1:{service.api_url.rsplit(':', 1)[1]}"


def test_it_reports_an_address_that_others_can_reach(tls_service: Service) -> None:
    reported = urlsplit(tls_service.api_url)
    assert (reported.scheme, reported.hostname) == ("https", socket.gethostname().lower())
    document = httpx.get(f"{local_url(tls_service)}/openapi.json", verify=False, trust_env=False)
    assert document.json()["servers"] == [{"url": tls_service.api_url}]


@pytest.mark.parametrize("in_header", [True, False])
def test_an_oauth_library_signs_in_over_tls(
    tls_service: Service, certificate: tuple[Path, Path], in_header: bool
) -> None:
    url = local_url(tls_service)

    def session_with(secret: str) -> OAuth2Session:
        client = BackendApplicationClient(client_id=CLIENT_ID, scope=["incident_events"])
        session = OAuth2Session(client=client)
        session.trust_env = False
        how = {"auth": HTTPBasicAuth(CLIENT_ID, secret)} if in_header else {
            "client_secret": secret, "include_client_id": True}  # fmt: skip
        session.fetch_token(f"{url}/oauth/token", verify=str(certificate[0]), **how)
        return session

    with session_with(CLIENT_SECRET) as session:
        answer = session.get(f"{url}/v1/incident_events", verify=str(certificate[0]))
        assert answer.status_code == 200
        assert len(answer.json()["data"]) == 2
    with pytest.raises(InvalidClientError):
        session_with("wrong")


def test_nothing_is_said_in_the_clear_where_there_is_tls(
    tls_service: Service, certificate: tuple[Path, Path]
) -> None:
    url = local_url(tls_service)
    with pytest.raises(httpx.HTTPError):
        httpx.get(url.replace("https", "http") + "/health", trust_env=False)
    context = ssl.create_default_context(cafile=certificate[0])
    assert httpx.get(f"{url}/health", verify=context, trust_env=False).status_code == 200
    assert "is for this machine only" in tls_service.log()


async def test_words_go_over_tls_and_the_token_into_no_log(
    tls_service: Service, certificate: tuple[Path, Path]
) -> None:
    url = local_url(tls_service)
    context = ssl.create_default_context(cafile=certificate[0])
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        signed_in = await client.post(f"{url}/oauth/token", json=sign_in_body())
    token = signed_in.json()["access_token"]
    cable_url = url.replace("https", "wss") + f"/cable?token={token}"
    async with connect(cable_url, ssl=context, proxy=None) as socket:
        assert '"welcome"' in str(await socket.recv())
    assert token not in tls_service.log()


def test_the_player_has_its_transcript_over_tls(
    tls_service: Service, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    environment = {
        "CALLPLAYER_API_URL": local_url(tls_service),
        "CALLPLAYER_CLIENT_ID": CLIENT_ID,
        "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
        "SSL_CERT_FILE": str(certificate[0]),
    }
    incident = tls_service.ready["incidents"][0]
    engine = HeadlessEngine(tmp_path, environment, incident, "--no-audio", "--paused")
    engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "open")
    assert engine.quit() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_it_does_not_listen_beyond_this_machine_in_the_clear(host: str, capsys) -> None:
    with pytest.raises(UsageError, match="without TLS"):
        serve(ServeOptions((), host=host))
    assert '"ready": false' in capsys.readouterr().out
    check(ServeOptions((), host=host, insecure=True))


def test_bad_certificates_are_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    (tmp_path / "text.pem").write_text("no certificate")
    for cert_path, key_path, reported in (
        (cert, None, "Only one"),
        (None, key, "Only one"),
        (cert, cert, "cannot be used"),
        (tmp_path / "text.pem", key, "cannot be used"),
        (tmp_path / "none.pem", key, "No such file"),
    ):
        with pytest.raises(UsageError, match=reported):
            check(ServeOptions((), tls_cert=cert_path, tls_key=key_path))


@pytest.mark.parametrize(
    "options",
    [
        ServeOptions((), public_url="http://replay.example.org"),
        ServeOptions((), public_url="ftp://replay.example.org"),
        ServeOptions((), public_url="https://user:pass@replay.example.org"),
        ServeOptions((), live=True),
        ServeOptions((Path("a.wav"),), library=Path("x")),
        ServeOptions((), port=70_000),
    ],
)
def test_options_that_cannot_be_are_refused(options: ServeOptions) -> None:
    with pytest.raises(UsageError) as refused:
        check(options)
    assert "CALLPLAYER_PUBLIC" not in refused.value.hint  # they are flags, not variables


def wrong_sign_in(url: str, address: str) -> int:
    return httpx.post(
        f"{url}/oauth/token",
        json=sign_in_body(client_secret="wrong"),
        headers={"X-Forwarded-For": address},
        trust_env=False,
    ).status_code


def test_behind_a_proxy_each_of_its_clients_has_limits_of_its_own(recordings: Path) -> None:
    options = f"(Path({str(recordings)!r}),), port=0"
    with running_service(f"{options}, public_url={PUBLIC!r}") as service:
        assert service.ready["api_url"] == PUBLIC
        url = service_url(service)
        statuses = [wrong_sign_in(url, "192.0.2.1") for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        assert wrong_sign_in(url, "192.0.2.2") == 401
        document = httpx.get(f"{url}/openapi.json", trust_env=False).json()
        assert document["servers"] == [{"url": PUBLIC}]
    with running_service(options) as service:  # no header of a proxy is believed
        url = service.api_url
        statuses = [wrong_sign_in(url, f"192.0.2.{number}") for number in range(11)]
        assert statuses == [401] * 10 + [429]


def service_url(service: Service) -> str:
    """Where the service itself listens, whatever it names to clients."""
    (port,) = [
        line.split()[1].rsplit(":", 1)[1]
        for line in Path(f"/proc/{service.process.pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in sockets_of(service.process.pid)
    ]
    return f"http://127.0.0.1:{int(port, 16)}"


def sockets_of(pid: int) -> set[str]:
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}


async def test_rooms_cannot_be_guessed_and_tokens_open_one_only(recordings: Path) -> None:
    with running_service(f"(Path({str(recordings)!r}),), port=0") as service:
        rooms = set()
        for _ in range(3):
            token, url = await open_stream(service, "call.wav", autoplay=False)
            async with listening(token, url) as listener:
                rooms.add(listener.room.name)
        assert len(rooms) == 3
        assert all(len(room) >= len("call-") + 32 for room in rooms)  # 192 bits


def test_a_library_and_its_files_are_private(tmp_path: Path) -> None:
    library = tmp_path / "library"
    before = os.umask(0)
    try:
        with running_service(f"(), port=0, library=Path({str(library)!r})") as service:
            assert service.ready["ready"]
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in library.rglob("*")}
    finally:
        os.umask(before)
    assert stat.S_IMODE(library.stat().st_mode) == 0o700
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path

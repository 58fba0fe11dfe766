"""A library as a user has it: imported into, served, changed while it is served, and killed."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile
from livekit import rtc

from callplayer.service.library.library import Library
from callplayer.vendor.commands import Resume
from tests.e2e.service_fixtures import (
    RATE_HZ,
    Service,
    heard_position_s,
    listening,
    open_incident,
    running_service,
    sign_in_body,
    signed_in,
    sweep,
    until,
)
from tests.rig.openapi_check import OpenApiCheck

WORDS = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Dispatcher>where is it\n"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command, *rest = words
    names = [command] if command != "clients" else [command, rest.pop(0)]
    return subprocess.run(
        [sys.executable, "-m", "callplayer", "serve", *names, f"--library={folder}", *rest],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def imported(folder: Path, *words: str) -> str:
    return run(folder, "import", *words).stdout.split()[0]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call of two files, one of each party, and words."""
    folder = tmp_path_factory.mktemp("sound")
    for party in ("caller", "callTaker"):
        soundfile.write(folder / f"{party}.wav", sweep(party, 6.0), RATE_HZ, subtype="PCM_16")
    (folder / "words.vtt").write_text(WORDS)
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "library"


@pytest.fixture(scope="module")
def incident(library: Path, sound: Path) -> str:
    files = (str(sound / "caller.wav"), str(sound / "callTaker.wav"))
    flags = ("--join", f"--words={sound / 'words.vtt'}", "--phone=+15555550142")
    return imported(library, *files, *flags, "--started-at=2026-03-14T02:47:09Z")


@pytest.fixture(scope="module")
def service(library: Path, incident: str) -> Iterator[Service]:
    with running_service(f"(), port=0, library=Path({str(library)!r})") as service:
        assert service.ready["incidents"] == [incident]
        yield service


async def test_an_imported_call_is_heard(service: Service, incident: str) -> None:
    async with signed_in(service) as client:
        reported = (await client.get(f"/v1/incident_events/{incident}")).json()
        assert reported["caller_phone_number"] == "+15555550142"
        assert reported["created_at"] == "2026-03-14 02:47:09 UTC"
        asked = {"autoplay": False}
        path = f"/v1/incident_events/{incident}/stream_token"
        grant = (await client.post(path, json=asked)).json()
    async with listening(grant["token"], grant["url"]) as listener:
        assert abs(listener.statuses[0].duration - 6000) < 10
        await listener.send(Resume())
        for party in ("caller", "callTaker"):
            samples = await listener.hear(party, 0.1)
            assert 0.0 < heard_position_s(samples, party) < 5.0
        async with signed_in(service) as client:  # the bot reports once a second what it obeyed
            deadline_s = time.monotonic() + 10
            while 'commands_total{cmd="resume"} 1.0' not in (await client.get("/metrics")).text:
                assert time.monotonic() < deadline_s
                await asyncio.sleep(0.2)


async def test_what_another_process_does_is_served_at_once(
    service: Service, library: Path, sound: Path
) -> None:
    added = imported(library, str(sound / "caller.wav"))
    async with signed_in(service) as client:
        listed = (await client.get("/v1/incident_events")).json()["data"]
        assert added in [each["id"] for each in listed]
        run(library, "remove", added)
        assert (await client.get(f"/v1/incident_events/{added}")).status_code == 404
        listed = (await client.get("/v1/incident_events")).json()["data"]
        assert added not in [each["id"] for each in listed]
    assert not (library / "recordings" / f"{added}.flac").exists()


async def test_a_removed_incident_ends_its_streams_for_good(
    service: Service, library: Path, sound: Path, incident: str
) -> None:
    added = imported(library, str(sound / "caller.wav"))
    token, url = await open_incident(service, added)
    kept = await open_incident(service, incident, autoplay=False)
    async with listening(token, url) as listener, listening(*kept) as other:
        await listener.send(Resume())
        await until(lambda: listener.statuses[-1].position > 0)
        run(library, "remove", added)
        await until(lambda: not listener.room.isconnected())
        await other.status()
    await is_refused(token, url)


async def test_a_removed_client_loses_its_streams_for_good(
    service: Service, library: Path, incident: str
) -> None:
    secret = run(library, "clients", "add", "desk-9").stdout.strip()
    kept = await open_incident(service, incident, autoplay=False)
    async with httpx.AsyncClient(base_url=service.api_url, trust_env=False) as client:
        signed = await client.post(
            "/oauth/token", json=sign_in_body(client_id="desk-9", client_secret=secret)
        )
        client.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
        path = f"/v1/incident_events/{incident}/stream_token"
        grant = (await client.post(path, json={"autoplay": False})).json()
    async with listening(grant["token"], grant["url"]) as listener, listening(*kept) as other:
        run(library, "clients", "remove", "desk-9")
        await until(lambda: not listener.room.isconnected())
        await other.status()
    await is_refused(grant["token"], grant["url"])


async def is_refused(token: str, url: str) -> None:
    late = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await asyncio.wait_for(late.connect(url, token), 10)


async def test_clients_come_rotate_and_go_without_a_restart(
    service: Service, library: Path
) -> None:
    def sign_in(secret: str) -> httpx.Response:
        body = sign_in_body(client_id="trainer", client_secret=secret)
        return httpx.post(f"{service.api_url}/oauth/token", json=body, trust_env=False)

    def status_of(token: str) -> int:
        return httpx.get(
            f"{service.api_url}/v1/incident_events",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        ).status_code

    first = run(library, "clients", "add", "trainer").stdout.strip()
    token = sign_in(first).json()["access_token"]
    assert status_of(token) == 200
    second = run(library, "clients", "rotate", "trainer", "--grace=60").stdout.strip()
    assert [sign_in(secret).status_code for secret in (first, second)] == [200, 200]
    third = run(library, "clients", "rotate", "trainer").stdout.strip()
    assert [sign_in(secret).status_code for secret in (first, second, third)] == [401, 401, 200]
    assert status_of(token) == 401
    token = sign_in(third).json()["access_token"]
    assert status_of(token) == 200
    run(library, "clients", "remove", "trainer")
    assert (sign_in(third).status_code, status_of(token)) == (401, 401)
    for secret in (first, second, third):
        assert secret not in service.log()


async def test_every_answer_is_as_the_document_says(tmp_path: Path, sound: Path) -> None:
    incident = imported(tmp_path / "library", str(sound / "caller.wav"))
    options = f"(), port=0, library=Path({str(tmp_path / 'library')!r})"
    with running_service(f"{options}, live_sources=LiveSources(ingest=True)") as service:
        await ask_for_everything(service, incident)


async def ask_for_everything(service: Service, incident: str) -> None:
    async with signed_in(service) as client:
        check = OpenApiCheck((await client.get("/openapi.json")).json())
        some = f"/v1/incident_events/{incident}"
        asked = [
            ("GET", "/health", None, 200),
            ("GET", "/metrics", None, 200),
            ("GET", "/openapi.json", None, 200),
            ("GET", "/v1/incident_events", None, 200),
            ("GET", "/v1/incident_events?page=0", None, 422),
            ("GET", some, None, 200),
            ("GET", f"{some}x", None, 404),
            ("POST", f"{some}/stream_token", {"autoplay": False, "participant_id": "desk"}, 200),
            ("POST", f"{some}/stream_token", {"autoplay": "no"}, 422),
            ("POST", f"{some}x/stream_token", {}, 404),
            ("POST", "/ingest/calls", {"parties": "mixed"}, 201),
            ("POST", "/ingest/calls", {"parties": 3}, 422),
            ("POST", "/oauth/token", sign_in_body(), 200),
            ("POST", "/oauth/token", sign_in_body(grant_type="x"), 400),
            ("POST", "/oauth/token", sign_in_body(client_secret="x"), 401),
            ("POST", "/oauth/token", {"client_id": "x" * 20_000}, 413),
        ]
        for method, path, body, status in asked:
            answer = await client.request(method, path, json=body)
            assert answer.status_code == status, (path, answer.text)
            check.check(answer)
        assert (await client.get("/health")).json()["checks"] == {
            "library": True,
            "room_server": True,
            "new_streams": True,
        }
        metrics = (await client.get("/metrics")).text
        assert re.search(r"^callplayer_streams_open [1-9]", metrics, re.MULTILINE)
        del client.headers["Authorization"]
        for path in ("/metrics", "/v1/incident_events", some):
            answer = await client.get(path)
            assert answer.status_code == 401
            check.check(answer)
    assert check.paths_seen() == set(check.document["paths"])


def test_a_second_service_is_refused(service: Service, library: Path) -> None:
    second = Service(f"(), port=0, library=Path({str(library)!r})")
    assert second.ready["ready"] is False
    assert "Another service" in second.ready["what"]
    assert second.ready["exit_code"] == 1
    second.close()


# --- killed ---------------------------------------------------------------------------------------

# Forks an import that kills itself at its n-th call of those that change anything, n = 1, 2, …,
# until one comes to its end; prints of each what it left.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from callplayer.service.library import importer as imports
from callplayer.service.library.importer import ImportJob as Call, import_calls
from callplayer.service.library.library import Library
import numpy, soundfile, soxr

folder, calls = Path(sys.argv[1]), [Call((Path(path),)) for path in sys.argv[2:]]
steps = 0

def dying(name, last):
    real = getattr(os, name)
    def step():
        global steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
    def call(*given, **named):
        step()
        result = real(*given, **named)
        step()
        return result
    setattr(os, name, call)

for last in range(1, 200):
    if not (child := os.fork()):
        for name in ("open", "close", "fsync", "rename", "dup", "unlink"):
            dying(name, last)
        import_calls(folder, calls)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with Library.open(folder) as library:
        known = library.paths()
        found = set((folder / "recordings").glob("[!.]*"))
        print(json.dumps([code, len(known), len(known - found), len(found - known)]), flush=True)
        if code == 0:
            break
        for recording in library.list().recordings:
            library.remove(recording.id)
"""


def test_an_import_killed_at_any_step_leaves_nothing_or_all(tmp_path: Path, sound: Path) -> None:
    """Each is a process of its own that is really killed; two calls are imported at once."""
    folder = tmp_path / "library"
    Library.open(folder).close()
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(sound / "caller.wav"),
         str(sound / "callTaker.wav")],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    *killed, whole = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(killed) > 20
    for code, incidents, without_sound, _strays in killed:
        assert code == -signal.SIGKILL
        assert incidents in (0, 2)
        assert without_sound == 0
    assert {incidents for _, incidents, _, _ in killed} == {0, 2}  # also killed when all was done
    assert any(strays for *_, strays in killed)
    assert whole == [0, 2, 0, 0]  # what the killed ones left behind has been swept

"""`serve` as a process: ready line, credentials, refusals, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from livekit import api

from callplayer.config import load_settings
from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.named_file import incident_id
from callplayer.service.livekit import process
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.server import room_server_from_environment
from callplayer.service.options import ServeOptions
from callplayer.service.server import serve
from callplayer.vendor.commands import Resume
from tests.e2e.service_fixtures import (
    CLIENT_SECRET,
    Service,
    is_worker,
    listening,
    open_stream,
    rms_db,
    running_service,
    sign_in_body,
    signed_in,
    until,
    write_recordings,
)
from tests.rig.processes import descendants, is_running, soon

URL = "wss://rooms.example.org"


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder, duration_s=5.0)
    return f"(Path({str(folder)!r}),), port=0, exit_with_stdin=True"


def proc_text(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().decode()


def test_the_ready_line_and_generated_credentials(options: str) -> None:
    without = {"CALLPLAYER_SERVE_CLIENT_ID": "", "CALLPLAYER_SERVE_CLIENT_SECRET": ""}
    with running_service(options, without) as service:
        assert service.ready["ready"] is True
        assert service.ready["stream_url"].startswith("ws://127.0.0.1:")
        assert len(service.ready["incidents"]) == 2
        file = Path(service.ready["config"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        settings = load_settings({}, environment={}, file=file)
        assert not settings.warnings
        assert settings.api_url == service.api_url
        answer = httpx.post(
            f"{service.api_url}/oauth/token",
            json=sign_in_body(
                client_id=settings.client_id, client_secret=settings.client_secret.reveal()
            ),
        )
        assert answer.status_code == 200
    assert not file.parent.exists()


async def test_sign_in_refusals_and_unknown_incidents(options: str) -> None:
    with running_service(f"{options}, token_ttl_s=0.8") as service:
        async with signed_in(service) as client:
            wrong = await client.post("/oauth/token", json=sign_in_body(client_secret="wrong"))
            assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
            assert (await client.get("/v1/incident_events")).status_code == 200
            missing = await client.post("/v1/incident_events/none/stream_token", json={})
            assert missing.status_code == 404
            await asyncio.sleep(0.8)
            assert (await client.get("/v1/incident_events")).status_code == 401


async def test_secrets_are_in_no_argv_and_no_log(options: str) -> None:
    with running_service(options) as service:
        await open_stream(service, "call.wav")
        child = service.room_server()
        environment = proc_text(child, "environ")
        api_secret = environment.split('"keys": {"')[1].split('": "')[1].split('"')[0]
        assert len(api_secret) >= 32
        argv = proc_text(child, "cmdline")
        assert api_secret not in argv
        assert api_secret not in service.log()
        assert CLIENT_SECRET not in service.log()
        assert CLIENT_SECRET not in environment


async def test_one_track_of_all_and_after_sigterm_no_new_stream_but_those_that_are_open(
    options: str,
) -> None:
    with running_service(f"{options}, mixes=True, drain_s=60.0, idle_s=1.0") as service:
        async with signed_in(service) as client:
            path = f"/v1/incident_events/{incident_id('call.wav')}/stream_token"
            assert (await client.get("/health")).json()["checks"]["new_streams"] is True
            async with listening(*await open_stream(service, "call.wav")) as listener:
                await listener.send(Resume())
                await until(lambda: set(listener.frames) == {"call"})
                service.process.send_signal(signal.SIGTERM)
                await until_drains(client)
                answer = await client.post(path, json={})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                before = (await listener.status()).position
                await asyncio.sleep(0.5)
                assert (await listener.status()).position > before
                assert set(listener.frames) == {"call"}
            assert service.process.wait(15) == 0


async def until_drains(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
        while (answer := await client.get("/health")).status_code == 200:
            await asyncio.sleep(0.1)
    assert answer.status_code == 503
    assert answer.json()["checks"]["new_streams"] is False


def end_of_stdin(service: Service) -> None:
    assert service.process.stdin is not None
    service.process.stdin.close()


@pytest.mark.parametrize(
    "end",
    [
        lambda service: service.process.send_signal(signal.SIGINT),
        lambda service: service.process.send_signal(signal.SIGHUP),
        end_of_stdin,
    ],
    ids=["SIGINT", "SIGHUP", "end of stdin"],
)
async def test_it_ends_in_order_and_leaves_no_process(
    options: str, end: Callable[[Service], None]
) -> None:
    with running_service(options) as service:
        await open_stream(service, "call.wav")
        running = service.children()
        assert len(running) >= 2  # the room server, and bots
        assert all(is_running(pid) for pid in running)
        end(service)
        assert service.process.wait(8) == 0
        assert not any(is_running(pid) for pid in running)


@pytest.mark.parametrize("has_setpriv", [True, False])
def test_a_killed_service_takes_its_server_along(
    options: str, has_setpriv: bool, tmp_path: Path
) -> None:
    if has_setpriv:
        search = os.environ["PATH"]
    else:
        search = str(tmp_path)
        options += f", livekit_binary=Path({str(cached_server())!r})"
    with running_service(options, {"PATH": search}) as service:
        assert service.ready["ready"] is True
        running = descendants(service.process.pid)
        servers = [pid for pid in running if not is_worker(pid)]
        assert len(servers) == (1 if has_setpriv else 3)
        service.process.kill()
        service.process.wait(5)
        assert soon(lambda: not any(is_running(pid) for pid in running))


def test_without_setpriv_it_ends_in_order_too(options: str, tmp_path: Path) -> None:
    options += f", livekit_binary=Path({str(cached_server())!r})"
    with running_service(options, {"PATH": str(tmp_path)}) as service:
        running = descendants(service.process.pid)
        service.process.terminate()
        assert service.process.wait(8) == 0
        assert soon(lambda: not any(is_running(pid) for pid in running))


def cached_server() -> Path:
    from callplayer.service.livekit.binary import ensure_binary

    return ensure_binary(print)


async def test_when_its_server_dies_it_starts_another_and_streams_go_on(options: str) -> None:
    with running_service(options) as service:
        token, url = await open_stream(service, "call.wav")
        async with listening(token, url) as listener:
            await listener.status_after(Resume())
            await listener.hear("caller", 0.1)
            child = service.room_server()
            statuses, killed_s = len(listener.statuses), time.monotonic()
            os.kill(child, signal.SIGKILL)
            await until(lambda: len(listener.statuses) > statuses + 4, timeout_s=15)
            before, after = listener.statuses[statuses - 1], listener.statuses[-1]
            assert not after.paused
            passed_ms = (time.monotonic() - killed_s) * 1000
            assert 0 < after.position - before.position < passed_ms + 300
            assert rms_db(await listener.hear("caller", 0.2)) > -30
        assert service.room_server() != child
        assert "livekit-server has ended by itself (exit code -9)" in service.log()
        assert "livekit-server runs again" in service.log()
        token, url_now = await open_stream(service, "call.wav")
        assert url_now == url
        async with listening(token, url) as another:
            assert another.statuses[0].position == 0
        service.process.terminate()
        assert service.process.wait(5) == 0


@pytest.mark.parametrize("has_setpriv", [True, False])
def test_a_server_that_will_not_stay_is_given_up(
    options: str, has_setpriv: bool, tmp_path: Path
) -> None:
    broken = tmp_path / "livekit-server"
    marker = tmp_path / "broken"
    broken.write_text(
        f'#!/bin/sh\n[ "$1" != --version ] && [ -e {marker} ] && exit 3\n'
        f'exec {cached_server()} "$@"\n'
    )
    broken.chmod(0o700)
    options += f", livekit_binary=Path({str(broken)!r})"
    search = os.environ["PATH"] if has_setpriv else str(tmp_path / "none")
    with running_service(options, {"PATH": search}) as service:
        assert service.ready["ready"] is True
        marker.touch()
        running = descendants(service.process.pid)
        servers = [pid for pid in running if not is_worker(pid)]
        os.kill(servers[0 if has_setpriv else 1], signal.SIGKILL)
        assert service.process.wait(30) != 0
        log = service.log()
        assert log.count("has ended by itself (exit code 3)") == 5
        assert "again and again" in log
        assert soon(lambda: not any(is_running(pid) for pid in running))


def test_what_cannot_be_served_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="beyond this machine"):
        serve(ServeOptions((tmp_path,), host="0.0.0.0"))
    with pytest.raises(UsageError, match="no recording"):
        serve(ServeOptions((tmp_path,)))
    reported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ready"] for line in reported] == [False, False]
    assert [line["exit_code"] for line in reported] == [2, 2]


def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    write_recordings(tmp_path, duration_s=1.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            serve(ServeOptions((tmp_path,), port=port))


@pytest.mark.parametrize("kind", ["web socket", "media"])
async def test_a_room_server_whose_port_was_taken_gets_another(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding a free port and listening on it: by a livekit-server, too."""
    binary, log = cached_server(), tmp_path / "livekit.log"
    async with own_server(binary, log) as other:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
            media.bind(("", 0))
            free = process.free_address()
            if kind == "media":
                taken = dataclasses.replace(free, udp_port=media.getsockname()[1])
            else:
                port = urlsplit(other.room_server.url).port
                taken = dataclasses.replace(free, http_port=port)
            places = iter([taken, process.free_address()])
            monkeypatch.setattr(process, "free_address", lambda: next(places))
            async with own_server(binary, log) as server:
                rooms = server.room_server
                assert rooms.api_key != taken.api_key
                key, secret = rooms.api_key, rooms.api_secret.reveal()
                async with api.LiveKitAPI(rooms.url, key, secret) as asked:
                    assert not (await asked.room.list_rooms(api.ListRoomsRequest())).rooms


@pytest.mark.parametrize(
    ("url", "key", "secret", "problem"),
    [
        (URL, "", "", "needs the server's API key"),
        (URL, "key", "", "needs the server's API key"),
        (URL, "devkey", "x" * 40, "development key"),
        (URL, "key", "secret", "development key"),
        ("ws://rooms.example.org", "key", "x" * 40, "plain ws"),
        ("wss://", "key", "x" * 40, "not a usable URL"),
    ],
)
def test_another_server_needs_a_real_key(url: str, key: str, secret: str, problem: str) -> None:
    variables = {"CALLPLAYER_LIVEKIT_API_KEY": key, "CALLPLAYER_LIVEKIT_API_SECRET": secret}
    with pytest.raises(UsageError, match=problem):
        room_server_from_environment(url, variables)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:7880", "ws://localhost:7880", "ws://[::1]:7880"])
def test_a_development_server_on_this_machine_is_fine(url: str) -> None:
    variables = {"CALLPLAYER_LIVEKIT_API_KEY": "devkey", "CALLPLAYER_LIVEKIT_API_SECRET": "secret"}
    assert room_server_from_environment(url, variables).url == url

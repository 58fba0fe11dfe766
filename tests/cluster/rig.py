"""The whole of it: what is started, and in which order."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import httpx

from callplayer.service.library.importer import ImportJob, import_calls
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace
from callplayer.service.livekit.binary import ensure_binary
from tests.cluster.servers import Server, file_of_page
from tests.rig.anycable import free_port
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.processes import Service
from tests.rig.signals import write_sweep_call
from tests.rig.versitygw import S3Server, s3_server

NAMES = ("a", "b")
FLAGS = ("--tracks=mixed", "--drain=60")
OPEN_S = 60.0


class Cluster:
    """Two services, two LiveKit nodes, HAProxy, Redis, PostgreSQL and an S3 server, which all run.

    `environment` is what a player needs, `incident` the call that there is, of `call_s`.
    """

    def __init__(
        self,
        home: Path,
        postgres: PostgresServer,
        store: S3Server,
        stack: contextlib.ExitStack,
        call_s: float,
    ) -> None:
        self.postgres, self.store = postgres, store
        self._home = home
        store.bucket("calls")
        self._place = PostgresPlace(postgres.new_database(), "s3://calls/replay")
        self.key, self.secret = "cluster", secrets.token_urlsafe(36)
        self.api_port, rooms_port, redis_port = (free_port() for _ in range(3))
        self._service_ports = {name: free_port() for name in NAMES}
        node_ports = {name: free_port() for name in NAMES}
        redis_file = home / "redis.conf"
        redis_file.write_text(
            file_of_page(
                "redis",
                {"10.0.0.3": "127.0.0.1", "6379": str(redis_port), "/var/lib/redis": str(home)},
            )
        )
        self.redis = Server(["redis-server", str(redis_file)], redis_port, home / "redis.log")
        self.nodes = {name: self._node(name, node_ports[name], redis_port) for name in NAMES}
        haproxy_file = home / "haproxy.cfg"
        haproxy_file.write_text(
            file_of_page(
                "haproxy",
                {
                    ":443 ssl crt /etc/haproxy/replay.pem": f"127.0.0.1:{self.api_port}",
                    ":7443 ssl crt /etc/haproxy/replay.pem": f"127.0.0.1:{rooms_port}",
                    "10.0.0.1:8911": f"127.0.0.1:{self._service_ports['a']}",
                    "10.0.0.2:8911": f"127.0.0.1:{self._service_ports['b']}",
                    "10.0.0.1:7880": f"127.0.0.1:{node_ports['a']}",
                    "10.0.0.2:7880": f"127.0.0.1:{node_ports['b']}",
                },
            )
        )
        self.haproxy = Server(
            ["haproxy", "-db", "-f", str(haproxy_file)], self.api_port, home / "haproxy.log"
        )
        for server in (self.redis, *self.nodes.values(), self.haproxy):
            stack.callback(server.close)
            server.start()
        self._rooms_url = f"ws://127.0.0.1:{rooms_port}"
        self.incident, secret = self._fill(call_s)
        self.services: dict[str, Service] = {}
        for name in NAMES:
            self.start_service(name)
            stack.callback(self.stop_service, name)
        self.environment = {
            "CALLPLAYER_API_URL": f"http://127.0.0.1:{self.api_port}",
            "CALLPLAYER_CLIENT_ID": "desk",
            "CALLPLAYER_CLIENT_SECRET": secret,
        }
        for name, service in self.services.items():  # other work on the machine must not count
            url = service.api_url
            headers = self.headers(url)
            while self.open_stream(url, headers, f"first of {name}").status_code == 202:
                pass

    def start_service(self, name: str) -> None:
        """Start a service on its port."""
        home = self._home / name
        home.mkdir(exist_ok=True)
        self.services[name] = Service(
            home,
            flags=[
                f"--port={self._service_ports[name]}",
                f"--library={self._place.dsn}",
                f"--recordings={self._place.recordings}",
                f"--livekit-url={self._rooms_url}",
                *FLAGS,
            ],
            environment={
                **self.store.environment,
                "CALLPLAYER_LIVEKIT_API_KEY": self.key,
                "CALLPLAYER_LIVEKIT_API_SECRET": self.secret,
                "CALLPLAYER_SERVE_CLIENT_ID": "",
                "CALLPLAYER_SERVE_CLIENT_SECRET": "",
            },
        )

    def headers(self, url: str) -> dict[str, str]:
        """Return what signs a request in, with a token that the service at `url` gives."""
        answer = httpx.post(
            f"{url}/oauth/token",
            json={
                "client_id": self.environment["CALLPLAYER_CLIENT_ID"],
                "client_secret": self.environment["CALLPLAYER_CLIENT_SECRET"],
                "grant_type": "client_credentials",
            },
            timeout=OPEN_S,
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def open_stream(self, url: str, headers: dict[str, str], participant: str) -> httpx.Response:
        """Ask the service at `url` for a stream; 202: the call is still being decoded."""
        return httpx.post(
            f"{url}/v1/incident_events/{self.incident}/stream_token",
            json={"participant_id": participant},
            headers=headers,
            timeout=OPEN_S,
        )

    def stop_service(self, name: str) -> int:
        """End a service; return its exit code. Twice does no harm."""
        return self.services[name].stop()

    def _node(self, name: str, port: int, redis_port: int) -> Server:
        udp_port = _free_udp_port()
        settings = file_of_page(
            "yaml",
            {
                "10.0.0.3:6379": f"127.0.0.1:{redis_port}",
                "port: 7880": f"port: {port}\nbind_addresses: [127.0.0.1]",
                "udp_port: 7882": f"udp_port: {udp_port}\n  stun_servers: [127.0.0.1:{udp_port}]",
                "tcp_port: 7881": f"tcp_port: {free_port()}",
            },
        )
        environment = {"LIVEKIT_CONFIG": settings, "LIVEKIT_KEYS": f"{self.key}: {self.secret}"}
        log = self._home / f"livekit-{name}.log"
        return Server([str(ensure_binary(print))], port, log, environment)

    def _fill(self, call_s: float) -> tuple[str, str]:
        """Import a call and add a client; return the incident and the client's secret."""
        sweep = self._home / "sweep.wav"
        write_sweep_call(sweep, call_s)
        with _variables(self.store.environment):
            (call,) = import_calls(self._place, [ImportJob((sweep,))])
            with Library.open(self._place) as library:
                return call.id, library.clients.add("desk").reveal()


@contextlib.contextmanager
def cluster(home: Path, call_s: float) -> Iterator[Cluster]:
    """Give all of it, running."""
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        store = stack.enter_context(s3_server())
        yield Cluster(home, postgres, store, stack, call_s)


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    with patch.dict(os.environ, values):
        yield


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])

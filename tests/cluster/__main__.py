"""`python -m tests.cluster`: start it all, play calls through it, kill each part, print a table."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.__main__ import table
from tests.cluster.calls import Calls
from tests.cluster.rig import Cluster, cluster
from tests.cluster.servers import file_of_page

AWAY_S = 5.0
CALL_S = 900.0
HEAD = (
    "part", "calls that broke off", "noticed after", "sound again after",
    "lost (+) or heard twice (−)", "what was said", "play at the end",
)  # fmt: skip


def rows(parts: Cluster) -> list[tuple[str, Callable[[], None]]]:
    """Return each fault with its name."""

    def kill_service() -> None:
        parts.services["a"].process.kill()
        time.sleep(AWAY_S)
        parts.stop_service("a")
        parts.start_service("a")

    def drain_service() -> None:
        assert "KillMode=mixed" in file_of_page("systemd", {}), "SIGTERM reaches one process only"
        parts.services["b"].process.send_signal(signal.SIGTERM)
        parts.services["b"].process.wait(75)
        parts.stop_service("b")
        parts.start_service("b")

    def kill_node() -> None:
        parts.nodes["a"].kill()
        time.sleep(AWAY_S)
        parts.nodes["a"].start()

    def kill_redis() -> None:
        parts.redis.kill()
        time.sleep(AWAY_S)
        parts.redis.start()

    def kill_postgres() -> None:
        parts.postgres.kill()
        time.sleep(AWAY_S)
        parts.postgres.start()

    def kill_store() -> None:
        parts.store.kill()
        time.sleep(AWAY_S)
        parts.store.start()

    def kill_haproxy() -> None:
        parts.haproxy.kill()
        time.sleep(AWAY_S)
        parts.haproxy.start()

    back = f"killed, back after {AWAY_S:.0f} s"
    return [
        (f"PostgreSQL {back}", kill_postgres),
        (f"Redis {back}", kill_redis),
        (f"the S3 server (versitygw) {back}", kill_store),
        (f"HAProxy {back}", kill_haproxy),
        (f"one `callplayer serve` {back}", kill_service),
        ("the other stopped (SIGTERM, `--drain 60`)", drain_service),
        (f"one livekit-server {back}", kill_node),
    ]


def main() -> int:
    """Print the table; return 1 if a call is not back at its place."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    parser.add_argument("--calls", type=int, default=20, help="how many at once (default: 20)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="only the rows that hold TEXT"
    )
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), CALL_S) as parts:
        calls = Calls(Path(folder), parts.environment, parts.incident, options.calls)
        try:
            calls.wait_playing()

            def cells():
                nonlocal good
                for name, fault in rows(parts):
                    if options.only and not any(text in name for text in options.only):
                        continue
                    outcome = calls.through(name, fault)
                    good = good and outcome.back == outcome.calls
                    good = good and abs(outcome.off_ms or 0.0) <= 1000.0
                    yield outcome.cells()

            table(HEAD, cells())
        finally:
            calls.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

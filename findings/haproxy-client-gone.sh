#!/usr/bin/env bash
# One would guess: when a client closes its connection while it waits for an answer, the proxy closes the one to the
#   server, as the answer has nowhere to go.
# What happens: HAProxy keeps it, as a client may close its sending side only. The server learns it when it answers,
#   or when the server's timeout has passed. With `option abortonclose` it learns it at once.
# Why it matters: a service that holds requests until there is news of a call holds one for each listener that has
#   left, up to that timeout: who is listening is counted wrong, and connections run out.
# Needs: haproxy, python3.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 - <<'PY'
import contextlib
import socket
import subprocess
import sys
import time

WAIT_S = 5.0
CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    {option}
frontend calls
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server one 127.0.0.1:{server}
"""


def told(option: str) -> bool:
    """Return whether the server is told within WAIT_S that the client which waits for it has closed."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with open("haproxy.cfg", "w") as file:
            file.write(CONFIG.format(option=option, port=port, server=server.getsockname()[1]))
        proxy = subprocess.Popen(["haproxy", "-q", "-db", "-f", "haproxy.cfg"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    client = socket.create_connection(("127.0.0.1", port))
                    break
                time.sleep(0.05)
            client.sendall(b"GET /news HTTP/1.1\r\nHost: calls.example\r\n\r\n")
            waiting, _ = server.accept()
            with waiting:
                waiting.recv(4096)
                client.close()
                waiting.settimeout(WAIT_S)
                try:
                    return waiting.recv(1) == b""
                except ConnectionResetError:
                    return True
                except TimeoutError:
                    return False
        finally:
            proxy.kill()
            proxy.wait()


version = subprocess.run(["haproxy", "-v"], check=True, capture_output=True, text=True).stdout.split()[2]
without, with_option = told(""), told("option abortonclose")
print(f"HAProxy {version}: the server is told within {WAIT_S:.0f} s that the client has closed: {without},"
      f" with abortonclose {with_option}")
sys.exit(not (not without and with_option))
PY

"""A TCP relay whose line can be cut, or go dead with both ends open."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time


class Relay:
    """Carries connections from a port of its own to `to`; `port` is that port.

    With `tls` clients must speak it; `seen` is what they have said.
    """

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._dead = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.accepted = 0
        self.tls: ssl.SSLContext | None = None
        self.seen = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> float:
        """Cut all lines there are; return when."""
        now_s = time.monotonic()
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()
        return now_s

    def go_dead(self) -> float:
        """Carry nothing more, and leave the lines open; return when."""
        self._dead.set()
        return time.monotonic()

    def revive(self) -> None:
        """End `go_dead` for connections made from now on."""
        self._dead.clear()

    def close(self) -> None:
        """End all of it."""
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Carry one connection to its end; one thread, for a TLS socket bears no two."""
        try:
            if self.tls is not None:
                near = self.tls.wrap_socket(near, server_side=True)
            far = socket.create_connection(self._to)
        except OSError:
            near.close()
            return
        self._pairs.append((near, far))
        other = {near: far, far: near}
        with contextlib.suppress(OSError, ValueError), near, far:
            while True:
                for source in _readable(near, far):
                    chunk = source.recv(65_536)
                    if not chunk:
                        return
                    if source is near:
                        self.seen += chunk
                    if not self._dead.is_set():
                        other[source].sendall(chunk)


def _readable(*ends: socket.socket) -> list[socket.socket]:
    held = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
    return held or select.select(ends, [], [])[0]

"""The credentials beside the library's clients: of the environment, or generated."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.http.bearer import ClientCredentials


def from_environment() -> ClientCredentials | None:
    """Return the environment's; None if there are none. Raise UsageError for half of them."""
    client_id = os.environ.get("CALLPLAYER_SERVE_CLIENT_ID", "")
    client_secret = os.environ.get("CALLPLAYER_SERVE_CLIENT_SECRET", "")
    if bool(client_id) != bool(client_secret):
        raise UsageError(
            "Only one of the client id and the client secret is set.",
            "Set CALLPLAYER_SERVE_CLIENT_ID and CALLPLAYER_SERVE_CLIENT_SECRET, or neither.",
        )
    return ClientCredentials(client_id, Secret(client_secret)) if client_id else None


@contextlib.contextmanager
def generated(api_url: str) -> Iterator[tuple[ClientCredentials, Path]]:
    """Give new ones, in a config.toml for the player that is removed at the end."""
    credentials = ClientCredentials.generate()
    with tempfile.TemporaryDirectory(prefix="callplayer-serve-") as folder:
        path = Path(folder) / "config.toml"
        path.touch(mode=0o600)
        path.write_text(
            f'api_url = "{api_url}"\n'
            f'client_id = "{credentials.client_id}"\n'
            f'client_secret = "{credentials.client_secret.reveal()}"\n'
        )
        yield credentials, path

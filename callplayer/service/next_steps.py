"""What to type once a service is ready, so that a player finds it. No secret is in it."""

from __future__ import annotations

import shlex
from pathlib import Path


def next_steps(
    api_url: str, incident: str | None, *, config_file: Path | None, client_id: str | None
) -> list[str]:
    """Return lines to print: what to type in another terminal to play `incident`.

    `config_file` holds generated credentials. Without one `client_id` is the client of the
    environment, or None for those of the library.
    """
    player = ["callplayer", *([incident] if incident else [])]
    if config_file is not None:
        with_config = [player[0], "--config", str(config_file), *player[1:]]
        return ["In another terminal:", f"    {shlex.join(with_config)}"]
    where = '"$CALLPLAYER_SERVE_CLIENT_SECRET"'
    lines = ["In another terminal:"]
    if client_id is None:
        lines = ["In another terminal, as a client of `callplayer serve clients list`:"]
        client_id, where = "ID", "…  # as `clients add` printed it"
    return [
        *lines,
        f"    export CALLPLAYER_API_URL={shlex.quote(api_url)} "
        f"CALLPLAYER_CLIENT_ID={shlex.quote(client_id)}",
        f"    export CALLPLAYER_CLIENT_SECRET={where}",
        f"    {shlex.join(player)}",
    ]

"""What a service that is ready says to type."""

from __future__ import annotations

from pathlib import Path

from callplayer.service.next_steps import next_steps

URL = "http://127.0.0.1:8911"


def test_generated_credentials_are_named_by_their_file() -> None:
    lines = next_steps(URL, "i1", config_file=Path("/tmp/a b/config.toml"), client_id=None)
    assert lines[1:] == ["    callplayer --config '/tmp/a b/config.toml' i1"]


def test_a_client_of_the_environment_is_named_and_its_secret_is_not() -> None:
    lines = next_steps(URL, "i1", config_file=None, client_id="desk 7")
    assert lines[1:] == [
        f"    export CALLPLAYER_API_URL={URL} CALLPLAYER_CLIENT_ID='desk 7'",
        '    export CALLPLAYER_CLIENT_SECRET="$CALLPLAYER_SERVE_CLIENT_SECRET"',
        "    callplayer i1",
    ]


def test_an_empty_library_has_no_incident_to_name() -> None:
    lines = next_steps(URL, None, config_file=None, client_id=None)
    assert "clients list" in lines[0]
    assert lines[-1] == "    callplayer"

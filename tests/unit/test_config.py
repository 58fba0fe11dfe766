"""Where settings come from, and which are refused."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer import config, paths
from callplayer.config import Secret, Settings, check_url, is_loopback, load_settings
from callplayer.errors import UsageError

NAMES = ("api_url", "client_id", "stream_url", "cable_url", "output_device")
VALUES = {
    "api_url": "https://{}.example",
    "client_id": "{}",
    "stream_url": "wss://{}.example",
    "cable_url": "wss://{}.example/cable",
    "output_device": "{}",
}


def _write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def _load(
    file: Path | None = None,
    flags: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    profile: str | None = None,
) -> Settings:
    return load_settings(flags or {}, environment=environment or {}, file=file, profile=profile)


@pytest.mark.parametrize("name", NAMES)
def test_flag_over_environment_over_profile_over_file(name: str, tmp_path: Path) -> None:
    value = VALUES[name].format
    path = _write(
        tmp_path, f'{name} = "{value("file")}"\n[profiles.night]\n{name} = "{value("profile")}"\n'
    )
    variables = {f"CALLPLAYER_{name.upper()}": value("variable")}
    flags = {name: value("flag")}
    assert getattr(_load(path), name) == value("file")
    assert getattr(_load(path, profile="night"), name) == value("profile")
    assert getattr(_load(path, {}, variables, "night"), name) == value("variable")
    assert getattr(_load(path, flags, variables, "night"), name) == value("flag")


def test_what_to_do_when_the_device_is_lost_is_one_of_two_things(tmp_path: Path) -> None:
    assert _load().on_device_loss == "default"
    path = _write(tmp_path, 'on_device_loss = "pause"')
    assert _load(path).on_device_loss == "pause"
    assert _load(path, {"on_device_loss": "default"}).on_device_loss == "default"
    with pytest.raises(UsageError) as caught:
        _load(environment={"CALLPLAYER_ON_DEVICE_LOSS": "stop\x1b"})
    assert "default or pause" in caught.value.hint
    assert "\x1b" not in caught.value.what


def test_an_empty_flag_or_variable_says_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path, 'client_id = "file"')
    assert _load(path, {"client_id": None}, {"CALLPLAYER_CLIENT_ID": ""}).client_id == "file"


def test_the_secret_comes_from_the_environment_before_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, 'client_secret = "file"')
    assert _load(path).client_secret == Secret("file")
    variables = {"CALLPLAYER_CLIENT_SECRET": "variable"}
    assert _load(path, environment=variables).client_secret.reveal() == "variable"


def test_a_profile_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    path = _write(tmp_path, 'client_id = "top"\n[profiles.night]\noutput_device = "Headset"\n')
    loaded = _load(path, profile="night")
    assert (loaded.client_id, loaded.output_device) == ("top", "Headset")


def test_a_profiles_tables_go_over_those_of_the_file(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """[output_delay_ms]
Headset = 180
Speakers = 20
[keys]
play = "p"
[profiles.night.output_delay_ms]
Headset = 90
[profiles.night.screen]
theme = "light"
""",
    )
    loaded = _load(path, profile="night")
    assert loaded.output_delay_ms == {"Headset": 90, "Speakers": 20}
    assert (loaded.keys, loaded.screen) == ({"play": "p"}, {"theme": "light"})
    assert _load(path).output_delay_ms == {"Headset": 180, "Speakers": 20}


@pytest.mark.parametrize("table", ["screen", "keys"])
@pytest.mark.parametrize("profile", [None, "night"])
def test_what_is_to_be_a_table_and_is_none_is_refused(
    table: str, profile: str | None, tmp_path: Path
) -> None:
    path = _write(tmp_path, ("[profiles.night]\n" if profile else "") + f"{table} = 5\n")
    with pytest.raises(UsageError, match=f"{table} in .* is not a table"):
        _load(path, profile=profile)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text_in_the_file_says_nothing(name: str, tmp_path: Path) -> None:
    assert getattr(_load(_write(tmp_path, f'{name} = ""')), name) == getattr(Settings(), name)


def test_without_a_file_there_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "config_path", lambda: tmp_path / "none.toml")
    loaded = _load()
    assert loaded == Settings()
    assert loaded.api_url == "https://api.prepared911.com"
    assert not loaded.client_secret
    assert loaded.config_path is None


def test_unknown_keys_are_left_alone(tmp_path: Path) -> None:
    path = _write(tmp_path, '[keys]\npause = "space"\n[ui]\ntheme = 3\n')
    assert _load(path).config_path == path


# --- secrets --------------------------------------------------------------------------------------


@given(value=st.text(st.characters(categories=["L", "N"]), min_size=12))
@settings(max_examples=100, deadline=None)
def test_a_secret_is_in_no_repr(value: str) -> None:
    secret = Secret(value)
    shown = f"{secret} {secret!r} {[secret]} {Settings(client_secret=secret)!r} %s" % secret
    assert value not in shown
    assert secret.reveal() == value
    assert secret == Secret(value)
    assert secret != value
    assert hash(secret) == hash(Secret(value))


def test_an_empty_secret_is_none() -> None:
    assert not Secret("")
    assert Secret("x")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_warned_of(mode: int, tmp_path: Path) -> None:
    path = _write(tmp_path, '[profiles.night]\nclient_secret = "s3cr3t"\n', mode)
    (warning,) = _load(path).warnings
    assert f"chmod 600 {path}" in warning
    assert "s3cr3t" not in warning


def test_a_private_file_or_one_without_a_secret_is_not_warned_of(tmp_path: Path) -> None:
    assert _load(_write(tmp_path, 'client_secret = "s"', 0o600)).warnings == ()
    assert _load(_write(tmp_path, 'client_id = "s"', 0o644)).warnings == ()


# --- URLs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("api_url", "http://api.example"),
        ("api_url", "http://localhost.example.com"),
        ("api_url", "http://127.0.0.1.example.com"),
        ("api_url", "http://10.0.0.1:8911"),
        ("stream_url", "ws://room.example"),
        ("stream_url", "http://room.example"),
        ("cable_url", "ws://api.example/cable"),
    ],
)
def test_nothing_goes_in_the_clear_beyond_this_machine(name: str, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(environment={f"CALLPLAYER_{name.upper()}": url})
    assert "readable" in caught.value.what
    assert f"CALLPLAYER_{name.upper()}" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("api_url", "https://api.example"),
        ("api_url", "http://localhost:8911"),
        ("api_url", "http://127.0.0.1:8911"),
        ("api_url", "http://[::1]:8911"),
        ("api_url", "HTTPS://api.example/partner"),
        ("stream_url", "ws://127.0.0.1:7880"),
        ("stream_url", "https://room.example"),
        ("cable_url", "wss://api.example/cable"),
        ("cable_url", "WSS://api.example/cable"),
    ],
)
def test_what_is_encrypted_or_stays_on_this_machine_is_taken(name: str, url: str) -> None:
    loaded = _load(environment={f"CALLPLAYER_{name.upper()}": url + "/"})
    scheme, _, rest = url.partition("://")
    assert getattr(loaded, name) == f"{scheme.lower()}://{rest}"


@pytest.mark.parametrize(
    "url",
    [
        "api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://user:s3cr3t@api.example",
        "https://api.example:port",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_usable_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(environment={"CALLPLAYER_API_URL": url})
    assert "s3cr3t" not in caught.value.what + caught.value.hint


@given(url=st.text(max_size=60) | st.text(max_size=30).map(lambda rest: "https://" + rest))
@settings(max_examples=100, deadline=None)
def test_any_text_is_taken_or_refused(url: str) -> None:
    with contextlib.suppress(UsageError):
        taken = check_url(url, {"https": True, "http": False}, "api_url")
        assert taken.lower().lstrip().startswith(("https://", "http://"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.1.x"])
def test_other_hosts(host: str) -> None:
    assert not is_loopback(host)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("client_id = ", "not valid TOML"),
        ('client_id = "a"\nclient_id = "b"', "not valid TOML"),
        ("[profiles", "not valid TOML"),
        ("client_id = 7", "client_id"),
        ('output_device = ["a"]', "output_device"),
    ],
)
def test_a_malformed_file_is_reported_with_its_name(text: str, words: str, tmp_path: Path) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        _load(path)
    assert str(path) in caught.value.what
    assert words in caught.value.what


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        _load(path)


def test_a_file_too_large_to_be_one_is_not_parsed(tmp_path: Path) -> None:
    path = _write(tmp_path, "#" * (config.MAX_CONFIG_BYTES + 1))
    with pytest.raises(UsageError, match="larger than 1 MB"):
        _load(path)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        _load(tmp_path / "none.toml")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: os.symlink(path, path)])
def test_a_file_that_cannot_be_read_is_reported(make: object, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert callable(make)
    make(path)
    with pytest.raises(UsageError, match="cannot be read"):
        _load(path)


@pytest.mark.parametrize("text", ["", "profiles = 5", "[profiles]\nnight = 5", "[profiles.day]"])
def test_a_profile_that_is_not_there_is_reported(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile named 'night'"):
        _load(_write(tmp_path, text), profile="night")


def test_a_devices_delay_is_read_from_its_table(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[output_delay_ms]\n"My headset" = 180\n')
    settings = load_settings({}, environment={}, file=file)
    assert settings.output_delay_ms == {"My headset": 180}
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "wrong", ["output_delay_ms = 7", "[output_delay_ms]\na = -1", "[output_delay_ms]\na = 2001",
              "[output_delay_ms]\na = true", '[output_delay_ms]\na = "9"',
              "[profiles.night.output_delay_ms]\na = -1"],
)  # fmt: skip
def test_a_delay_that_is_none_is_refused(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(wrong)
    with pytest.raises(UsageError, match="output_delay_ms is not a table"):
        load_settings({}, environment={}, file=file, profile="night" if "night" in wrong else None)

"""Every way it can end has a code of its own, one line of what happened and one of what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from callplayer.text import plain_text
from tests.rig.processes import (
    CALLPLAYER,
    CLIENT_SECRET,
    HeadlessEngine,
    Service,
    clean_environment,
)
from tests.rig.pulse import PulseServer, Sink
from tests.rig.terminal import Terminal

Environment = dict[str, str]


def wrong_secret(service: Service) -> Environment:
    return service.environment | {"CALLPLAYER_CLIENT_SECRET": "another-secret"}


def another_server(service: Service) -> Environment:
    return service.environment | {"CALLPLAYER_API_URL": f"{service.api_url}/elsewhere"}


def plain_http(service: Service) -> Environment:
    return service.environment | {"CALLPLAYER_API_URL": "http://calls.example.org"}


def no_credentials(service: Service) -> Environment:
    return service.environment | {"CALLPLAYER_CLIENT_ID": ""}


def as_it_is(service: Service) -> Environment:
    return service.environment


UNKNOWN = "00000000-0000-0000-0000-000000000000"
CASES = [
    pytest.param(wrong_secret, None, 3, "Sign-in was refused", id="wrong-secret"),
    pytest.param(as_it_is, UNKNOWN, 4, "no such incident", id="no-such-incident"),
    pytest.param(another_server, None, 5, "answered with 404", id="unreachable"),
    pytest.param(no_credentials, None, 2, "no credentials", id="no-credentials"),
]


@pytest.mark.parametrize(("change", "incident", "code", "what"), CASES)
def test_headless_reports_the_error_and_ends_with_its_code(
    sweep_service: Service,
    sink: Sink,
    tmp_path: Path,
    change: object,
    incident: str | None,
    code: int,
    what: str,
) -> None:
    assert callable(change)
    environment = change(sweep_service) | sink.environment
    engine = HeadlessEngine(tmp_path, environment, incident or sweep_service.incidents[0])
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert what in error["message"]
    assert error["hint"]
    assert error["exit_code"] == code
    assert engine.finish() == code
    assert engine.last("bye") == {"event": "bye", "exit_code": code}


@pytest.mark.parametrize(("change", "incident", "code", "what"), [CASES[0], CASES[-1]])
def test_the_screen_gives_the_terminal_back_and_reports_the_error_in_two_lines(
    sweep_service: Service,
    sink: Sink,
    tmp_path: Path,
    change: object,
    incident: str | None,
    code: int,
    what: str,
) -> None:
    assert callable(change)
    environment = clean_environment(tmp_path) | change(sweep_service) | sink.environment
    terminal = Terminal(
        tmp_path, [*CALLPLAYER, incident or sweep_service.incidents[0]], environment
    )
    try:
        assert terminal.wait_end() == code
        lines = [line for line in terminal.wait_for(what).splitlines() if line.strip()]
        assert lines[0].startswith("callplayer: ")
        assert lines[1].startswith("  ")
        assert "Traceback" not in "".join(lines)
    finally:
        terminal.close()


def test_no_sound_device_is_code_6_and_offers_to_go_on_without(
    sweep_service: Service, tmp_path: Path, pulse: PulseServer
) -> None:
    environment = sweep_service.environment | pulse.environment
    environment["PULSE_SERVER"] = f"unix:{tmp_path / 'nobody'}"
    engine = HeadlessEngine(tmp_path, environment, sweep_service.incidents[0])
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert error["code"] == "no-sound-device"
    assert "--no-audio" in error["hint"]
    assert engine.finish() == 6
    silent = HeadlessEngine(tmp_path, environment, sweep_service.incidents[0], "--no-audio")
    silent.wait_state(phase="playing", advancing=True)
    assert silent.quit() == 0


def test_an_unknown_device_is_code_6(sweep_service: Service, sink: Sink, tmp_path: Path) -> None:
    engine = HeadlessEngine(
        tmp_path,
        sweep_service.environment | sink.environment,
        sweep_service.incidents[0],
        "--output-device=no such card",
    )
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert "no such card" in error["message"]
    assert engine.finish() == 6


def test_usage_is_code_2(sweep_service: Service, tmp_path: Path) -> None:
    for words, environment in (
        (["--headless"], sweep_service.environment),
        (["--no-such-flag"], {}),
        ([], sweep_service.environment),  # no terminal here to pick a call on
        (["x", "--headless"], plain_http(sweep_service)),
    ):
        ended = subprocess.run(
            [*CALLPLAYER, *words],
            env=clean_environment(tmp_path) | environment,
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert ended.returncode == 2, words
        lines = ended.stderr.splitlines()
        assert len(lines) == 2, ended.stderr
        assert lines[0].startswith("callplayer: ")


def test_anything_else_is_code_1(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*CALLPLAYER, "demo", "--headless", "--livekit-server", os.devnull],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 2
    assert "Traceback" not in ended.stderr


def test_list_and_doctor(sweep_service: Service, sink: Sink, tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | sweep_service.environment | sink.environment
    listed = subprocess.run(
        [*CALLPLAYER, "list"], env=environment, capture_output=True, text=True, check=True
    )
    assert sweep_service.incidents[0] in listed.stdout
    assert "recorded" in listed.stdout
    looked = subprocess.run(
        [*CALLPLAYER, "doctor"], env=environment, capture_output=True, text=True, check=True
    )
    assert "lists 1 incident" in looked.stdout
    assert "at 48 kHz" in looked.stdout
    refused = subprocess.run(
        [*CALLPLAYER, "doctor"],
        env=environment | wrong_secret(sweep_service),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 3
    assert "CALLPLAYER_CLIENT_SECRET" in refused.stdout
    without = subprocess.run(
        [*CALLPLAYER, "doctor"],
        env=environment | {"CALLPLAYER_LIVEKIT_SERVER": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "✗ livekit-server" in without.stdout
    assert without.returncode != 0
    for answer in (listed, looked, refused, without):
        assert CLIENT_SECRET not in answer.stdout + answer.stderr
        assert plain_text(answer.stdout, 10_000)


def test_devices_are_listed_by_name(sink: Sink, tmp_path: Path) -> None:
    listed = subprocess.run(
        [*CALLPLAYER, "devices"],
        env=clean_environment(tmp_path) | sink.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line[0] for line in listed.stdout.splitlines()].count("*") == 1
    assert listed.stderr == ""

"""500 incidents in pages: `callplayer list` prints all, the picker loads on as one scrolls.

The API is a real HTTP server that says "not yet" now and then.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from tests.rig.processes import CALLPLAYER, clean_environment
from tests.rig.recorded import RecordedTerminal
from tests.rig.scripted_api import Asked, scripted_api, signed_in

COUNT, PAGE = 500, 50
IDS = [f"incident-{number:03}" for number in range(COUNT)]
LIST = "/v1/incident_events"

Refuse = Callable[[Asked, int], Response | None]


class Pages:
    """Answers with pages by a cursor; `refuse` goes first, given how often that page was asked."""

    def __init__(self, refuse: Refuse = lambda _asked, _times: None) -> None:
        self._refuse = refuse
        self._times: dict[tuple[str, str], int] = {}

    def __call__(self, asked: Asked) -> Response:
        key = (asked.path, asked.query.get("cursor", ""))
        self._times[key] = self._times.get(key, 0) + 1
        refused = self._refuse(asked, self._times[key])
        if refused is not None:
            return refused
        if asked.path != LIST:
            return signed_in()
        first = int(asked.query.get("cursor", "0"))
        rows = [{"id": each, "is_audio_live": False} for each in IDS[first : first + PAGE]]
        more = first + PAGE < COUNT
        return JSONResponse({"data": rows, "next_cursor": str(first + PAGE) if more else None})


def not_yet(asked: Asked, times: int) -> Response | None:
    """Refuse the sign-in, the first page and one in the middle, each once."""
    cursor = asked.query.get("cursor", "")
    if times > 1 or cursor not in ("", "200"):
        return None
    if cursor:
        return JSONResponse({}, 503, {"Retry-After": formatdate(time.time() + 2, usegmt=True)})
    return JSONResponse({}, 429, {"Retry-After": "1"})


def test_list_prints_every_page_and_waits_where_it_is_asked_to(tmp_path: Path) -> None:
    with scripted_api(Pages(not_yet)) as vendor:
        done = subprocess.run(
            [*CALLPLAYER, "list"],
            env=clean_environment(tmp_path) | vendor.environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == IDS
    said = done.stderr.splitlines()
    assert len(said) == 2  # the sign-in with the first page, and the page in the middle
    assert said[0].startswith("callplayer: Waiting for the sign-in since ")
    assert said[1].startswith("callplayer: Waiting for the API since ")
    for path in ("/oauth/token", LIST):
        first_s, second_s = vendor.times(path)[:2]
        assert second_s - first_s >= 0.95


@pytest.mark.parametrize("words", [["list"], []])
def test_ctrl_c_ends_the_wait_at_once(words: list[str], tmp_path: Path) -> None:
    refusal = JSONResponse({}, 503, {"Retry-After": "600"})
    with scripted_api(Pages(lambda _asked, _times: refusal)) as vendor:
        terminal = RecordedTerminal(
            [*CALLPLAYER, *words], clean_environment(tmp_path) | vendor.environment
        )
        try:
            terminal.until("Waiting for the sign-in since ")
            asked_s = time.monotonic()
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.until_ended() == 0
            assert time.monotonic() - asked_s < 3.0
        finally:
            terminal.close()
    assert b"Traceback" not in terminal.output


def test_the_picker_loads_on_as_one_scrolls(tmp_path: Path) -> None:
    with scripted_api(Pages(lambda a, n: not_yet(a, n) if a.query.get("cursor") else None)) as api:
        screen = RecordedTerminal(CALLPLAYER, clean_environment(tmp_path) | api.environment)
        try:
            screen.until("loaded so far")
            screen.read_for(1.0)
            few = len({asked.query.get("cursor") for asked in api.asked if asked.path == LIST})
            assert few <= 3, "no more than scrolling may need"
            screen.type("\x1b[6~" * 2)  # page down
            screen.until("100 of 100 loaded so far")
            screen.type("\x1b[F")  # to the end, over a page that is not ready at once
            screen.until("500 of 500")
            screen.until(IDS[-1])
            screen.type("q")
            assert screen.until_ended() == 0
        finally:
            screen.close()
    asked = [asked.query["cursor"] for asked in api.asked if asked.query.get("cursor")]
    assert sorted(set(asked), key=int) == [str(first) for first in range(PAGE, COUNT, PAGE)]

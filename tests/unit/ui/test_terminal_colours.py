"""How many colours a terminal is sent, by what its environment says."""

from __future__ import annotations

import pytest

from callplayer.ui.terminal import colour_system

TRUE = {"COLORTERM": "truecolor"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "standard"),
        ({"TERM": "linux"}, "standard"),
        ({"TERM": "xterm"}, "standard"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-kitty"}, "256"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm"} | TRUE, "truecolor"),
        ({"COLORTERM": "24bit"}, "truecolor"),
        ({"COLORTERM": "yes"}, "standard"),
        (TRUE | {"STY": "123.pts-0", "TERM": "screen"}, "256"),
        (TRUE | {"STY": "123.pts-0", "TMUX": "/tmp/t,1,0"}, "256"),
        ({"TMUX": "/tmp/t,1,0", "TERM": "screen"}, "256"),
    ],
)
def test_colours(environment: dict[str, str], wanted: str) -> None:
    assert colour_system(environment) == wanted

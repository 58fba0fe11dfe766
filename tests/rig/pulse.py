"""A real sound server of the tests' own: null sinks whose monitors are recorded.

The recording is dated by the monotonic clock: of the chunks within some seconds, the one that came
earliest for its place in the recording says when sample 0 would have been heard, for a chunk can
come late, never early. Within some seconds only, for a null sink's clock may be some hundred ppm
off: it rounds each of its blocks to whole microseconds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.rig.alsa import PULSE, write_alsa_config
from tests.rig.processes import end, soon

RATE_HZ = 48_000
RECORD_LATENCY_MS = 5
DATED_WITHIN_S = 3
PROGRAMS = ("pulseaudio", "pactl", "parec")

Samples = npt.NDArray[np.float32]


class SoundServer:
    """What answers to pactl: PulseAudio, or PipeWire in its place. `environment` points there."""

    environment: dict[str, str]

    def control(self, *words: str) -> str:
        """Run one pactl command; return what it prints."""
        return subprocess.run(
            ["pactl", *words],
            env=os.environ | self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout.strip()

    def answers(self) -> bool:
        """Return whether there is a sink, or room for one."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return bool(self.control("info"))
        return False


class PulseServer(SoundServer):
    """A pulseaudio daemon with a private socket."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise RuntimeError(f"the sound tests need {missing}; `make test` installs them")
        self.folder = folder
        socket = folder / "native"
        alsa = write_alsa_config(folder / "asound.conf", PULSE, default="{ type pulse }")
        self.environment = alsa | {
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_RUNTIME_PATH": str(folder),
        }
        self._process = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                "--disable-shm=yes", "--log-level=error",
                f"--load=module-native-protocol-unix socket={socket} auth-anonymous=1",
            ],
            env=os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        soon(lambda: self._process.poll() is not None or self.answers())
        if self._process.poll() is not None or not self.answers():
            raise RuntimeError("pulseaudio does not answer")

    def stand_still(self) -> None:
        """Stop the daemon in its tracks, as a driver that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End `stand_still`."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the daemon at once, as a crash does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the daemon."""
        end(self._process)


class Recording:
    """What a recorder writes to its stdout: mono float32 at RATE_HZ, dated as it comes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._chunks: list[bytes] = []
        self._frames = 0
        self._forgotten = 0
        self._starts_s: dict[int, float] = {}
        self._lock = threading.Lock()
        self._recorder = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._recorder.stdout is not None
        descriptor = self._recorder.stdout.fileno()
        rest = b""
        while chunk := os.read(descriptor, 65_536):
            now_s = time.monotonic()
            rest += chunk
            whole = len(rest) - len(rest) % 4
            with self._lock:
                self._chunks.append(rest[:whole])
                self._frames += whole // 4
                start_s, second = now_s - self._frames / RATE_HZ, int(now_s)
                self._starts_s[second] = min(start_s, self._starts_s.get(second, start_s))
            rest = rest[whole:]

    def frame_at(self, moment_s: float) -> int:
        """Return the number of the sample that was heard at a moment of the monotonic clock."""
        with self._lock:
            return round((moment_s - self._start_s(moment_s)) * RATE_HZ)

    def _start_s(self, moment_s: float) -> float:
        """Return when sample 0 would have been heard, going by what came about that moment."""
        away_s = {second: abs(second - moment_s) for second in self._starts_s}
        near_s = max(min(away_s.values()), DATED_WITHIN_S)
        return min(self._starts_s[second] for second, each_s in away_s.items() if each_s <= near_s)

    def last(self, seconds: float) -> Samples:
        """Return the end of what has been recorded so far."""
        return self._from(self._frames - round(seconds * RATE_HZ))[1]

    def _from(self, first: int) -> tuple[int, Samples]:
        """Return the samples from number `first` on, or the first that is kept, and its number."""
        with self._lock:
            chunks, start = list[bytes](), self._frames
            for chunk in reversed(self._chunks):
                if start <= first:
                    break
                chunks.append(chunk)
                start -= len(chunk) // 4
        sound = np.frombuffer(b"".join(reversed(chunks)), dtype=np.float32)
        return max(first, start), sound[max(first - start, 0) :]

    def heard(self, from_s: float, to_s: float) -> Samples:
        """Return what was heard between two moments of the monotonic clock; waits for the end."""
        return self.recorded(from_s, to_s)[1]

    def recorded(self, from_s: float, to_s: float) -> tuple[int, Samples]:
        """Return the same, and the number of its first sample."""
        deadline_s = time.monotonic() + max(0.0, to_s - time.monotonic()) + 3.0
        while self._frames < self.frame_at(to_s):
            if time.monotonic() > deadline_s:
                raise RuntimeError("the monitor stopped")
            time.sleep(0.005)
        first, sound = self._from(self.frame_at(from_s))
        return first, sound[: max(self.frame_at(to_s) - first, 0)]

    def forget(self, before_s: float) -> None:
        """Free what was heard before a moment: it can be asked for no more."""
        before = self.frame_at(before_s)
        with self._lock:
            while self._chunks:
                frames = self._forgotten + len(self._chunks[0]) // 4
                if frames > before:
                    break
                self._forgotten = frames
                del self._chunks[0]

    def close(self) -> None:
        """End the recording."""
        self._recorder.terminate()
        self._recorder.wait()
        self._reader.join()
        assert self._recorder.stdout is not None
        self._recorder.stdout.close()


class Sink(Recording):
    """A null sink and the recording of its monitor.

    The recorder stays with its monitor: one follows the desktop's default else, and hears another
    sink. `parameters` are more of the null sink's, such as `channels=6`.
    """

    def __init__(self, server: SoundServer, name: str, *parameters: str) -> None:
        self.name = name
        self._server = server
        self.module = server.control(
            "load-module", "module-null-sink", f"sink_name={name}", f"rate={RATE_HZ}", *parameters
        )
        self.environment = server.environment | {"PULSE_SINK": name, "PIPEWIRE_NODE": name}
        # A null sink begins with a block of 2 s; one that wakes begins with its listener's.
        server.control("suspend-sink", name, "1")
        command = [
            "parec", "-d", f"{name}.monitor", f"--latency-msec={RECORD_LATENCY_MS}",
            "--format=float32le", "--channels=1", f"--rate={RATE_HZ}", "--raw",
            "--property=node.dont-reconnect=true",
        ]  # fmt: skip
        super().__init__(command, server.environment)
        self._await(self._is_recorded)
        server.control("suspend-sink", name, "0")
        self._await(lambda: self._frames > 0)

    def _is_recorded(self) -> bool:
        sources = self._server.control("list", "short", "sources").splitlines()
        number = next(line.split()[0] for line in sources if f"\t{self.name}.monitor\t" in line)
        outputs = self._server.control("list", "short", "source-outputs").splitlines()
        return any(line.split()[1] == number for line in outputs)

    @staticmethod
    def _await(condition: Callable[[], bool]) -> None:
        if not soon(condition):
            raise RuntimeError("the monitor gives no sound")

    def close(self) -> None:
        """End the recording and remove the sink."""
        super().close()
        with contextlib.suppress(subprocess.CalledProcessError):
            self._server.control("unload-module", self.module)


def until_heard(sink: Recording, for_s: float = 0.5, timeout_s: float = 20.0) -> None:
    """Return once there has been sound all the time for so long; a sink that wakes is silent."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        now_s = time.monotonic()
        blocks = sink.heard(now_s - for_s, now_s)[: int(for_s * RATE_HZ) // 480 * 480]
        rms = np.sqrt(np.mean(np.square(blocks[: len(blocks) // 480 * 480].reshape(-1, 480)), 1))
        if len(rms) and float(rms.min()) > 0.01:
            return
        if now_s > deadline_s:
            raise RuntimeError("nothing is heard")
        time.sleep(0.1)


@contextlib.contextmanager
def pulse_server() -> Iterator[PulseServer]:
    """Run a sound server in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="callplayer-pulse-") as folder:
        server = PulseServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()

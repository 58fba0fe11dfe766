"""The words of a call, from the real service to a client of the engine, beside its sound."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from callplayer.ipc.messages import WordsEvent
from callplayer.vendor.transcript import Transcript
from tests.e2e.conftest import StartEngine
from tests.rig.processes import CALLPLAYER, Event, HeadlessEngine, Service, clean_environment
from tests.rig.signals import write_tones

DEMO_CALL = Path(__file__).parents[2] / "callplayer/demo_calls/kitchen-fire.ogg"
SPOKEN = [f"W{n}." for n in range(14)]


def heard(engine: HeadlessEngine, since_s: float = 0.0) -> Transcript:
    """The transcript as a client puts it together."""
    transcript = Transcript()
    for at_s, event in list(engine.events):
        if event["event"] == "words" and at_s >= since_s:
            words = msgspec.convert(event, WordsEvent).words
            assert len({word.speaker for word in words}) == 1
            transcript = transcript.apply(words)
    return transcript


def wait_transcript(engine: HeadlessEngine, count: int) -> Transcript:
    """Wait until the client knows so many words."""
    engine.wait_for(lambda e: e["event"] == "words" and len(heard(engine)) >= count, 30.0)
    return heard(engine)


@pytest.fixture(scope="module")
def demo_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one of the demo calls."""
    service = Service(tmp_path_factory.mktemp("words"), DEMO_CALL)
    yield service
    assert service.stop() == 0


def test_a_recorded_calls_words_are_emitted(
    demo_service: Service, start_engine: StartEngine, tmp_path: Path
) -> None:
    engine = start_engine(demo_service, "--paused")
    sidecar = json.loads(DEMO_CALL.with_suffix(".json").read_text())["words"]
    transcript = wait_transcript(engine, len(sidecar))
    reported = sorted(
        (word.start_offset, word.word, word.speaker) for word in transcript.in_order()
    )
    assert reported == sorted((w["start_offset"], w["word"], w["speaker"]) for w in sidecar)
    states = [e["state"] for _, e in engine.events if e["event"] == "transcript"]
    assert states == ["connecting", "open"]
    assert engine.quit() == 0
    logs = [path.read_text() for path in tmp_path.rglob("*.log")]
    assert not any("token=" in each or "911," in each for each in logs)
    assert "token=" not in demo_service.log_path.read_text()


def test_a_call_without_words_plays_all_the_same(
    sweep_service: Service, start_engine: StartEngine
) -> None:
    engine = start_engine(sweep_service)
    engine.wait_state(phase="playing", advancing=True)
    engine.wait_for(lambda e: e["event"] == "transcript" and e["state"] == "open")
    assert not any(e["event"] == "words" for _, e in engine.events)
    assert engine.quit() == 0


def test_no_cable_is_no_error(
    sweep_service: Service, tmp_path: Path, start_engine: StartEngine
) -> None:
    engine = start_engine(sweep_service, "--cable-url=ws://127.0.0.1:9/cable")
    engine.wait_state(phase="playing", advancing=True)
    engine.wait_for(lambda e: e["event"] == "transcript" and e["detail"] != "")
    assert not any(e["event"] == "error" for _, e in engine.events)
    assert engine.quit() == 0


def test_a_client_that_reads_late_has_all_words(tmp_path: Path) -> None:
    recording = tmp_path / "long.wav"
    write_tones(recording, 10.0, 700.0, 1900.0)
    words = [
        {"word": f"w{n}", "speaker": "Caller", "start_offset": n / 1000, "duration": 0.1}
        for n in range(6000)
    ]
    recording.with_suffix(".json").write_text(json.dumps({"words": words}))
    service = Service(tmp_path, recording)
    process = subprocess.Popen(
        [*CALLPLAYER, service.incidents[0], "--headless", "--paused", "--no-audio"],
        env=clean_environment(tmp_path) | service.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        time.sleep(6.0)  # what is emitted fills the pipe, and what waits behind it, long before
        transcript = Transcript()
        deadline_s = time.monotonic() + 30
        while len(transcript) < len(words) and time.monotonic() < deadline_s:
            event = json.loads(process.stdout.readline())
            if event["event"] == "words":
                transcript = transcript.apply(msgspec.convert(event, WordsEvent).words)
        assert [word.word for word in transcript.in_order()] == [word["word"] for word in words]
        process.stdin.close()
        process.stdout.read()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        service.stop()


def test_live_words_come_as_they_are_spoken_and_are_put_right(
    tmp_path: Path, start_engine: StartEngine
) -> None:
    recording = tmp_path / "live.wav"
    write_tones(recording, 30.0, 700.0, 1900.0)
    words = [
        {"word": text, "speaker": ("Caller", "CallTaker")[n // 7], "confidence": 0.9,
         "start_offset": 1.5 + 0.4 * n, "duration": 0.3}
        for n, text in enumerate(SPOKEN)
    ]  # fmt: skip
    recording.with_suffix(".json").write_text(json.dumps({"words": words}))
    service = Service(tmp_path, recording, flags=["--live"])
    try:
        engine = start_engine(service, "--live")
        transcript = wait_transcript(engine, len(SPOKEN))
        state: Event = engine.last("state")
        assert not state["call_over"]
        assert state["duration_ms"] < 30_000
        first_words_s = next(at_s for at_s, e in engine.events if e["event"] == "words")
        assert time.monotonic() - first_words_s > 2.0  # not all of them at once
        engine.wait_for(lambda _: [w.word for w in heard(engine).in_order()] == SPOKEN)
        confidences = {
            word["confidence"]
            for _, e in engine.events if e["event"] == "words"
            for word in e["words"]
        }  # fmt: skip
        assert min(confidences) < 0.9 == max(confidences)
        assert len(transcript) == len(SPOKEN)
        assert engine.quit() == 0
    finally:
        service.stop()

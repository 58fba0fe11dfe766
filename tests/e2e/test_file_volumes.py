"""A mono recording played without a server: each party has a volume where words name a speaker."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.rig.processes import HeadlessEngine

RATE_HZ = 48_000
TONE_DB = -17.0
"""The RMS level of a sine of 0.2."""


@pytest.mark.parametrize("speaker", ["Caller", "CallTaker", None])
def test_a_mixed_recording_is_as_loud_as_its_speaker(tmp_path: Path, speaker: str | None) -> None:
    path = tmp_path / "call.wav"
    tone = 0.2 * np.sin(2 * np.pi * 500 * np.arange(10 * RATE_HZ) / RATE_HZ)
    soundfile.write(path, tone.astype(np.float32), RATE_HZ)
    if speaker is not None:
        word = {"word": "word", "speaker": speaker, "start_offset": 0.0, "duration": 10.0}
        path.with_suffix(".json").write_text(json.dumps({"words": [word]}))
    engine = HeadlessEngine(tmp_path, {}, str(path), "--no-audio")
    engine.send(cmd="set-gain", gain=-20, callerType="caller")
    engine.wait_state(phase="playing", advancing=True)
    time.sleep(1.5)
    state = engine.wait_state(since_s=time.monotonic())
    assert [lane["carries"] for lane in state["lanes"]] == [["caller", "callTaker"]]
    # Where no speaker is known, the louder of the two volumes counts.
    wanted_db = TONE_DB - 20 if speaker == "Caller" else TONE_DB
    assert [party["level_db"] for party in state["parties"]] == pytest.approx(
        [wanted_db] * 2, abs=1
    )
    assert engine.quit() == 0

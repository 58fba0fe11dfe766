"""Run the real player on the terminal over the fake engine; the flags are the fake engine's.

PLAY_FAKE_LOG names the log file; PLAY_FAKE_PLAIN, whatever it is, asks for plain lines;
PLAY_FAKE_PLACES names the file of where calls were left.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from callplayer.ui.app import run_plain, run_player
from callplayer.ui.options import PlayerOptions

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")


def main() -> int:
    run = run_plain if "PLAY_FAKE_PLAIN" in os.environ else run_player
    places = os.environ.get("PLAY_FAKE_PLACES")
    result = run(
        PlayerOptions(
            engine_argv=(sys.executable, str(FAKE_ENGINE), *sys.argv[1:]),
            incident="i1",
            log_path=Path(os.environ.get("PLAY_FAKE_LOG", "play_fake.log")),
            resume_points_path=Path(places) if places else None,
        )
    )
    for line in (result.message, result.hint):
        if line:
            print(line, file=sys.stderr)
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())

"""Which sources of live calls a service is asked to have. Imports nothing heavy."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from callplayer.errors import UsageError

DEFAULT_END_AFTER_S = 10.0


@dataclass(frozen=True)
class LiveSources:
    """Where live calls come from.

    `files` are played as if live, from the start of the service on; `watched` is a folder of
    growing WAVs; `stdin` is a format such as `s16le:48000:1`; `ingest` opens rooms for publishers.
    A call of a watched file or an ingest room ends after `end_after_s` without sound.
    """

    files: tuple[Path, ...] = ()
    watched: Path | None = None
    stdin: str | None = None
    ingest: bool = False
    end_after_s: float = DEFAULT_END_AFTER_S

    def __bool__(self) -> bool:
        return bool(self.files or self.watched or self.stdin or self.ingest)

    def check(self, *, exit_with_stdin: bool) -> None:
        """Raise UsageError if there is a source that cannot be."""
        from callplayer.recordings.recording import find_recordings
        from callplayer.service.live.pcm import parse_format

        if self.watched is not None and not self.watched.is_dir():
            raise UsageError(f"{self.watched} is no folder.", "Make it, or give --watch another.")
        if self.watched is not None and not os.access(self.watched, os.R_OK | os.X_OK):
            raise UsageError(
                f"The folder {self.watched} cannot be read.", "Give its rights, or --watch another."
            )
        if self.stdin is not None:
            parse_format(self.stdin)
            if exit_with_stdin:
                raise UsageError(
                    "--live-stdin and --exit-with-stdin cannot both use the standard input.",
                    "Leave one of them out.",
                )
        if not (math.isfinite(self.end_after_s) and self.end_after_s > 0):
            raise UsageError(
                f"--end-after is {self.end_after_s:g} s.", "Give a number of seconds above 0."
            )
        if self.files:
            find_recordings(self.files)

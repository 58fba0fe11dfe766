"""Which source a call has: a recording that is played here, or the incident's room."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from callplayer.config import Settings
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import PathReadings, Source, SourceHost


class MakeSource(Protocol):
    """Makes a call's source."""

    def __call__(
        self,
        settings: Settings,
        incident_id: str,
        *,
        recording: Path | None,
        call: PlaybackState,
        reporter: Reporter,
        path: PathReadings,
        host: SourceHost,
    ) -> Source: ...


def make_source(
    settings: Settings,
    incident_id: str,
    *,
    recording: Path | None,
    call: PlaybackState,
    reporter: Reporter,
    path: PathReadings,
    host: SourceHost,
) -> Source:
    """Return the file `recording` as a source, or else the incident's room at the end of `path`."""
    channels = reporter.channels
    if recording is not None:
        from callplayer.engine.session.file_source import FileSource

        return FileSource(recording, channels=channels, reporter=reporter, host=host)
    from callplayer.engine.session.room_source import RoomSource

    assert isinstance(path, ReceivePath)
    return RoomSource(
        settings,
        incident_id,
        call=call,
        channels=channels,
        reporter=reporter,
        path=path,
        delays=reporter.delays,
        host=host,
    )

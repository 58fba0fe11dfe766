"""Incidents in the vendor's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from callplayer.recordings.recording import Recording


def describe(recording: Recording, now_s: float) -> dict[str, Any]:
    """Return the incident in the vendor's words, as it is at `now_s` of the monotonic clock."""
    live = recording.is_live(now_s)
    ended_at = recording.ended_at or recording.created_at + timedelta(seconds=recording.duration_s)
    created = format_datetime(recording.created_at)
    return {
        "id": recording.id,
        "caller_phone_number": recording.facts.caller_phone_number,
        "is_audio_live": live,
        "audio_call_ended_at": None if live else format_datetime(ended_at),
        "created_at": created,
        "updated_at": created if live else format_datetime(ended_at),
        "caller_location": recording.facts.caller_location,
    }


def format_datetime(moment: datetime) -> str:
    """Return the vendor's way to write a time: `2024-01-15 10:30:00 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

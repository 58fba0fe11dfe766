"""What the engine emits, put together from the call, the sound and the receive path."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.meter import Level
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.mixer_level import FULL
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.source import PathReadings
from callplayer.errors import CallplayerError
from callplayer.ipc import messages as m
from callplayer.vendor.http import Incident
from callplayer.vendor.transcript import Transcript

SOON_S = 0.05
"""However many statuses come, the state is emitted no more often for them."""

LEVELS_AGAIN_S = 0.25
"""Levels of sound that stand still, as of a tone, are emitted this often all the same."""

SOUND_DB = -50.0
"""The RMS level from which on a lane sounds, in dBFS: below it is silence, or a line's noise."""

MAX_TEXT_CHARS = 2_000
"""An incident's texts may be of any length: no line of the engine's may be."""


class EarView(Protocol):
    """What is heard, if it is not what comes."""

    def overlay(self, state: m.StateEvent) -> m.StateEvent:
        """Return the state as it is heard: `state` is the server's."""

    def levels(self, now_s: float) -> dict[str, Level] | None:
        """Return the levels of the lanes that are heard; None where that is what comes."""


class Reporter:
    """Makes events and hands them to `emit`. `emitted_s` is when the state was emitted last.

    Once `quiet`, the state is not emitted: the engine is ending. `recording` is the name of the
    file that is played without a server; `described` is its incident, and `said` returns its words.
    `sounded_s` is when the levels were last those of sound,
    or not known because the gate was shut.
    """

    def __init__(
        self,
        emit: Callable[[m.Event], object],
        call: PlaybackState,
        sound: AudioPipeline,
        path: PathReadings,
    ) -> None:
        self.emit = emit
        self.emitted_s = 0.0
        self.is_dirty = False
        self.quiet = False
        self.recording = ""
        self.recall: EarView | None = None
        self.described: Incident | None = None
        self.said: Callable[[], Transcript] = Transcript
        self._lanes: tuple[m.LaneState, ...] = ()
        self._call = call
        self._sound = sound
        self._path = path
        self._levels: dict[str, m.LaneLevel] = {}
        self._levels_s = 0.0
        self.sounded_s = float("-inf")

    @property
    def channels(self) -> ChannelBank:
        """Return the channels whose levels are reported."""
        return self._sound.channels

    def delays(self) -> Delays:
        """Return how long sound takes right now."""
        return Delays(
            path_ms=self._path.delay_ms + self._sound.delay_ms,
            device_ms=self._sound.device_latency_ms,
            turnover_ms=self._path.turnover_ms(time.monotonic()),
        )

    def state(self) -> None:
        """Emit the whole state."""
        if self.quiet:
            return
        now_s = self.emitted_s = time.monotonic()
        self.is_dirty = False
        # Lanes of a room that is being joined again stay as they were.
        if not self._call.away or not self._lanes:
            self._lanes = self._sound.channels.layout.lanes or self._lanes
        levels_db = {lane: level.rms_db for lane, level in self._levels.items()}
        device = self._sound.device_name
        state = self._call.state(now_s, self.delays(), self._lanes, levels_db, device)
        if device is None and self._sound.opening:
            state = msgspec.structs.replace(state, opening=self._sound.opening)
        level = self._sound.desktop_level
        if level != FULL:
            state = msgspec.structs.replace(
                state, desktop_muted=level.muted, desktop_percent=level.percent
            )
        if self.recording:
            state = msgspec.structs.replace(state, source="recording", recording=self.recording)
        self.emit(self.recall.overlay(state) if self.recall else state)

    def request_state(self) -> None:
        """Emit the whole state, but not so soon after the last time: then it `is_dirty`."""
        self.is_dirty = True
        if time.monotonic() - self.emitted_s >= SOON_S:
            self.state()

    def levels(self) -> None:
        """Emit the meters. Those of silence that lasts are not repeated."""
        now_s = time.monotonic()
        heard = self._sound.channels.levels(now_s)
        if self.recall is not None:
            heard = self.recall.levels(now_s) or heard
        levels = {
            lane: m.LaneLevel(
                lane=lane,
                rms_db=round(level.rms_db, 1),
                peak_db=round(level.peak_db, 1),
                hold_db=round(level.hold_db, 1),
            )
            for lane, level in heard.items()
        }
        loudest_db = max((level.rms_db for level in levels.values()), default=m.LEVEL_FLOOR_DB)
        if loudest_db > SOUND_DB or not self._sound.channels.gate_open:
            self.sounded_s = now_s
        is_sound = loudest_db > m.LEVEL_FLOOR_DB
        is_due = is_sound and now_s - self._levels_s >= LEVELS_AGAIN_S
        if levels and (levels != self._levels or is_due):
            self._levels, self._levels_s = levels, now_s
            self.emit(m.LevelsEvent(levels=tuple(levels.values())))

    def stats(self) -> None:
        """Emit the figures of the audio path."""
        sound, channels, path = self._sound, self._sound.channels, self._path
        packet_ms = path.delay_ms - path.jitter_buffer_ms
        parts_ms = (
            path.network_ms or 0.0,
            packet_ms,
            path.jitter_buffer_ms,
            channels.resampler_ms,
            buffer_ms := channels.buffer_ms,
            sound.device_latency_ms,
        )
        self.emit(
            m.StatsEvent(
                delay_ms=round(sum(parts_ms), 1),
                network_ms=None if path.network_ms is None else round(path.network_ms, 2),
                packet_ms=round(packet_ms, 1),
                jitter_buffer_ms=round(path.jitter_buffer_ms, 1),
                resampler_ms=round(channels.resampler_ms, 2),
                buffer_ms=round(buffer_ms, 2),
                target_ms=round(channels.target_ms, 2),
                device_latency_ms=round(sound.device_latency_ms, 2),
                underruns=channels.underruns,
                device_underflows=sound.device_underflows,
                concealed_ms=round(path.concealed_ms, 1),
                trimmed_frames=channels.trimmed_frames,
                received_frames=channels.received_frames,
                tracks=len(channels.track_ids),
                drift_ppm=None if (ppm := channels.drift_ppm) is None else round(ppm, 1),
                callback_p99_ms=round(sound.callback_ms(99.0), 3),
                callback_p999_ms=round(sound.callback_ms(99.9), 3),
                callback_longest_ms=round(sound.callback_ms(100.0), 3),
            )
        )

    def error(self, code: str, what: str, hint: str) -> None:
        """Report what went wrong, or was wrong to ask, and what to do; the engine goes on."""
        self.emit(m.ErrorEvent(code=code, message=what, hint=hint))

    def failure(self, error: CallplayerError) -> int:
        """Report what ends the engine; return its exit code."""
        self.emit(
            m.ErrorEvent(
                code=error.code, message=error.what, hint=error.hint, exit_code=error.exit_code
            )
        )
        return error.exit_code

    def incident(self, incident: Incident) -> None:
        """Emit what is known of the incident."""
        self.described = incident
        place = ""
        if incident.latitude is not None and incident.longitude is not None:
            place = f"{incident.latitude:.5f}, {incident.longitude:.5f}"
        self.emit(
            m.IncidentEvent(
                id=incident.id[:MAX_TEXT_CHARS],
                caller_phone_number=incident.caller_phone_number[:MAX_TEXT_CHARS],
                is_audio_live=incident.is_audio_live,
                created_at=incident.created_at.isoformat() if incident.created_at else None,
                location=place,
            )
        )

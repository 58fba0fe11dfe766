"""The screen's own state and how each event changes it. Pure: no Textual, no clock.

The engine owns the truth about the call. The view holds the engine's last events, the selected
party, and the notice that says what happened.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from callplayer.ipc.messages import (
    ClipEvent,
    DevicesEvent,
    ErrorEvent,
    EvenedEvent,
    IncidentEvent,
    LaneLevel,
    LevelsEvent,
    StateEvent,
    StatsEvent,
    TranscriptEvent,
    TranscriptState,
    WordsEvent,
)
from callplayer.ipc.news import EngineGone, EngineNews, EngineRestarting
from callplayer.ipc.restore import is_connected
from callplayer.ipc.successor import SuccessorOffer
from callplayer.text import plain_text
from callplayer.ui.model.format import (
    SPEECH_DB,
    UNCONFIRMED_AFTER_S,
    Tone,
    clip_texts,
    clock_text,
    evened_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
    slowed_text,
    waiting_s,
)
from callplayer.ui.model.link_quality import LinkQuality, after_stats
from callplayer.ui.model.marks import RecentBookmark
from callplayer.ui.model.navigation import Navigation, after_state
from callplayer.ui.model.skip_silence import SilenceSkipping
from callplayer.ui.model.transcript import SPEAKER_NAMES, Script, after_words, last_word_end_ms
from callplayer.ui.model.transcript_search import Found, found_again
from callplayer.vendor.parties import PARTIES, Party

NOTICE_S = 6.0
ERROR_NOTICE_S = 20.0
ANSWER_CODES = ("too-little-speech", "no-lead", "clips-off", "clip-busy", "no-sound-device")
"""Errors that answer a key."""

DEVICE_LOST = "device-lost"
"""The code of an error that is over once a state names a device and lacks nothing."""

STARTING_AGAIN = "engine-restarting"
"""The code of a note that is over once a state names the time of the next try to reach the call."""

NO_WORDS: dict[TranscriptState, str] = {
    "connecting": "The transcript has not come yet.",
    "open": "No words of this call have come.",
    "reconnecting": "The transcript is out of reach; it is tried again.",
    "none": "This call has no transcript.",
}
"""Why there are no words to read or search."""

ELSEWHERE_MS = 2_000
"""A cursor this far from where it was asked to be did not go there."""

AHEAD_S = 5.0
AHEAD_FROM_MS = 5_000
"""Words come some seconds after they are said: less than this is no earlier place."""

JUMP_MS = 100
"""A cursor that is so far from where it was drawn has jumped; else it was corrected a little."""


class Notice(msgspec.Struct, frozen=True):
    """One line of what happened and one of what to do, shown until `until_s` (monotonic, s).

    `code` is the error's code, if it reports one; `answers`: it answers a key, and ends with the
    next key.
    """

    text: str
    hint: str = ""
    tone: Tone = "text"
    until_s: float = float("inf")
    code: str = ""
    answers: bool = False


class Failure(msgspec.Struct, frozen=True):
    """Why the call cannot be played any more, and the exit code."""

    message: str
    hint: str
    exit_code: int


class LiveSpeech(msgspec.Struct, frozen=True):
    """Speech at the live end while an earlier place is heard; shown until `until_s`."""

    speaker: str
    until_s: float


class PlayerView(msgspec.Struct, frozen=True):
    """All that the player's screen draws from.

    `phase_since_s` is when the state came into its phase (monotonic, s), None before any;
    `asked_id` is the incident that was asked for, shown until the engine reports its details;
    `was_connected`: the call was there at least once; `ended`: no more events come;
    `script` is the transcript, `transcript` whether there is one, `ahead` the speech that came
    last while an earlier place was heard; `link` is how good the link is; `quiet_since_s` is since
    when it is silent (monotonic, s), None while there is sound; `navigation` is what the way
    through the call so far leaves to remember; `offer` is what the call could be moved to;
    `found` is what the last search found, `marked` the bookmark set last, until it is noted;
    `resume_ms` is where this call was left in the middle the last time, None if it was not.
    """

    state: StateEvent = msgspec.field(default_factory=lambda: StateEvent(phase="connecting"))
    phase_since_s: float | None = None
    asked_id: str = ""
    incident: IncidentEvent | None = None
    stats: StatsEvent | None = None
    devices: DevicesEvent | None = None
    levels: tuple[LaneLevel, ...] = ()
    levels_at_s: float = 0.0
    quiet_since_s: float | None = None
    link: LinkQuality = msgspec.field(default_factory=LinkQuality)
    selected: Party = "caller"
    notice: Notice | None = None
    failure: Failure | None = None
    was_connected: bool = False
    ended: bool = False
    script: Script = msgspec.field(default_factory=Script)
    transcript: TranscriptState = "connecting"
    ahead: LiveSpeech | None = None
    navigation: Navigation = msgspec.field(default_factory=Navigation)
    offer: SuccessorOffer = msgspec.field(default_factory=SuccessorOffer)
    found: Found = msgspec.field(default_factory=Found)
    marked: RecentBookmark | None = None
    skipping: SilenceSkipping = msgspec.field(default_factory=SilenceSkipping)
    resume_ms: int | None = None


def reduce(view: PlayerView, event: EngineNews, now_s: float) -> PlayerView:
    """Return the view after `event`."""
    match event:
        case StateEvent():
            view = _after_state(view, event, now_s)
        case LevelsEvent():
            view = _after_levels(view, event, now_s)
        case StatsEvent():
            # A recording that is played right here has no link to be good or bad.
            from_room = view.state.source == "room"
            link = after_stats(view.link, event, now_s) if from_room else LinkQuality()
            view = replace(view, stats=event, link=link)
        case IncidentEvent():
            view = replace(view, incident=event)
        case DevicesEvent():
            view = replace(view, devices=event)
        case WordsEvent():
            view = _after_words(view, event, now_s)
        case TranscriptEvent():
            view = replace(view, transcript=event.state)
        case SuccessorOffer():
            view = replace(view, offer=event)
        case _:
            view = _after_trouble(view, event, now_s)
    return view


def is_clock_tick(before: PlayerView, view: PlayerView, now_s: float) -> bool:
    """Return whether an event brought nothing but the time that a clock drew anyway."""
    old, state = before.state, view.state
    for shown_ms in (shown_position_ms, shown_duration_ms):
        if abs(shown_ms(state, now_s) - shown_ms(old, now_s)) >= JUMP_MS:
            return False
    if _timeless(state) != _timeless(old):
        return False
    return replace(view, state=old) == before


def _timeless(state: StateEvent) -> StateEvent:
    """Return a state without what changes as time goes by, and without levels: meters have those.

    A call that goes on has a length that grows; that there is one at all is no matter of time.
    """
    parties = tuple(replace(party, level_db=0.0) for party in state.parties)
    return replace(
        state,
        position_ms=0,
        audible_ms=0,
        audible_in_ms=0,
        duration_ms=min(state.duration_ms, 1),
        unconfirmed_s=min(state.unconfirmed_s, 0.001),
        lead_ms=0,
        remembered=(),
        as_of_s=0.0,
        parties=parties,
    )


def _after_trouble(view: PlayerView, event: EngineNews, now_s: float) -> PlayerView:
    match event:
        case ErrorEvent():
            view = _after_error(view, event, now_s)
        case ClipEvent():
            text, hint = map(plain_text, clip_texts(event))
            until_s = now_s + ERROR_NOTICE_S
            notice = Notice(text, hint, until_s=until_s, code=f"clip-{event.stage}")
            view = replace(view, notice=notice)
        case EvenedEvent():
            view = with_notice(view, evened_text(event), now_s, "text")
        case EngineRestarting():
            view = _after_loss(view, event, now_s)
        case EngineGone():
            view = _after_end(view, event)
    return view


def with_notice(view: PlayerView, text: str, now_s: float, tone: Tone = "hold") -> PlayerView:
    """Return the view with a short-lived note for the user, which answers a key."""
    note = Notice(text, tone=tone, until_s=now_s + NOTICE_S, answers=True)
    return replace(view, notice=note)


def with_remark(view: PlayerView, text: str, now_s: float) -> PlayerView:
    """Return the view with a remark on a key beside the note that answers it, if there is one."""
    notice = view.notice
    if notice is None or not notice.answers:
        return with_notice(view, text, now_s, "text")
    return replace(view, notice=replace(notice, hint=text))


def without_answer(view: PlayerView) -> PlayerView:
    """Return the view without the note that answered the last key: it is not about this one."""
    if view.notice is None or not view.notice.answers:
        return view
    return replace(view, notice=None)


def select_next_party(view: PlayerView) -> PlayerView:
    """Return the view with the other party selected."""
    return replace(view, selected=PARTIES[1 - PARTIES.index(view.selected)])


def _after_state(view: PlayerView, state: StateEvent, now_s: float) -> PlayerView:
    notice = view.notice
    if notice is not None and notice.code == DEVICE_LOST and state.device and not state.detail:
        device = plain_text(state.device, 48)
        notice = Notice(f"Sound comes from {device} again.", "", "text", now_s + NOTICE_S)
    if notice is not None and notice.code == STARTING_AGAIN and state.retry_at_s is not None:
        notice = None
    refused = _refused(view.state, state, now_s) or slowed_text(view.state, state)
    if refused:
        notice = Notice(refused, "", "hold", now_s + NOTICE_S)
    if view.resume_ms is not None and not view.was_connected and is_connected(state):
        at = clock_text(view.resume_ms, state.duration_ms, tenths=False)
        until_s = now_s + ERROR_NOTICE_S
        notice = Notice(f"Go on at {at}?", "Enter goes there.", "ask", until_s, answers=True)
    same_phase = view.phase_since_s is not None and state.phase == view.state.phase
    return replace(
        view,
        state=state,
        navigation=after_state(view.navigation, view.state, state),
        phase_since_s=view.phase_since_s if same_phase else now_s,
        quiet_since_s=view.quiet_since_s if state.advancing else None,
        notice=notice,
        was_connected=view.was_connected or is_connected(state),
    )


def _refused(before: StateEvent, state: StateEvent, now_s: float) -> str:
    """Report a jump that the server never confirmed and that the engine gave up; "" for none."""
    asked_ms = before.requested_ms
    waited = waiting_s(before, now_s) >= UNCONFIRMED_AFTER_S
    if asked_ms is None or state.requested_ms is not None or not waited:
        return ""
    if state.phase == "reconnecting" or not is_connected(state):
        return ""
    if abs(state.position_ms - asked_ms) < ELSEWHERE_MS:
        return ""
    return f"The server did not go to {clock_text(asked_ms, state.duration_ms)}."


def _after_levels(view: PlayerView, event: LevelsEvent, now_s: float) -> PlayerView:
    quiet = all(level.rms_db < SPEECH_DB for level in event.levels)
    since_s = (view.quiet_since_s if view.quiet_since_s is not None else now_s) if quiet else None
    return replace(view, levels=event.levels, levels_at_s=now_s, quiet_since_s=since_s)


def _after_words(view: PlayerView, event: WordsEvent, now_s: float) -> PlayerView:
    """Take the words; note speech at the live end if another place is heard."""
    script = after_words(view.script, event.words)
    ahead = view.ahead
    end_ms = last_word_end_ms(script)
    heard_ms = shown_position_ms(view.state, now_s)
    is_new = view.script and end_ms > last_word_end_ms(view.script)
    if is_new and is_growing(view.state) and end_ms > heard_ms + AHEAD_FROM_MS:
        ahead = LiveSpeech(SPEAKER_NAMES[event.words[-1].speaker], now_s + AHEAD_S)
    if script is view.script:
        return replace(view, ahead=ahead)
    return replace(view, script=script, ahead=ahead, found=found_again(view.found, script))


def _after_error(view: PlayerView, event: ErrorEvent, now_s: float) -> PlayerView:
    message, hint = plain_text(event.message), plain_text(event.hint)
    if event.exit_code is None:
        answers = event.code in ANSWER_CODES
        notice = Notice(message, hint, "alert", now_s + ERROR_NOTICE_S, event.code, answers)
        return replace(view, notice=notice)
    return _failed(view, Failure(message, hint, event.exit_code))


def _after_loss(view: PlayerView, event: EngineRestarting, now_s: float) -> PlayerView:
    notice = Notice(
        f"The audio engine {event.reason}; starting it again.",
        "Position, pause and volumes come back by themselves.",
        "hold",
        now_s + NOTICE_S,
        STARTING_AGAIN,
    )
    return replace(view, notice=notice, levels=())


def _after_end(view: PlayerView, gone: EngineGone) -> PlayerView:
    failure = view.failure or Failure(gone.message, gone.hint, gone.exit_code)
    return replace(_failed(view, failure), ended=True)


def _failed(view: PlayerView, failure: Failure) -> PlayerView:
    state = StateEvent(
        phase="failed",
        position_ms=view.state.position_ms,
        audible_ms=view.state.audible_ms,
        duration_ms=view.state.duration_ms,
        call_over=True,
        parties=view.state.parties,
        lanes=view.state.lanes,
        device=view.state.device,
    )
    return replace(view, state=state, failure=failure, levels=())

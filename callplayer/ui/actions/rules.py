"""What each action does to a call, for screen and plain mode alike. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from callplayer.bookmarks import MAX_NOTE_CHARS, Bookmark
from callplayer.ipc.messages import (
    AdjustGain,
    Mute,
    PartyState,
    Request,
    RetryNow,
    SetPartyGain,
    Solo,
    Unmute,
    Unsolo,
)
from callplayer.ui.actions.outcome import CallContext, Outcome, Prompt, PromptHint, Rule, asked
from callplayer.ui.model.citation import bookmark_here, citation
from callplayer.ui.model.format import (
    PARTY_NAMES,
    aimed_ms,
    clock_text,
    is_growing,
)
from callplayer.ui.model.marks import RecentBookmark, mark_from, noted_next
from callplayer.ui.model.navigation import Steer
from callplayer.ui.model.player import NO_WORDS, PlayerView, select_next_party
from callplayer.ui.model.skip_silence import SilenceSkipping
from callplayer.ui.model.time_input import (
    EXAMPLES,
    MAX_CHARS,
    NO_PLACE,
    TimeTarget,
    is_begun,
    read_place,
)
from callplayer.ui.model.transcript import LEAD_MS
from callplayer.ui.model.transcript_search import (
    Found,
    find,
    found,
    found_again,
    nearest_hit,
    times_text,
)
from callplayer.vendor.commands import Scrub

MAX_SEARCH_CHARS = 80
UNKNOWN_LENGTH = "The length of the call is not known yet."
LEFT = "Left as it was."

# --- requests -------------------------------------------------------------------------------------


def sends(request: Request) -> Rule:
    """Return the rule that sends a request."""
    return lambda call: asked(call, request)


def steers(steer: Steer) -> Rule:
    """Return the rule that takes a step of the way through the call."""

    def rule(call: CallContext) -> Outcome:
        view = call.view
        step = steer(view.state, view.navigation, call.settings, call.now_s)
        changed = bool(step.requests) or step.navigation != view.navigation
        after = replace(view, navigation=step.navigation)
        return Outcome(after, step.requests, note=step.note, tone="text" if changed else "hold")

    return rule


def to_percent(percent: int) -> Rule:
    """Return the rule that goes to a share of the call."""

    def rule(call: CallContext) -> Outcome:
        state = call.view.state
        if state.duration_ms <= 0:
            return Outcome(note=UNKNOWN_LENGTH)
        if is_growing(state):
            return Outcome(note="Percent keys rest while the call grows.")
        return asked(call, Scrub(state.duration_ms * percent // 100))

    return rule


def retry_now(call: CallContext) -> Outcome:
    """Try to reach the call at once, or go to the real room that is offered."""
    view = call.view
    if view.failure is not None:
        # What failed is tried anew, from the place that was heard last.
        state = replace(view.state, phase="connecting")
        return Outcome(replace(view, failure=None, ended=False, state=state), (RetryNow(),))
    why_not = "" if view.offer.is_ready else _nothing_to_retry(view)
    return Outcome(note=why_not) if why_not else asked(call, RetryNow())


def _nothing_to_retry(view: PlayerView) -> str:
    """Return why there is nothing to connect anew; "" if there is."""
    state = view.state
    if view.offer.notice:
        return "There is no real room to go to yet."
    if state.source == "recording":
        return "This is a recording played without a server: there is nothing to reconnect."
    if state.phase == "connecting" and state.retry_at_s is None:
        return "It is being tried just now."
    lost = state.phase in ("connecting", "reconnecting", "failed")
    return "" if lost else "The link stands: there is nothing to reconnect."


def named_capitals(view: PlayerView) -> frozenset[str]:
    """Return the actions that the screen asks for by a capital: who types that means it."""
    return frozenset({"retry-now"} if retry_word(view) else ())


def retry_word(view: PlayerView) -> str:
    """Return in a word or two what trying to connect would do; "" where it would do nothing."""
    state = view.state
    if view.failure is not None:
        return "try again"
    if view.offer.is_ready:
        return "real room"
    waits = state.phase in ("connecting", "reconnecting") and state.retry_at_s is not None
    return "try now" if waits and state.source == "room" and not view.offer.notice else ""


# --- parties --------------------------------------------------------------------------------------


def of_party(make: Callable[[PartyState], Request]) -> Rule:
    """Return the rule that sends a request about the selected party."""

    def rule(call: CallContext) -> Outcome:
        view = call.view
        return asked(call, make(next(p for p in view.state.parties if p.party == view.selected)))

    return rule


def turned(delta_db: float) -> Rule:
    """Return the rule that turns the selected party up or down."""
    return of_party(lambda party: AdjustGain(delta_db, party.party))


gain_zero = of_party(lambda party: SetPartyGain(0.0, party.party))
mute = of_party(lambda party: Unmute(party.party) if party.muted else Mute(party.party))
solo = of_party(lambda party: Unsolo(party.party) if party.soloed else Solo(party.party))


def next_party(call: CallContext) -> Outcome:
    """Select the other party."""
    view = select_next_party(call.view)
    return Outcome(view, spoken=f"{PARTY_NAMES[view.selected]} selected.")


# --- places ---------------------------------------------------------------------------------------


def go_to(call: CallContext) -> Outcome:
    """Ask for a place and go there."""
    return Outcome(prompt=Prompt("Go to", _hint_place, _go_to, max_chars=MAX_CHARS))


def _hint_place(text: str, call: CallContext) -> PromptHint:
    if not text.strip():
        return PromptHint(EXAMPLES)
    place = read_place(text, call.facts)
    if isinstance(place, TimeTarget):
        return PromptHint(f"→ {place.text}", "ask")
    return PromptHint(EXAMPLES if place == NO_PLACE and is_begun(text) else place)


def _go_to(text: str, call: CallContext) -> Outcome:
    if not text.strip():
        return Outcome(spoken=LEFT)
    place = read_place(text, call.facts)
    if isinstance(place, TimeTarget):
        return asked(call, Scrub(place.position_ms))
    return Outcome(note=place)


def go_on(call: CallContext) -> Outcome:
    """Go to where the call was left in the middle the last time."""
    resume_ms = call.view.resume_ms
    if resume_ms is None:
        return Outcome(note="This call was not left in the middle.")
    return asked(replace(call, view=replace(call.view, resume_ms=None)), Scrub(resume_ms))


def skip_silence(call: CallContext) -> Outcome:
    """Jump over silence that the words or what was heard know of, or no more."""
    view = call.view
    is_on = not view.skipping.is_on
    view = replace(view, skipping=SilenceSkipping(is_on, view.skipping.skipped_s))
    if not is_on:
        return Outcome(view, note="Silence is played again.", tone="text")
    where = "" if view.script else " where it was heard before"
    longest_s = call.settings.silence_s
    note = f"Silence over {longest_s:g} s is skipped{where}."
    return Outcome(view, note=note, tone="text")


def cite(call: CallContext) -> Outcome:
    """Copy incident, times and words of what is heard."""
    return Outcome(cited=citation(call.view, call.facts))


# --- bookmarks ------------------------------------------------------------------------------------


def set_bookmark(call: CallContext) -> Outcome:
    """Set a bookmark at what is heard; pressed again at once, add a note to it."""
    view, facts = call.view, call.facts
    if facts.duration_ms <= 0:
        return Outcome(note="There is no place to mark yet.")
    noted = noted_next(view.marked, call.bookmarks, facts.here_ms, call.now_s)
    if noted is not None:
        return replace(ask_note(noted, call), view=replace(view, marked=None))
    bookmark = bookmark_here(view, facts, call.utc)
    at = clock_text(facts.here_ms, facts.duration_ms)
    return Outcome(
        replace(view, marked=RecentBookmark(bookmark, call.now_s)),
        keep=lambda store: store.add(bookmark),
        note=f"Bookmark at {at}: the key again adds a note.",
        tone="text",
    )


def ask_note(bookmark: Bookmark, call: CallContext) -> Outcome:
    """Ask for a bookmark's note."""

    def answer(text: str, _: CallContext) -> Outcome:
        noted = bookmark.noted(text)
        return Outcome(
            keep=lambda store: store.replace(bookmark, noted), note="Noted.", tone="text"
        )

    hint = PromptHint("Enter keeps it, Esc leaves it as it was")
    label = f"Note at {clock_text(bookmark.position_ms, call.view.state.duration_ms)}"
    text, most = bookmark.note, MAX_NOTE_CHARS
    return Outcome(
        prompt=Prompt(label, lambda *_: hint, answer, text=text, max_chars=most),
    )


def remove_bookmark(bookmark: Bookmark, call: CallContext) -> Outcome:
    """Forget a bookmark."""
    at = clock_text(bookmark.position_ms, call.view.state.duration_ms)
    return Outcome(
        keep=lambda store: store.remove(bookmark),
        note=f"The bookmark at {at} is removed.",
        tone="text",
    )


def mark_by(step: int) -> Rule:
    """Return the rule that goes to the next (1) or last (−1) hit of a search, or else bookmark."""

    def rule(call: CallContext) -> Outcome:
        last = call.view.found
        if not last.wanted or call.lists_bookmarks:
            return _to_bookmark(call, step)
        if not last.hits:
            return Outcome(note="That is not said in this call.")
        return _to_hit(call, replace(last, at=(last.at + step) % len(last.hits)))

    return rule


def _to_bookmark(call: CallContext, step: int) -> Outcome:
    places: Sequence[int] = [each.position_ms for each in call.bookmarks]
    place_ms = mark_from(places, aimed_ms(call.view.state, call.now_s), step)
    if place_ms is not None:
        return asked(call, Scrub(place_ms))
    where = "further on" if step > 0 else "before this place"
    return Outcome(note=f"There is no bookmark {where}." if places else "There are no bookmarks.")


# --- the transcript -------------------------------------------------------------------------------


def search(call: CallContext) -> Outcome:
    """Search the transcript as the user types."""
    before = call.view.found
    if not call.view.script:
        return Outcome(note=NO_WORDS[call.view.transcript])
    return Outcome(
        prompt=Prompt(
            "Search",
            _hint_search,
            _end_search,
            changed=search_for,
            left=lambda then: _found_before(before, then),
            max_chars=MAX_SEARCH_CHARS,
            shows_words=True,
        )
    )


def without_search(call: CallContext) -> Outcome:
    """End the search."""
    spoken = "The search is over." if call.view.found.wanted else "There is nothing to close."
    return Outcome(replace(call.view, found=Found()), spoken=spoken)


def search_for(wanted: str, call: CallContext) -> Outcome:
    """Return what is found of a text, and which place of it is next."""
    hits = find(call.view.script, wanted)
    result = found(wanted, hits, nearest_hit(hits, call.facts.here_ms))
    return Outcome(replace(call.view, found=result))


def _hint_search(text: str, call: CallContext) -> PromptHint:
    last = call.view.found
    if not text.strip():
        return PromptHint("type what was said")
    if text != last.wanted:
        return PromptHint("…")
    if not last.hits:
        return PromptHint("not said", "hold")
    return PromptHint(f"{times_text(len(last.hits))}; Enter goes there", "ask")


def _found_before(before: Found, call: CallContext) -> Outcome:
    return Outcome(replace(call.view, found=found_again(before, call.view.script)))


def _end_search(wanted: str, call: CallContext) -> Outcome:
    if not wanted.strip():
        return without_search(call)
    if wanted != call.view.found.wanted:
        call = replace(call, view=search_for(wanted, call).view or call.view)
    last = call.view.found
    if last.hit is None:
        return Outcome(call.view, spoken="Not said.")
    return replace(_to_hit(call, last), spoken=f"{times_text(len(last.hits)).capitalize()}.")


def _to_hit(call: CallContext, result: Found) -> Outcome:
    """Go to a hit; the same one again is a new result, so that it is brought in sight again."""
    assert result.hit is not None
    call = replace(call, view=replace(call.view, found=replace(result)))
    return asked(call, Scrub(max(result.hit.position_ms - LEAD_MS, 0)))

"""What actions do to a call: the one table behind screen and plain mode."""

from __future__ import annotations

import pytest
from msgspec import structs
from msgspec.structs import replace

from callplayer.ipc.messages import Mute, RetryNow, SeekBy, StateEvent, Unmute
from callplayer.ipc.news import EngineGone
from callplayer.ui.actions.outcome import CallContext, Outcome, asked
from callplayer.ui.actions.rules import ask_note, named_capitals, retry_word, search_for
from callplayer.ui.keymap import ACTIONS, by_key
from callplayer.ui.model.citation import left_at_ms
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import PlayerView, reduce
from callplayer.ui.model.time_input import EXAMPLES, NO_PLACE
from callplayer.vendor.commands import Scrub
from tests.ui.scripted import FROZEN_S, PLAYING
from tests.ui.talk import TALK

NOTHING = CallContext(PlayerView(), FROZEN_S)
NAMED = {action.name: action for action in ACTIONS}


def call_of(*events: object) -> CallContext:
    view = PlayerView()
    for event in events:
        view = reduce(view, event, FROZEN_S)  # type: ignore[arg-type]
    return CallContext(view, FROZEN_S)


CALL = call_of(PLAYING, *TALK)


def outcome_of(name: str, call: CallContext = CALL) -> Outcome:
    rule = NAMED[name].rule
    assert rule is not None
    return rule(call)


def but(state: StateEvent, **changes: object) -> StateEvent:
    return structs.replace(state, **changes)


def test_percent_keys_scrub_a_finished_call_and_say_why_not_on_a_growing_one() -> None:
    rule = by_key(ACTIONS)["3"].rule
    assert rule is not None
    assert rule(CALL).requests == (Scrub(81_600),)
    assert "grows" in rule(call_of(but(PLAYING, call_over=False))).note
    assert "not known" in rule(NOTHING).note


def test_a_jump_is_remembered_with_the_place_it_leaves_and_nothing_else_is() -> None:
    jump = asked(CALL, SeekBy(5_000))
    assert jump.view is not None
    assert jump.view.navigation.left == (83_400,)
    assert asked(CALL, Mute("caller")).view is CALL.view
    failed = replace(CALL.view, failure=object())  # type: ignore[arg-type]
    assert asked(replace(CALL, view=failed), SeekBy(5_000)).view is failed


def test_mute_follows_the_selected_party() -> None:
    muted = tuple(structs.replace(party, muted=True) for party in PLAYING.parties)
    assert outcome_of("mute").requests == (Mute("caller"),)
    other = outcome_of("next-party")
    assert (other.spoken, other.requests) == ("Call taker selected.", ())
    assert other.view is not None
    assert outcome_of("mute", replace(CALL, view=other.view)).requests == (Mute("callTaker"),)
    assert outcome_of("mute", call_of(but(PLAYING, parties=muted))).requests == (Unmute("caller"),)


def test_a_search_goes_round_its_hits_and_a_text_that_is_not_said_goes_nowhere() -> None:
    prompt = outcome_of("search").prompt
    assert prompt is not None
    found = prompt.answer("smoke", CALL)
    assert (found.requests, found.spoken) == ((Scrub(99_800),), "2 times.")
    assert found.view is not None
    call = replace(CALL, view=found.view)
    places = []
    for name in ("next-mark", "next-mark", "last-mark"):
        step = outcome_of(name, call)
        assert step.view is not None
        call = replace(call, view=step.view)
        places.append(step.requests)
    assert places == [(Scrub(82_200),), (Scrub(99_800),), (Scrub(82_200),)]
    nowhere = prompt.answer("giraffe", CALL)
    assert (nowhere.requests, nowhere.spoken) == ((), "Not said.")
    assert nowhere.view is not None
    gone_on = outcome_of("next-mark", replace(CALL, view=nowhere.view))
    assert gone_on.note == "That is not said in this call."


def test_a_search_that_is_left_gives_back_what_was_found_before() -> None:
    before = search_for("smoke", CALL).view
    assert before is not None
    prompt = outcome_of("search", replace(CALL, view=before)).prompt
    assert prompt is not None
    assert prompt.left is not None
    typed = search_for("kitchen", CALL).view
    assert typed is not None
    after = prompt.left(replace(CALL, view=typed)).view
    assert after is not None
    assert (after.found.wanted, len(after.found.hits)) == ("smoke", 2)


def test_a_bookmark_is_kept_and_the_key_again_asks_for_its_note() -> None:
    first = outcome_of("bookmark")
    assert first.view is not None
    assert first.view.marked is not None
    assert first.keep is not None
    bookmark = first.view.marked.bookmark
    again = outcome_of("bookmark", replace(CALL, view=first.view, bookmarks=(bookmark,)))
    assert again.prompt is not None
    assert again.prompt.label == "Note at 1:23.4"
    removed = outcome_of("bookmark", replace(CALL, view=first.view))
    assert removed.prompt is None, "what it would note is gone"
    asked_note = ask_note(bookmark, CALL).prompt
    assert asked_note is not None
    assert asked_note.answer("fire", CALL).note == "Noted."


@pytest.mark.parametrize(
    ("state", "goes"), [("failed", True), ("reconnecting", True), ("playing", False)]
)
def test_a_new_try_is_for_a_call_without_a_link(state: str, goes: bool) -> None:
    outcome = outcome_of("retry-now", call_of(but(PLAYING, phase=state)))
    assert outcome.requests == ((RetryNow(),) if goes else ())
    assert bool(outcome.note) != goes


def test_while_a_place_is_typed_the_hint_shows_how_and_not_that_it_is_none() -> None:
    prompt = outcome_of("go-to").prompt
    assert prompt is not None
    assert prompt.hint("1:", CALL).text == EXAMPLES
    assert prompt.hint("1:0", CALL).text == EXAMPLES
    assert prompt.hint("1:00", CALL).text.startswith("→ 1:00")
    assert prompt.hint("one", CALL).text == NO_PLACE
    assert prompt.answer("1:", CALL).note == NO_PLACE


def test_a_failed_call_is_tried_again_where_it_was() -> None:
    gone = EngineGone("The call's server does not answer.", "Check the network.", 5)
    failed = call_of(PLAYING, gone)
    assert failed.view.failure is not None
    outcome = outcome_of("retry-now", failed)
    assert outcome.requests == (RetryNow(),)
    assert outcome.view is not None
    assert outcome.view.failure is None
    assert outcome.view.state.phase == "connecting"
    assert outcome.view.state.position_ms == failed.view.state.position_ms
    assert retry_word(failed.view) == "try again"


def test_there_is_nothing_to_retry_while_it_is_tried() -> None:
    assert "tried just now" in outcome_of("retry-now", NOTHING).note
    waits = call_of(StateEvent(phase="connecting", retry_at_s=1004.0))
    assert outcome_of("retry-now", waits).requests == (RetryNow(),)
    assert (retry_word(waits.view), retry_word(CALL.view)) == ("try now", "")
    assert (named_capitals(waits.view), named_capitals(CALL.view)) == ({"retry-now"}, set())


def test_a_call_left_in_its_middle_is_offered_once_it_is_there_and_gone_on_with() -> None:
    waiting = PlayerView(resume_ms=83_000)
    view = reduce(waiting, PLAYING, FROZEN_S)
    assert view.notice is not None
    assert (view.notice.text, view.notice.hint) == ("Go on at 1:23?", "Enter goes there.")
    again = reduce(view, PLAYING, FROZEN_S)
    assert again.notice is view.notice
    held = reduce(again, replace(PLAYING, detail="The sound device stands still."), FROZEN_S)
    said = shown_notice(held, FROZEN_S)
    assert said is not None
    assert said.text == "The sound device stands still."
    gone_on = outcome_of("go-on", CallContext(view, FROZEN_S))
    assert gone_on.requests == (Scrub(83_000),)
    assert gone_on.view is not None
    assert gone_on.view.resume_ms is None
    assert "not left" in outcome_of("go-on").note


@pytest.mark.parametrize(
    ("position_ms", "kept_ms"), [(4_900, None), (83_000, 83_000), (267_100, None)]
)
def test_only_the_middle_of_a_call_is_a_place_to_go_on_at(
    position_ms: int, kept_ms: int | None
) -> None:
    state = but(PLAYING, advancing=False, position_ms=position_ms)
    assert left_at_ms(call_of(state).view, FROZEN_S) == kept_ms

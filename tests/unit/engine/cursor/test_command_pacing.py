"""Commands on their way out: not too many, the last always, pauses last."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.cursor.command_queue import INTERVAL_S, Outbox
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd, SetGain

offers = st.lists(
    st.tuples(
        st.floats(0.0, 0.3),
        st.one_of(
            st.integers(0, 10_000).map(Scrub),
            st.builds(ScrubToEnd),
            st.builds(SetGain, st.floats(-40, 20), st.sampled_from(["caller", "callTaker"])),
            st.builds(Pause),
            st.builds(Resume),
        ),
    ),
    max_size=60,
)


def _kind(command: Command) -> str:
    match command:
        case Scrub() | ScrubToEnd():
            return "scrub"
        case SetGain(callerType=party):
            return f"gain {party}"
    return "pause"


def _run(
    story: list[tuple[float, Command]], tick_s: float, start_s: float
) -> list[tuple[float, Command]]:
    """Offer the story's commands, asking for what is due every `tick_s`; return what was sent."""
    outbox, now_s, sent, offered = Outbox(), start_s, list[tuple[float, Command]](), 0.0
    tick = 1
    for wait_s, command in story:
        offered += wait_s
        while tick * tick_s < offered:
            now_s = start_s + tick * tick_s
            sent += [(now_s, due) for due in outbox.due(now_s)]
            tick += 1
        now_s = start_s + offered
        ready = outbox.offer(command, now_s)
        if ready is not None:
            assert ready is command
            sent.append((now_s, ready))
    end_s = now_s + INTERVAL_S
    sent += [(end_s, due) for due in outbox.due(end_s)]
    assert outbox.due(end_s + 1.0) == []
    return sent


@given(story=offers, tick_s=st.floats(0.01, 0.2), start_s=st.floats(0.0, 1e6))
@settings(max_examples=300, deadline=None)
def test_at_most_ten_a_second_of_a_kind_and_the_last_always(
    story: list[tuple[float, Command]], tick_s: float, start_s: float
) -> None:
    sent = _run(story, tick_s, start_s)
    for kind in ("scrub", "gain caller", "gain callTaker"):
        times = [moment_s for moment_s, command in sent if _kind(command) == kind]
        for first_s in times:
            # A shade under a second, for the rounding of clocks that have run long.
            assert sum(first_s <= moment_s < first_s + 0.9999 for moment_s in times) <= 10
        wished = [command for _, command in story if _kind(command) == kind]
        done = [command for _, command in sent if _kind(command) == kind]
        assert done[-1:] == wished[-1:]
        # What is sent was offered, in that order.
        remaining = iter(wished)
        assert all(any(command is other for other in remaining) for command in done)


@given(story=offers, tick_s=st.floats(0.01, 0.2))
@settings(max_examples=200, deadline=None)
def test_the_last_pause_or_resume_is_sent_and_never_before_a_scrub_that_was_asked_for_first(
    story: list[tuple[float, Command]], tick_s: float
) -> None:
    sent = [command for _, command in _run(story, tick_s, 50.0)]
    wanted = [command for _, command in story if _kind(command) == "pause"]
    assert [c for c in sent if _kind(c) == "pause"][-1:] == wanted[-1:]
    places = {id(command): place for place, (_, command) in enumerate(story)}
    for first, command in enumerate(sent):
        if _kind(command) == "pause":
            later = [places[id(c)] for c in sent[first:] if _kind(c) == "scrub"]
            assert all(place > places[id(command)] for place in later)


def test_a_pause_goes_at_once_unless_a_scrub_waits() -> None:
    outbox, pause = Outbox(), Pause()
    assert outbox.offer(Scrub(1), 10.0) == Scrub(1)
    assert outbox.offer(pause, 10.01) is pause
    assert outbox.offer(Scrub(2), 10.02) is None
    assert outbox.offer(Resume(), 10.03) is None
    assert outbox.offer(pause, 10.04) is None
    assert outbox.due(10.05) == []
    assert outbox.due(10.1) == [Scrub(2), Pause()]
    assert outbox.due(99.0) == []


def test_a_held_key_sends_the_first_at_once_and_the_last_in_the_end() -> None:
    outbox = Outbox()
    sent = [outbox.offer(Scrub(number), 10.0 + number * 0.01) for number in range(5)]
    assert sent == [Scrub(0), None, None, None, None]
    assert outbox.due(10.05) == []
    assert outbox.due(10.0 + INTERVAL_S) == [Scrub(4)]
    assert outbox.due(99.0) == []


def test_a_key_held_for_long_sends_ten_in_any_second() -> None:
    story: list[tuple[float, Command]] = [(0.009, Scrub(number)) for number in range(600)]
    times = [moment_s for moment_s, _ in _run(story, 0.01, 50.0)]
    most = max(sum(first <= moment < first + 1.0 for moment in times) for first in times)
    assert 9 <= most <= 10


def test_the_parties_do_not_wait_for_each_other() -> None:
    outbox = Outbox()
    for command in (SetGain(1.0, "caller"), SetGain(1.0, "callTaker"), Scrub(5)):
        assert outbox.offer(command, 10.0) is command


def test_what_waited_for_a_room_that_is_gone_is_forgotten() -> None:
    outbox = Outbox()
    outbox.offer(Scrub(1), 10.0)
    outbox.offer(Scrub(2), 10.01)
    outbox.forget()
    assert outbox.due(99.0) == []

"""Commands on their way out by a clock of ours: not too many, the last always, pauses last."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.cursor.command_queue import INTERVAL_S, CommandQueue
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd, SetGain


class NoWire:
    """A wire that is there; what would go out on it is taken from the queue instead."""

    async def send(self, payload: bytes) -> None:
        raise AssertionError(payload)


def opened() -> CommandQueue:
    queue = CommandQueue()
    queue.use(NoWire())
    return queue


def due(queue: CommandQueue, now_s: float) -> list[Command]:
    """Return all whose turn has come, in order."""
    return list(iter(lambda: queue.take(now_s), None))


def offered(queue: CommandQueue, command: Command, now_s: float) -> list[Command]:
    queue.offer(command)
    return due(queue, now_s)


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
    queue, now_s, sent, passed_s = opened(), start_s, list[tuple[float, Command]](), 0.0
    tick = 1
    for wait_s, command in story:
        passed_s += wait_s
        while tick * tick_s < passed_s:
            now_s = start_s + tick * tick_s
            sent += [(now_s, each) for each in due(queue, now_s)]
            tick += 1
        now_s = start_s + passed_s
        sent += [(now_s, each) for each in offered(queue, command, now_s)]
    end_s = now_s + INTERVAL_S
    sent += [(end_s, each) for each in due(queue, end_s)]
    assert due(queue, end_s + 1.0) == []
    return sent


@given(story=offers, tick_s=st.floats(0.01, 0.2), start_s=st.floats(0.0, 1e6))
@settings(max_examples=100, deadline=None)
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
@settings(max_examples=100, deadline=None)
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
    queue, pause = opened(), Pause()
    assert offered(queue, Scrub(1), 10.0) == [Scrub(1)]
    assert offered(queue, pause, 10.01) == [pause]
    assert offered(queue, Scrub(2), 10.02) == []
    assert offered(queue, Resume(), 10.03) == []
    assert offered(queue, pause, 10.04) == []
    assert due(queue, 10.05) == []
    assert due(queue, 10.1) == [Scrub(2), Pause()]
    assert due(queue, 99.0) == []


def test_a_held_key_sends_the_first_at_once_and_the_last_in_the_end() -> None:
    queue = opened()
    sent = [offered(queue, Scrub(number), 10.0 + number * 0.01) for number in range(5)]
    assert sent == [[Scrub(0)], [], [], [], []]
    assert due(queue, 10.05) == []
    assert due(queue, 10.0 + INTERVAL_S) == [Scrub(4)]
    assert due(queue, 99.0) == []


def test_a_key_held_for_long_sends_ten_in_any_second() -> None:
    story: list[tuple[float, Command]] = [(0.009, Scrub(number)) for number in range(600)]
    times = [moment_s for moment_s, _ in _run(story, 0.01, 50.0)]
    most = max(sum(first <= moment < first + 1.0 for moment in times) for first in times)
    assert 9 <= most <= 10


def test_the_parties_do_not_wait_for_each_other() -> None:
    queue = opened()
    for command in (SetGain(1.0, "caller"), SetGain(1.0, "callTaker"), Scrub(5)):
        assert offered(queue, command, 10.0) == [command]


def test_what_waited_for_a_room_that_is_gone_is_forgotten() -> None:
    queue = opened()
    offered(queue, Scrub(1), 10.0)
    offered(queue, Scrub(2), 10.01)
    queue.use(NoWire())
    assert due(queue, 99.0) == []

"""What the ear follows, by a model of a server and of what is stored."""

from __future__ import annotations

from dataclasses import replace

from callplayer.engine.memory.ear import FAR_S, HUNGER_S, NEAR_S, PATIENCE_S, Ear, Look, leave, look

MEMORY = Ear(at_head=False)
SEEN = Look(ahead_s=5.0, grows=True, at_end=False, is_live=False, reached=True)


def test_at_the_head_nothing_is_asked_of_the_server() -> None:
    assert look(Ear(), replace(SEEN, ahead_s=0.0, grows=False), 1.0) == (Ear(), ())


def test_a_place_behind_what_comes_leaves_the_server_alone() -> None:
    assert leave(Ear(), paused=False, grows=True, reached=True) == (MEMORY, ())
    assert look(MEMORY, SEEN, 1.0) == (MEMORY, ())


def test_a_place_elsewhere_has_the_server_rest_until_the_memory_ends() -> None:
    ear, effects = leave(Ear(), paused=False, grows=False, reached=True)
    assert effects == ("park",)
    seen = replace(SEEN, grows=False)
    assert look(ear, seen, 1.0) == (ear, ())
    ear, effects = look(ear, replace(seen, ahead_s=NEAR_S - 0.01), 2.0)
    assert effects == ("refill",)
    ear, effects = look(ear, replace(seen, ahead_s=1.0, arrival="joined", grows=True), 2.5)
    assert (ear.server, effects) == ("plays", ())


def test_a_server_far_ahead_rests_but_never_of_a_live_call() -> None:
    far = replace(SEEN, ahead_s=FAR_S + 1)
    assert look(MEMORY, far, 1.0)[1] == ("park",)
    assert look(MEMORY, replace(far, is_live=True), 1.0) == (MEMORY, ())


def test_a_paused_ear_asks_for_nothing() -> None:
    rests = replace(MEMORY, server="rests", paused=True)
    assert look(rests, replace(SEEN, ahead_s=0.5, grows=False), 1.0) == (rests, ())


def test_all_that_is_stored_plays_without_a_link_and_goes_on_after_it() -> None:
    away, effects = look(MEMORY, replace(SEEN, reached=False, grows=False), 1.0)
    assert (away.server, effects) == ("away", ())
    assert look(away, replace(SEEN, reached=False, ahead_s=0.0), 2.0) == (away, ())
    back, effects = look(away, replace(SEEN, grows=False, ahead_s=1.0), 3.0)
    assert (back.server, effects) == ("rests", ("park",))
    assert look(back, replace(SEEN, grows=False, ahead_s=1.0), 3.05)[1] == ("refill",)


def test_the_end_of_the_call_is_the_end() -> None:
    for server in ("plays", "rests"):
        ear = replace(MEMORY, server=server)
        assert look(ear, replace(SEEN, ahead_s=0.0, grows=False, at_end=True), 1.0) == (ear, ())


def test_sound_that_breaks_off_leaves_the_server_alone_and_skips_nothing() -> None:
    broke = replace(SEEN, grows=False, broke_off=True)
    assert look(MEMORY, broke, 1.0) == (MEMORY, ())
    assert look(MEMORY, replace(broke, ahead_s=0.0), 2.0) == (MEMORY, ())
    assert look(MEMORY, replace(broke, reached=False), 2.5)[0].server == "away"
    assert look(MEMORY, replace(SEEN, grows=False), 3.0)[1] == ("park",)


def test_who_has_caught_up_hears_what_comes() -> None:
    assert look(MEMORY, replace(SEEN, ahead_s=0.0), 1.0) == (Ear(), ("follow",))


def test_a_server_that_brings_nothing_is_asked_plainly() -> None:
    comes = replace(MEMORY, server="comes", asked_s=1.0)
    seen = replace(SEEN, ahead_s=0.0, grows=False)
    assert look(comes, seen, 1.0 + PATIENCE_S) == (comes, ())
    assert look(comes, seen, 1.1 + PATIENCE_S) == (Ear(), ("fetch",))
    elsewhere = replace(seen, arrival="elsewhere")
    assert look(comes, replace(elsewhere, ahead_s=0.1), 1.2) == (comes, ())
    assert look(comes, elsewhere, 1.3) == (Ear(), ("fetch",))
    early = replace(comes, lead_s=PATIENCE_S)
    assert look(early, seen, 0.9 + PATIENCE_S + HUNGER_S) == (early, ())
    assert look(early, seen, 1.1 + PATIENCE_S + HUNGER_S) == (Ear(), ("fetch",))


def test_a_server_that_is_lent_is_left_alone_until_the_link_is_lost() -> None:
    lent = replace(MEMORY, server="lent")
    for ahead_s in (0.0, 1.0, FAR_S + 1):
        assert look(lent, replace(SEEN, ahead_s=ahead_s, grows=False), 9.0) == (lent, ())
    assert leave(lent, paused=False, grows=True, reached=True) == (lent, ())
    assert look(lent, replace(SEEN, reached=False), 9.0)[0].server == "away"

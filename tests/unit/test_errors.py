"""The error tree: exit codes, machine-readable names, and what is fixed in public."""

from __future__ import annotations

import inspect

import pytest

from callplayer import errors
from callplayer.errors import CallplayerError

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CallplayerError)
]


def test_the_exit_codes_are_what_scripts_know() -> None:
    assert {(kind.__name__, kind.exit_code, kind.code) for kind in KINDS} == {
        ("CallplayerError", 1, "internal"),
        ("UsageError", 2, "usage"),
        ("SignInRefusedError", 3, "sign-in-refused"),
        ("StreamTokenRefusedError", 3, "sign-in-refused"),
        ("IncidentNotFoundError", 4, "no-such-incident"),
        ("UnreachableError", 5, "unreachable"),
        ("NotReadyError", 5, "unreachable"),
        ("SoundDeviceError", 6, "no-sound-device"),
        ("SoundDeviceHangsError", 6, "device-hangs"),
        ("SoundSystemGoneError", 6, "sound-system-gone"),
        ("ServiceError", 1, "service"),
        ("ParticipantTakenError", 1, "service"),
        ("TooManyStreamsError", 1, "service"),
        ("DrainingError", 1, "service"),
        ("SoundNotReadyError", 1, "service"),
    }
    assert errors.EXIT_DONE == 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_says_what_happened_and_what_to_do(kind: type[CallplayerError]) -> None:
    error = kind("It broke.", "Mend it.")
    assert (str(error), error.what, error.hint) == ("It broke.", "It broke.", "Mend it.")
    assert kind("It broke.").hint


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_draws_the_tree_as_it_is(kind: type[CallplayerError]) -> None:
    assert f"{kind.__name__} ({kind.exit_code})" in (errors.__doc__ or "")

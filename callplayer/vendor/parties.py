"""Who speaks in a call, in the vendor's words. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Party = Literal["caller", "callTaker"]
"""A party that can be steered, in the vendor's words."""

PARTIES: tuple[Party, Party] = ("caller", "callTaker")
"""Both of them, in the order they are shown."""

CallerType = Literal["caller", "callTaker", "call"]
"""The parties that a request is about: one of them, or (`call`) both."""

Channel = Literal["caller", "callTaker", "call"]
"""What one channel of a recording holds: one party, or (`call`) both in one sound."""

Carries = frozenset[Party]
"""The parties that a track may hold; empty for a third party's."""

CALLER: Carries = frozenset({"caller"})

CALL_TAKER: Carries = frozenset({"callTaker"})

BOTH: Carries = frozenset(PARTIES)

NEITHER: Carries = frozenset()

MAX_NAME_CHARS = 4096

MAX_METADATA_CHARS = 65_536

MAX_DEPTH = 4

_ROLES: tuple[tuple[Carries, str], ...] = (
    (CALLER, "caller callers complainant citizen civilian patient customer"),
    (CALL_TAKER, "calltaker calltakers taker takers dispatcher dispatch telecommunicator"),
    (CALL_TAKER, "telecommunicators operator agent psap ecc callee"),
    (NEITHER, "interpreter translator ambulance ems fire police hospital supervisor trainer"),
)
"""Words that name whose sound it is."""

_SIDES: tuple[tuple[Carries, str], ...] = (
    (CALLER, "inbound incoming left"),
    (CALL_TAKER, "outbound outgoing right"),
    (BOTH, "mix mixed mixdown combined both stereo conference"),
)
"""Words that name it of a track, but of no speaker: which side of the line it is."""

_MIX = frozenset({"mix", "mixed", "mixdown", "combined"})
"""Words for one sound made of the others."""

_KEYS = frozenset(
    (
        *("callertype", "party", "role", "speaker", "speakerrole", "speakertype", "usertype"),
        *("participantrole", "participanttype", "channel", "side", "direction", "leg"),
        *("track", "trackname", "label", "name", "type", "kind"),
    )
)
"""Keys of metadata and attributes whose values name whose sound it is, in small letters without
separators. Under any other key, as `caller_phone_number`, words only happen to name a party."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_WORD = re.compile(r"[a-z]+")


def _table(*lines: tuple[Carries, str]) -> dict[str, Carries]:
    return {word: carries for carries, words in lines for word in words.split()}


_SPEAKER_WORDS = _table(*_ROLES)

_TRACK_WORDS = _table(*_ROLES, *_SIDES)


@dataclass(frozen=True)
class TrackNames:
    """What a publisher says of a track: untrusted texts.

    `name` is the track's own; all else is its participant's: `participant_name` is for people.
    """

    name: str = ""
    identity: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    participant_name: str = ""


def parties_of(caller_type: CallerType) -> tuple[Party, ...]:
    """Return the parties that a request is about."""
    return PARTIES if caller_type == "call" else (caller_type,)


def party_named(text: str) -> Party | None:
    """Return the one party that a speaker's name means; None for none, a third one, or both.

    Words are whole; letter case and separators do not matter: `callTaker`, `call_taker` and
    `CALL-TAKER-1` are one party.
    """
    named = _named(text, _SPEAKER_WORDS)
    return next(iter(named)) if named is not None and len(named) == 1 else None


def is_named_mix(names: TrackNames) -> bool:
    """Return whether a track's name, or else its participant's identity, calls it a mix."""
    words = set(_words(names.name))
    if not words & _TRACK_WORDS.keys():
        words.update(_words(names.identity))
    return bool(_MIX & words)


def carriage(tracks: Mapping[str, TrackNames], seen: Carries = NEITHER) -> dict[str, Carries]:
    """Return what each of a room's audio tracks may carry, by the same keys.

    A track's own name goes before its participant's identity, that before the participant's name,
    that before metadata and attributes; a participant that publishes several tracks does not
    distinguish them, so only their names count. A track that nothing is known of may hold both
    parties. So may each of them that names a party while the other party has no track at all: a
    single track holds all sound, whatever its name.
    `seen` are parties known to have had tracks of their own, which may be gone for a moment.
    """
    published = Counter(each.identity for each in tracks.values())
    said = {
        track_id: _said(names, alone=published[names.identity] == 1 or not names.identity)
        for track_id, names in tracks.items()
    }
    missing = BOTH - seen - NEITHER.union(*said.values())
    if not missing:
        return said
    of_parties = any(said.values())
    return {
        track_id: carries | missing if carries or not of_parties else carries
        for track_id, carries in said.items()
    }


def _said(names: TrackNames, *, alone: bool) -> Carries:
    named = _named(names.name, _TRACK_WORDS)
    if named is None and alone:
        named = _named(names.identity, _TRACK_WORDS)
        if named is None:
            named = _named(names.participant_name, _TRACK_WORDS)
        if named is None:
            named = _in_metadata(names.metadata)
        if named is None:
            named = _in_object(names.attributes, MAX_DEPTH)
    return BOTH if named is None else named


def _named(text: str, table: Mapping[str, Carries]) -> Carries | None:
    return _joined(table.get(word) for word in _words(text))


def _words(text: str) -> list[str]:
    return _WORD.findall(_HUMP.sub(" ", text[:MAX_NAME_CHARS]).lower())


def _joined(found: Iterator[Carries | None]) -> Carries | None:
    """Return all parties found; None if nothing at all was."""
    known = [each for each in found if each is not None]
    return NEITHER.union(*known) if known else None


def _in_metadata(metadata: str) -> Carries | None:
    """Return the parties named under known keys of JSON, or by a text that is no JSON."""
    text = metadata[:MAX_METADATA_CHARS].strip()
    if not text.startswith(("{", "[")):
        return _named(text, _TRACK_WORDS)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return _in_object(value, MAX_DEPTH)


def _in_object(value: Any, depth: int) -> Carries | None:
    if not depth:
        return None
    if isinstance(value, list):
        return _joined(_in_object(each, depth - 1) for each in value)
    if not isinstance(value, Mapping):
        return None
    return _joined(_under_key(key, each, depth) for key, each in value.items())


def _under_key(key: object, value: Any, depth: int) -> Carries | None:
    if isinstance(value, str):
        known = "".join(_WORD.findall(str(key).lower())) in _KEYS
        return _named(value, _TRACK_WORDS) if known else None
    return _in_object(value, depth - 1)

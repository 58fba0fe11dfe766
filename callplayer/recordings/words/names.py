"""What is a speaker's name in a transcript, and which party it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from callplayer.vendor.parties import party_named
from callplayer.vendor.transcript import SPEAKER_OF_PARTY, Speaker

_ROLE = (
    r"caller|call[ _-]?taker|dispatch(?:er)?|telecommunicator|operator|speaker|spk|agent"
    r"|customer|unknown|911|9-1-1"
)
_NAME = re.compile(rf"(?:{_ROLE})(?:[ _#-]*\d{{1,4}}|[ _-][a-z])?", re.IGNORECASE)
_CALL_TAKERS = ("911", "9-1-1")


@dataclass(frozen=True)
class Names:
    """The names that were given on the command line, and those that were met."""

    given: Mapping[str, Speaker] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    def speaker(self, name: str) -> Speaker | None:
        """Return the speaker that `name` stands for, None if nothing says it."""
        folded = folded_name(name)
        for given, speaker in self.given.items():
            if folded_name(given) == folded:
                self.met.add(given)
                return speaker
        if folded in _CALL_TAKERS:
            return "CallTaker"
        party = party_named(name)
        return None if party is None else SPEAKER_OF_PARTY[party]

    def not_met(self) -> list[str]:
        """Return the given names that no word has."""
        return [name for name in self.given if name not in self.met]


def folded_name(name: str) -> str:
    """Return a name as names are compared: letter case, spaces and underscores do not count."""
    return " ".join(name.replace("_", " ").casefold().split())


def is_name(text: str, names: Names) -> bool:
    """Return whether all of `text` is a name: a role, perhaps with a number, or a given one."""
    text = text.strip()
    if _NAME.fullmatch(text):
        return True
    return folded_name(text) in {folded_name(given) for given in names.given}

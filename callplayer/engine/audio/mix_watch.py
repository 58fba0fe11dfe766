"""Whether a mix that is left out holds more than the parties' own tracks beside it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

SOUND_DB = -45.0
SILENT_DB = -57.0
LOOKS = 8
"""How many looks in a row, 20 in a second: a mix may come a little before or after its parts."""

FIRST_LOOKS = 2
"""After this many it is heard for as long as they go on: none of a third party's first words is
lost to the rest."""


class MixWatch:
    """Looks at levels; `find_more` is called for each look.

    `alone` are the mixes that have sound just now while no other part has any.
    """

    def __init__(self) -> None:
        self._looks: Counter[str] = Counter()
        self.alone: frozenset[str] = frozenset()

    def find_more(self, levels_db: Mapping[str, float], left_out: Collection[str]) -> list[str]:
        """Return the mixes of `left_out` that have had sound for LOOKS while no other part had any.

        `levels_db` are the RMS levels of all parts, in dB of full scale.
        """
        others_db = max(
            (level for part, level in levels_db.items() if part not in left_out),
            default=SILENT_DB,
        )
        for part in left_out:
            alone = levels_db.get(part, SILENT_DB) > SOUND_DB and others_db <= SILENT_DB
            self._looks[part] = self._looks[part] + 1 if alone else 0
        self.alone = frozenset(part for part in left_out if self._looks[part] >= FIRST_LOOKS)
        return [part for part in left_out if self._looks[part] >= LOOKS]

"""The words of the calls, as the library's database keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from callplayer.service.library.database import Database
from callplayer.service.library.rows import microseconds
from callplayer.vendor.transcript import Word

_decoder = msgspec.json.Decoder(Word)


class WordTable:
    """The table `words`. Its methods belong in a transaction where several go together."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self, incident_id: str) -> tuple[Word, ...]:
        """Return the words of an incident in the order in which they were said."""
        return self._read("incident_id = ?", incident_id)

    def since(self, incident_id: str, speaker: str, started_at_us: int) -> tuple[Word, ...]:
        """Return the words of one speaker from a start on, in microseconds since 1970."""
        which = "incident_id = ? AND speaker = ? AND started_at_us >= ?"
        return self._read(which, incident_id, speaker, started_at_us)

    def insert(self, incident_id: str, words: Sequence[Word]) -> None:
        """Add words."""
        self._db.executemany(
            "INSERT INTO words (incident_id, speaker, started_at_us, word) VALUES (?, ?, ?, ?)",
            [
                (
                    incident_id,
                    word.speaker,
                    microseconds(word.started_at),
                    msgspec.json.encode(word),
                )
                for word in words
            ],
        )

    def replace(self, incident_id: str, words: Sequence[Word]) -> None:
        """Add one message of one speaker in place of what that one said from its start on."""
        self._db.execute(
            "DELETE FROM words WHERE incident_id = ? AND speaker = ? AND started_at_us >= ?",
            (incident_id, words[0].speaker, microseconds(words[0].started_at)),
        )
        self.insert(incident_id, words)

    def _read(self, which: str, *values: str | int) -> tuple[Word, ...]:
        rows = self._db.execute(
            f"SELECT word FROM words WHERE {which} ORDER BY started_at_us, number",  # noqa: S608
            values,
        ).rows
        return tuple(_decoder.decode(row[0]) for row in rows)

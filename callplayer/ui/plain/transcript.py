"""A call's words in plain lines as they are heard, each word once."""

from __future__ import annotations

from callplayer.ui.model.transcript import SPEAKER_NAMES, Script, Utterance
from callplayer.vendor.transcript import Speaker

JUMP_MS = 2_000
"""A step ahead as far as this is a jump: what lies between is not heard."""

JUMP_BACK_MS = 500
"""A step back as far as this is a jump. A shorter one is an estimate that is corrected."""

LATE_UTTERANCES = 8
"""Words of a live call come some seconds after they are heard: so far back they are still said."""

Key = tuple[Speaker, int]


class SpokenTranscript:
    """Which words were said: an utterance as it begins, and what comes of it later."""

    def __init__(self) -> None:
        self._at_ms: int | None = None
        self._said: dict[Key, int] = {}

    def due(self, script: Script, position_ms: int) -> list[str]:
        """Return the lines to write now that `position_ms` is heard."""
        at = script.at(position_ms)
        begun = script.utterances[max(at - LATE_UTTERANCES, 0) : at + 1]
        if self._at_ms is None or not -JUMP_BACK_MS < position_ms - self._at_ms < JUMP_MS:
            # Not the words before the target of the jump.
            past = (each for each in begun if each.end_ms < position_ms or each is not begun[-1])
            self._said = {_key(each): len(each.words) for each in past}
        self._at_ms = position_ms
        lines = []
        for each in begun:
            said = self._said.get(_key(each), 0)
            self._said[_key(each)] = max(said, len(each.words))
            if said < len(each.words):
                words = " ".join(word.text for word in each.words[said:])
                lines.append(f"{SPEAKER_NAMES[each.speaker]}: {'… ' if said else ''}{words}")
        return lines


def _key(utterance: Utterance) -> Key:
    return utterance.speaker, utterance.start_ms

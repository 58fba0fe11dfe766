"""What an action goes by, and what comes of it: the one way from a key to a request. Pure.

Screen and plain mode carry an outcome out alike (`callplayer.ui.actions.control`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import msgspec
from msgspec.structs import replace

from callplayer.bookmarks import Bookmark, BookmarkStore
from callplayer.ipc.messages import Request
from callplayer.ui.actions.prompt import InputLine
from callplayer.ui.model.citation import call_facts
from callplayer.ui.model.format import Tone
from callplayer.ui.model.navigation import is_move, jumped
from callplayer.ui.model.player import PlayerView
from callplayer.ui.model.time_input import CallFacts
from callplayer.ui.settings import ScreenSettings

EPOCH = datetime.fromtimestamp(0, UTC)


class CallContext(msgspec.Struct, frozen=True):
    """All that a rule may go by.

    `now_s` is the system's monotonic clock in s, `zone` the zone of clock times (None: the
    machine's own), `utc` the time of day; `lists_bookmarks`: the list of bookmarks is open.
    """

    view: PlayerView
    now_s: float
    settings: ScreenSettings = msgspec.field(default_factory=ScreenSettings)
    bookmarks: tuple[Bookmark, ...] = ()
    zone: tzinfo | None = None
    utc: datetime = EPOCH
    lists_bookmarks: bool = False

    @property
    def facts(self) -> CallFacts:
        """What a typed place, or a clock time, is measured against."""
        return call_facts(self.view, self.now_s, self.zone)


class PromptHint(msgspec.Struct, frozen=True):
    """What stands beside a typed line: what it would do, or why it would do nothing."""

    text: str
    tone: Tone = "dim"


@dataclass(frozen=True)
class Prompt(InputLine):
    """A line being typed, and what it is for.

    `hint` returns what the text so far would do, `answer` what it does on Enter, `changed` what
    comes of each change, `left` of going away without an answer. `shows_words`: the transcript is
    to be in sight meanwhile.
    """

    hint: Callable[[str, CallContext], PromptHint]
    answer: Callable[[str, CallContext], Outcome]
    changed: Callable[[str, CallContext], Outcome] | None = None
    left: Callable[[CallContext], Outcome] | None = None
    shows_words: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What comes of an action.

    `view` is what to remember, None for what was; `requests` go to the engine; `keep` changes the
    bookmarks, and `note` is shown unless that failed. `spoken` is for a front end that shows
    nothing: what a screen shows by itself. `cited` is for the clipboard; `prompt` asks for a line.
    """

    view: PlayerView | None = None
    requests: tuple[Request, ...] = ()
    keep: Callable[[BookmarkStore], None] | None = None
    note: str = ""
    tone: Tone = "hold"
    spoken: str = ""
    cited: str = ""
    prompt: Prompt | None = None


Rule = Callable[[CallContext], Outcome]
"""What an action does."""


def asked(call: CallContext, request: Request) -> Outcome:
    """Return a request's outcome; a jump is remembered with the place that it leaves."""
    view = call.view
    if is_move(request) and view.failure is None:
        left = jumped(view.navigation, view.state, call.now_s)
        view = replace(view, navigation=left)
    return Outcome(view, (request,))

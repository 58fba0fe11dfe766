"""The transcript pane: what is said, the word being heard lit; it follows, or it is read."""

from __future__ import annotations

from bisect import bisect_right

from msgspec.structs import replace
from textual import events
from textual.geometry import Size

from callplayer.text import plain_text
from callplayer.ui.model.player import NO_WORDS, PlayerView
from callplayer.ui.model.transcript import LEAD_MS, Script, kept_place
from callplayer.ui.model.transcript_search import Found, Hit
from callplayer.ui.widgets.drag import Asked
from callplayer.ui.widgets.rows import Part, Row, Rows, fit, quoted
from callplayer.ui.widgets.transcript_lines import ScriptLines, Seen
from callplayer.vendor.commands import Scrub

READ_MOVES = ("up", "down", "left", "right", "pageup", "pagedown", "home", "end")
WHEEL_LINES = 3
USUAL_CELLS = 78
"""The width until the pane has one of its own."""
ARRIVED_MS = 1_500
"""A jump has arrived once what is heard is this near."""


class TranscriptPane(Rows):
    """Draws the lines around what is heard, or around what is read.

    `follows`: it scrolls along with what is heard. `pointed` is the word that Enter would go to,
    while the transcript is being read.
    """

    DEFAULT_CSS = """
    TranscriptPane { height: 1fr; }
    """
    close_key = "Esc"
    """What the key is called that lets it follow again; "" if there is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follows = True
        self.pointed: tuple[int, int] | None = None
        self._lines = ScriptLines()
        self._script = Script()
        self._seen = Seen()
        self._found = Found()
        self._top = 0
        self._wrapped_for = (0, 0)
        self._note = self._absence = ""
        self._expected_ms: int | None = None
        self._drawn: tuple[object, ...] = ()
        self._turns_ms: list[int] = []
        self._turns_of: tuple[Script | None, tuple[int, Size]] = (None, (0, Size(0, 0)))

    @property
    def is_read(self) -> bool:
        """Return whether the arrows move in the transcript."""
        return self.pointed is not None

    def show(self, view: PlayerView, heard_ms: int) -> None:
        """Draw what stands where the pane is, as it is at `heard_ms`."""
        script, found = view.script, view.found
        failed = view.failure is not None
        self._note = "reconnecting" if view.transcript == "reconnecting" and not failed else ""
        self._absence = "No transcript came." if failed else NO_WORDS[view.transcript]
        if self.pointed is not None and script is not self._script:
            # Words may be corrected while they are read.
            self.pointed = kept_place(self._script, self.pointed, script)
            self.follows = self.pointed is None
        is_new = script is not self._script or found is not self._found
        self._script, self._found = script, found
        if self._expected_ms is not None and abs(heard_ms - self._expected_ms) < ARRIVED_MS:
            self._expected_ms, self.follows = None, not self.is_read
        self._seen = Seen(heard_ms, found.by_utterance, found.hit, self.pointed)
        if is_new or self._drawn_from() != self._drawn:
            self.draw_with(self._build_rows)
            seen = (self._top, self.extent)
            if script is not self._turns_of[0] or seen != self._turns_of[1]:
                self._turns_of = (script, seen)
                self._turns_ms = self._lines.turns_ms(self._top, self._top + self.extent.height)
            self._drawn = self._drawn_from()

    def _drawn_from(self) -> tuple[object, ...]:
        """Return what the rows are made from beside script and search: of the place that is heard,
        which turn of the lines in sight it has come to."""
        turn = bisect_right(self._turns_ms, self._seen.heard_ms)
        return (turn, self._note, self._absence, self.follows, self.pointed, self._top, self.extent)

    def read(self, heard_ms: int) -> None:
        """Begin to read at the word being heard."""
        self._lines.update(self._script, self.size.width or USUAL_CELLS)
        if not self._lines.lines:
            return
        line = self._lines.lines[self._lines.line_at(heard_ms)]
        self._point(line.utterance, line.first)

    def follow(self) -> None:
        """Stop reading and scroll along with what is heard again."""
        self.pointed, self.follows = None, True
        self._seen = replace(self._seen, pointed=None)
        self.draw_with(self._build_rows)

    def press(self, key: str) -> bool:
        """Give a key to the transcript that is read; return whether it was for it."""
        if not self.is_read or not self.display or key not in (*READ_MOVES, "enter"):
            return False
        if key == "enter":
            self.pick()
        else:
            self.move(key)
        return True

    def move(self, key: str) -> None:
        """Point at another word."""
        if self.pointed is None or not self._lines.lines:
            return
        utterance, word = self.pointed
        number = self._lines.line_of(utterance, word)
        page = max(self._text_rows(self.size.height) - 1, 1)
        last = len(self._lines.lines) - 1
        steps = {"up": -1, "down": 1, "pageup": -page, "pagedown": page, "home": -last, "end": last}
        if key in steps:
            line = self._lines.lines[min(max(number + steps[key], 0), last)]
            into = 0 if key in ("home", "end") else word - self._lines.lines[number].first
            self._point(line.utterance, min(line.first + into, line.end - 1))
            return
        word += 1 if key == "right" else -1
        if word < 0 and utterance > 0:
            utterance -= 1
            word = len(self._script.utterances[utterance].words) - 1
        elif word >= len(self._script.utterances[utterance].words):
            if utterance + 1 >= len(self._script.utterances):
                return
            utterance, word = utterance + 1, 0
        self._point(utterance, max(word, 0))

    def bring_to(self, hit: Hit) -> None:
        """Show a hit, and stay there."""
        self._lines.update(self._script, self.size.width or USUAL_CELLS)
        if hit.utterance < len(self._script.utterances):
            self.follows = False
            self._show_line(self._lines.line_of(hit.utterance, hit.first))

    def expect(self, position_ms: int) -> None:
        """Stay where the pane is until that place is heard, and follow it from there on."""
        self._expected_ms = position_ms

    def pick(self) -> None:
        """Ask for the word that is pointed at."""
        if self.pointed is not None:
            self._ask_for(*self.pointed)

    def on_click(self, event: events.Click) -> None:
        """Go to the word that is clicked."""
        number = self._top + event.y - self._title_rows(self.size.height)
        word = self._lines.word_at(number, event.x)
        if word is not None and event.y >= self._title_rows(self.size.height):
            self._ask_for(*word)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look further back."""
        event.stop()
        self._scroll(-WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look further ahead; at what is heard, follow it again."""
        event.stop()
        self._scroll(WHEEL_LINES)

    def _scroll(self, lines: int) -> None:
        self.follows = False
        self._top = self._held_top(self._top + lines)
        heard = self._lines.line_at(self._seen.heard_ms) if self._lines.lines else 0
        if lines > 0 and self._top <= heard < self._top + self._text_rows(self.size.height):
            self.follows = self.pointed is None
        self.draw_with(self._build_rows)

    def _ask_for(self, utterance: int, word: int) -> None:
        start_ms = self._script.utterances[utterance].words[word].start_ms
        place_ms = max(start_ms - LEAD_MS, 0)
        self.expect(place_ms)
        self.post_message(Asked(Scrub(place_ms)))

    def _point(self, utterance: int, word: int) -> None:
        self.pointed, self.follows = (utterance, word), False
        self._seen = replace(self._seen, pointed=self.pointed)
        self._show_line(self._lines.line_of(utterance, word))
        self.draw_with(self._build_rows)

    def _show_line(self, number: int) -> None:
        rows = self._text_rows(self.size.height)
        if not self._top <= number < self._top + rows:
            self._top = self._held_top(number - rows // 3)

    def _held_top(self, top: int) -> int:
        rows = self._text_rows(self.size.height)
        return max(min(top, len(self._lines.lines) - rows), 0)

    def _build_rows(self, width: int, height: int) -> list[Row]:
        if not self._script:
            return [self._title(width), ((self._absence, "dim"),)]
        rows = self._text_rows(height)
        self._wrap(width, rows)
        if self.follows and self._lines.lines:
            heard = self._lines.line_at(self._seen.heard_ms)
            # The line being heard, and one that comes, are in sight; nothing moves without need.
            if not self._top <= heard < self._top + max(rows - 1, 1):
                self._top = heard - rows // 3
        self._top = max(min(self._top, len(self._lines.lines) - rows), 0)
        last = min(self._top + rows, len(self._lines.lines))
        drawn = [
            self._lines.row(number, self._seen, is_first=number == self._top)
            for number in range(self._top, last)
        ]
        return [*([self._title(width)] * self._title_rows(height)), *drawn]

    def _wrap(self, width: int, rows: int) -> None:
        """Lay the words out; in a window of another size the same ones stay in sight."""
        lines, before = self._lines, self._wrapped_for
        self._wrapped_for = (width, rows)
        top = lines.lines[self._top] if self._top < len(lines.lines) else None
        is_other_size = lines.script is self._script and before != self._wrapped_for
        lines.update(self._script, width)
        if top is None or self.follows or not is_other_size:
            return
        self._top = lines.line_of(top.utterance, top.first)
        hit = self._found.hit
        kept = self.pointed or ((hit.utterance, hit.first) if hit is not None else None)
        if kept is not None and not self._top <= lines.line_of(*kept) < self._top + rows:
            self._top = lines.line_of(*kept) - rows // 3

    def _title(self, width: int) -> Row:
        words = "─ transcript "
        if self._found.wanted:
            count = len(self._found.hits)
            place = f"{self._found.at + 1} of {count}" if count else "not said"
            words += f"─ {quoted(plain_text(self._found.wanted, 80), min(32, width // 2))} {place} "
        if self._note:
            words += f"─ {plain_text(self._note, 60)} "
        keys = ["↑↓←→ Enter to hear"] if self.is_read else []
        if self._found.wanted and not self.follows and not keys:
            keys.append("not following")  # the footer names the key: it ends the search
        elif self.close_key and not self.follows:
            keys.append(f"{self.close_key} follow")
        help_text = f" {'  '.join(keys)}" if keys else ""
        words = fit(words, min(len(words), width))
        rule = max(width - len(words) - len(help_text), 0)
        tail: list[Part] = [("─" * rule, "faint")]
        if len(words) + len(help_text) <= width:
            tail.append((help_text, "dim"))
        return [(words, "ask" if self.is_read else "dim"), *tail]

    def _title_rows(self, height: int) -> int:
        return 1 if height >= 4 else 0

    def _text_rows(self, height: int) -> int:
        return max(height - self._title_rows(height), 1)

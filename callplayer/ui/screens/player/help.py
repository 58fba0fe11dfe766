"""The help: all keys in groups, and what every sign means; where not all has room, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callplayer.ui.keymap import ACTIONS, Action, help_groups
from callplayer.ui.model.format import PHASE_LOOKS
from callplayer.ui.model.speech import HEARD_SILENCE, NO_WORD, UNKNOWN, WORD
from callplayer.ui.widgets.list_panel import MovedRows, moved, title_row
from callplayer.ui.widgets.rows import Part, Row, cell_len, fit

PAGES = {"pageup": -1, "pagedown": 1}
"""Keys that show another page."""

GAP_CELLS = 2

Entry = tuple[str, str]
"""Keys or a sign, and what they do or what it means."""

SIGNS: tuple[Entry, ...] = (
    *((look.symbol, look.word.lower()) for look in PHASE_LOOKS.values()),
    ("━ ─", "played; to come"),
    ("╍ ╌", "so, not remembered"),
    ("◆│ ◇", "heard here; asked for"),
    ("↓ ╷", "pointer: key; mouse"),
    ("▾1", "first bookmark"),
    ("╷ ┃", "found; gone to"),
    ("A═B", "loop"),
    (f"{HEARD_SILENCE}▃▇ ⠤⣶", "sound, by loudness"),
    (WORD, "words, no sound yet"),
    ("▀ ▄", "words: caller; taker"),
    (NO_WORD, "no words there"),
    (UNKNOWN, "not known yet"),
    ("● ┼", "volume; 0 dB"),
    ("█ ┃", "level; its peak"),
    ("│", "loud; too loud"),
    ("M S ×", "mute; solo; not heard"),
    ("▸", "the party of ↑↓ m s"),
    ("~", "the machine is unsure"),
    ("┃ ┊ ╎", "caller; taker; unknown"),
    ("▂▄▆", "link, by bars, delay"),
    ("♪ ○ ●", "device; listed; chosen"),
    ("! ✖", "needs a look; failed"),
)


class HelpPanel(MovedRows):
    """All keys and signs, in columns; where not all have room, the arrows show the rest."""

    actions: Sequence[Action] = ACTIONS

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._start = 0
        self._shown = 1

    def show(self) -> None:
        """Show the help."""
        self.draw_with(self._rows_from_start)

    @property
    def hidden_rows(self) -> int:
        """How many rows have no room."""
        return _hidden(help_height(self.extent.width, self.actions), self.extent.height)

    def move(self, key: str) -> bool:
        """Show what is further up or down; return whether there is anything that is not seen."""
        hidden = self.hidden_rows
        if hidden <= 0:
            return False
        if key in PAGES:
            page = self._shown if PAGES[key] > 0 else max(self.extent.height - 1, 1)
            self._start = min(max(self._start + PAGES[key] * page, 0), hidden)
        else:
            self._start = moved(key, self._start, hidden)
        self.show()
        return True

    def _rows_from_start(self, width: int, height: int) -> list[Row]:
        groups = help_groups_of(width, self.actions, has_keys=True)
        spaced = [row for group in groups for row in ((), *group)][1:]
        if len(spaced) <= height:
            return spaced
        rows = [row for group in groups for row in group]
        hidden = _hidden(len(rows), height)
        self._start = min(self._start, hidden)
        if not hidden:
            return rows
        below = hidden - self._start
        shown = rows[self._start : self._start + max(height - 1, 1)]
        if below and len(shown) > 1 and _is_title(shown[-1]):
            # A title without a line of its group says nothing: it opens the next page.
            shown, below = shown[:-1], below + 1
        self._shown = len(shown)
        sign = f"↓ {below} more" if below else "↑ more"
        blank: list[Row] = [()] * (height - 1 - len(shown))
        return [*shown, *blank, ((sign.rjust(width), "hold"),)]


def _hidden(rows: int, height: int) -> int:
    """Return how many rows have no room; where some have none, the last one says so."""
    return rows - max(height - 1, 1) if rows > height else 0


def help_rows(width: int, actions: Sequence[Action] = ACTIONS) -> list[Row]:
    """Return all of the help."""
    return [row for group in help_groups_of(width, actions, has_keys=True) for row in group]


def help_groups_of(
    width: int, actions: Sequence[Action] = ACTIONS, *, has_keys: bool = False
) -> list[list[Row]]:
    """Return a title and columns for each group of keys, and for the signs."""
    return [
        [title_row(title, width, has_keys=has_keys), *_columns(entries, width)]
        for title, entries in (*help_groups(actions), ("signs", SIGNS))
    ]


def _is_title(row: Row) -> bool:
    return row[0][0].startswith("─ ")


def help_height(width: int, actions: Sequence[Action] = ACTIONS) -> int:
    """Return how many rows the help takes."""
    return len(help_rows(width, actions))


def _columns(entries: Sequence[Entry], width: int) -> Iterator[Row]:
    """Yield entries in as many columns as they have room in, read from top to bottom.

    Columns are of one width, so that those of all groups stand below each other, or else as wide as
    they need; two of them may stand closer.
    """
    for count, gap, at_end in ((4, 2, 0), (3, 2, 0), (2, 2, 0), (2, 1, 0), (2, 1, 1), (1, 2, 0)):
        columns = _split(entries, count, at_end)
        needed = [_key_cells(column, gap) + _text_cells(column) for column in columns]
        even = min((width + GAP_CELLS) // count, 60)
        if max(needed) + GAP_CELLS <= even:
            needed = [even - GAP_CELLS] * len(columns)
        if sum(needed) + GAP_CELLS * (len(columns) - 1) <= width:
            break
    for y in range(max(map(len, columns))):
        row: list[Part] = []
        for column, column_cells in zip(columns, needed, strict=True):
            keys, text = column[y] if y < len(column) else ("", "")
            key_cells = _key_cells(column, gap)
            row.append((fit(keys, key_cells), "ask"))
            row += [(fit(text, column_cells - key_cells), "text"), (" " * GAP_CELLS, "text")]
        yield row[:-1]


def _split(entries: Sequence[Entry], count: int, at_end: int) -> list[Sequence[Entry]]:
    """Return columns, the first ones the longest; or of two the second, where it is `at_end`."""
    height = -(-len(entries) // count)
    if at_end and len(entries) > 1:
        height = len(entries) - height
        return [entries[:height], entries[height:]]
    return [entries[start : start + height] for start in range(0, len(entries), height)]


def _key_cells(column: Sequence[Entry], gap: int) -> int:
    return max(cell_len(keys) for keys, _ in column) + gap


def _text_cells(column: Sequence[Entry]) -> int:
    return max(cell_len(text) for _, text in column)

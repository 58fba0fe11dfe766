"""The plain lines: header, notice and footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from textual import events
from textual.message import Message

from callplayer.ipc.messages import StateEvent
from callplayer.text import plain_text
from callplayer.ui.actions.outcome import PromptHint
from callplayer.ui.actions.prompt import InputLine
from callplayer.ui.footer import GAP_CELLS, FooterContext, FooterItem, footer_items, key_at
from callplayer.ui.keymap import ACTIONS, Action
from callplayer.ui.model.format import Tone, desktop_text, hidden_phone, phone_text, when_text
from callplayer.ui.model.link_quality import Quality
from callplayer.ui.model.player import Notice, PlayerView
from callplayer.ui.widgets.rows import (
    Build,
    Part,
    Row,
    Rows,
    cell_len,
    cells,
    fit_words,
    wrapped_words,
)

SHORT_ID_CHARS = 8
SHORT_WHEN_CHARS = 16
SHORT_DEVICE_CELLS, SHORTEST_DEVICE_CELLS = 14, 8
NARROW = 70
"""Below this width, what stands in the header is closer together."""

_LINK_LOOKS: dict[Quality, tuple[str, str, Tone]] = {
    "good": ("▂▄▆", "good", "play"),
    "fair": ("▂▄·", "fair", "hold"),
    "poor": ("▂··", "poor", "alert"),
    "cut": ("···", "no sound", "alert"),
}
_NOTICE_SIGNS = {"alert": "✖ ", "hold": "! "}


class Header(Rows):
    """Which incident this is, and where it is heard."""

    hide_phone = False
    zone: tzinfo | None = None
    """Where times are shown; None: where this machine is."""

    def show(self, view: PlayerView) -> None:
        """Draw the header."""
        self.draw_with(lambda width, _: [header_row(view, width, self.hide_phone, self.zone)])


class NoticeArea(Rows):
    """What happened and what to do, or nothing; `needed` is how many rows that takes."""

    _shown: Notice | InputLine | None = None
    needed = 0

    def show(self, notice: Notice | None) -> None:
        """Draw the notice."""
        if notice != self._shown:
            self._shown = notice
            self._draw_and_count(lambda width, height: notice_rows(notice, width, height))

    def ask(self, prompt: InputLine, hint: PromptHint) -> None:
        """Draw the line that is being typed in the notice's place."""
        self._shown = prompt
        self._draw_and_count(lambda width, height: prompt_rows(prompt, hint, width, height))

    def on_resize(self) -> None:
        """Count again: Textual calls the base's handler, which draws, as well."""
        self._count()

    def _draw_and_count(self, build: Build) -> None:
        self.draw_with(build)
        self._count()

    def _count(self) -> None:
        build = self._build
        self.needed = len(build(self.size.width, 0)) if build is not None and self.size else 0


class KeyFooter(Rows):
    """The keys most needed."""

    actions: Sequence[Action] = ACTIONS
    moment: FooterContext | None = None

    @dataclass
    class Pressed(Message):
        """The user clicked a key."""

        key: str

    def on_click(self, event: events.Click) -> None:
        """Press what is clicked."""
        items = footer_items(self.moment or FooterContext(), self.size.width, self.actions)
        key = key_at(items, event.x)
        if key is not None:
            self.post_message(self.Pressed(key))

    def show(self, moment: FooterContext) -> None:
        """Show the keys that fit, with the words for what they do now."""
        if moment != self.moment:
            self.moment = moment
            self.draw_with(lambda width, _: [footer_row(footer_items(moment, width, self.actions))])


def header_row(
    view: PlayerView, width: int, hide_phone: bool = False, zone: tzinfo | None = None
) -> Row:
    """Return the header: what call this is, what matters most first; then link and device.

    What has no room is left out, the least needed first; the device is shortened before that.
    """
    if view.offer.notice and view.state.source == "recording":
        return _offer_row(view, width, _right(view, width, width // 2))
    facts = call_headline(view, hide_phone, zone)
    gap = GAP_CELLS if width >= NARROW else 1
    row = _joined(_short(facts[:3], view.state, width // 5), gap)
    right = _right(view, width, width - cells(row) - 1)
    spare = width - cells(row) - cells(right) - gap
    row = _joined(_short(facts[:3], view.state, width // 5 + max(spare, 0)), gap)
    for wanted in (facts[:count] for count in range(3, len(facts) + 1)):
        if cells(longer := _joined(wanted)) + gap + cells(right) <= width:
            row = longer
    between = width - cells(row) - cells(right)
    return [*row, (" " * max(between, 1), "text"), *right]


def _short(facts: Sequence[Part], state: StateEvent, name_cells: int) -> list[Part]:
    """Return a headline with a time without seconds, and a short word for live, or for a file.

    The file's name has `name_cells`.
    """
    texts = [text if at != 1 else text[:SHORT_WHEN_CHARS] for at, (text, _) in enumerate(facts)]
    texts[0] = texts[0].removesuffix(" CALL")
    if state.source != "room":
        texts[0] = f"file {fit_words(plain_text(state.recording, 40), name_cells)}"
    return [(text, tone) for text, (_, tone) in zip(texts, facts, strict=True)]


def call_headline(view: PlayerView, hide_phone: bool, zone: tzinfo | None) -> list[Part]:
    """Return what call this is, the most needed first: kind, when, number, where, id."""
    incident, kind = view.incident, recording_text(view.state)
    if incident is None:
        asked = plain_text(view.asked_id)[:SHORT_ID_CHARS]
        return [part for part in ((kind or "callplayer", "dim"), (asked, "text")) if part[0]]
    is_live = incident.is_audio_live and not view.state.call_over
    kind = kind or ("LIVE CALL" if is_live else "RECORDED")
    phone = phone_text(plain_text(incident.caller_phone_number, 20))
    facts: list[Part] = [
        (kind, "play" if is_live else "text"),
        (plain_text(when_text(incident.created_at or "", zone), 32), "text"),
        (hidden_phone(phone) if hide_phone else phone or "unknown caller", "strong"),
        (plain_text(incident.location, 48), "text"),
        (plain_text(incident.id)[:SHORT_ID_CHARS], "dim"),
    ]
    return [part for part in facts if part[0]]


def _joined(facts: Sequence[Part], gap: int = GAP_CELLS) -> list[Part]:
    return [(" " * (gap if at else 0) + text, tone) for at, (text, tone) in enumerate(facts)]


def _offer_row(view: PlayerView, width: int, right: list[Part]) -> Row:
    """Return the header while something else is made ready: what is heard, and how far that is."""
    notice = plain_text(view.offer.notice, 80)
    left: list[Part] = [(recording_text(view.state), "text"), ("   ", "text"), (notice, "ask")]
    if cells(left) + cells(right) >= width:
        left[0] = ("recording, no server", "text")
    if cells(left) + cells(right) >= width:
        right = []
    room = width - cells(left[:2])
    left[2] = (fit_words(notice, room), "ask")
    gap = max(width - cells(left) - cells(right), 0)
    return [*left, (" " * gap, "text"), *right]


def recording_text(state: StateEvent) -> str:
    """Return which recording is played without a server; "" for a call of a room."""
    if state.source == "room":
        return ""
    return f"recording {plain_text(state.recording, 40)}, no server"


MOST_LINES = 3
"""A message has so many lines, and its hint as many."""

INDENT = "  "


def notice_rows(notice: Notice | None, width: int, height: int) -> list[Row]:
    """Return the notice right above the keys: message, then hint, on as many rows as they need.

    With a `height` that is as many rows; what has no room is cut.
    """
    if notice is None:
        return [()] * height
    message = _NOTICE_SIGNS.get(notice.tone, "") + notice.text
    row: list[Part] = [(message, notice.tone)]
    if notice.hint:
        row.append((INDENT + notice.hint, "text"))
    if height < 2 and cells(row) <= width:
        return [row]
    texts = ((message, notice.tone), *((text, tone) for text, tone in row[1:]))
    lines: list[Row] = []
    for text, tone in texts:
        most = min(MOST_LINES, height - len(lines)) if height else MOST_LINES
        lines += [((line, tone),) for line in wrapped_words(text, width, most, INDENT)[:most]]
    return [*([()] * (height - len(lines))), *lines]


def prompt_rows(prompt: InputLine, hint: PromptHint, width: int, height: int) -> list[Row]:
    """Return the line being typed, its end in sight, and what it would do.

    With a `height` that is at most as many rows, as with a notice.
    """
    label = f"{prompt.label}: "
    room = max(width - cell_len(label) - 1, 1)
    shown = prompt.text
    while cell_len(shown) > room:
        shown = shown[1:]
    row: list[Part] = [(label, "ask"), (shown, "strong"), ("▏", "ask")]
    text = INDENT + hint.text
    if height < 2 and cells(row) + cell_len(text) <= width:
        return [[*row, (text, hint.tone)]]
    lines = wrapped_words(text, width, MOST_LINES, INDENT)
    rows = [row, *(((line, hint.tone),) for line in lines)]
    return rows[:height] if height else rows


def footer_row(items: Sequence[FooterItem]) -> Row:
    """Return the footer."""
    row: list[Part] = []
    for item in items:
        gap = " " * GAP_CELLS if row else ""
        row += [(gap, "dim"), (item.label, "ask"), (f" {item.word}", "dim")]
    return row


def _right(view: PlayerView, width: int, room: int) -> list[Part]:
    """Return link and device as far as they fit in `room`; the device has a third of the width.

    A long device is cut first; then the number goes, then the word of a good link, whose bars say
    the same.
    """
    most_cells = max(width // 3, SHORT_DEVICE_CELLS)
    device = _device(view.state, min(room, most_cells))
    tone: Tone = "dim" if view.state.device else "hold"
    links = _links(view)
    for wanted in (SHORT_DEVICE_CELLS, SHORTEST_DEVICE_CELLS):
        for link in links:
            device_cells = min(cell_len(device), room - cells(link), most_cells)
            if device_cells >= min(wanted, cell_len(device)):
                return [*link, (fit_words(device, device_cells), tone)]
    for link in links:
        alone = [*link[:-1], (link[-1][0].rstrip(), link[-1][1])] if link else []
        if cells(alone) <= room:
            return alone
    return []


def _links(view: PlayerView) -> list[list[Part]]:
    """Return how good the link is and how late sound is: by sign, word and number, or by less.

    Without a device no sound is heard, good or bad; a link that is lost is as good as cut, and the
    delay counted last is no longer true.
    """
    quality = view.link.quality
    if quality is None or view.stats is None or view.failure is not None:
        return [[]]
    if view.state.phase == "reconnecting":
        sign, word, tone = _LINK_LOOKS["cut"]
        return [[(f"{sign} {word}  ", tone)]]
    if view.state.device is None and quality != "cut":
        return [[]]
    sign, word, tone = _LINK_LOOKS[quality]
    number: Part = (f" {view.stats.delay_ms:3.0f} ms   ", "dim")
    shorter: list[list[Part]] = [[(f"{sign} {word}", tone), number], [(f"{sign} {word}  ", tone)]]
    return [*shorter, [(f"{sign} ", tone)]] if quality == "good" else shorter


def _device(state: StateEvent, room: int) -> str:
    if state.device:
        lacks = desktop_text(state)
        return "♪ " + (f"{lacks}: " if lacks else "") + plain_text(state.device, 48)
    if opening := plain_text(state.opening, 48):
        shown = f"♪ opening {opening}"
        return shown if cell_len(shown) <= room else f"♪ … {opening}"
    return "♪ no device yet" if state.phase == "connecting" else "♪ no device"

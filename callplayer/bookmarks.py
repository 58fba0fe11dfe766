"""A user's bookmarks in a call: how they are kept, and how they are written for others.

They are kept in a private file an incident, in the user's data folder. A file that cannot be read
is an error, never an empty list: saving would else wipe out what is in it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from callplayer.errors import CallplayerError
from callplayer.paths import APP_NAME, write_private
from callplayer.text import plain_json, plain_text

MAX_BYTES = 8_000_000
MAX_BOOKMARKS = 5_000
MAX_NOTE_CHARS = 300
MAX_QUOTE_CHARS = 400

Format = Literal["md", "json", "csv"]


class Bookmark(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a call.

    `position_ms` is from the start of the call; `clock` is the wall-clock time there with its zone,
    "" if unknown; `words` is what is said there, "" without a transcript; `made_at` is when it was
    set, ISO 8601 in UTC, and distinguishes bookmarks of one place.
    """

    position_ms: int
    clock: str = ""
    note: str = ""
    words: str = ""
    made_at: str = ""

    def noted(self, note: str) -> Bookmark:
        """Return the same bookmark with a note, of MAX_NOTE_CHARS at most."""
        return msgspec.structs.replace(self, note=note.strip()[:MAX_NOTE_CHARS])


class _BookmarkFile(msgspec.Struct, frozen=True):
    incident: str
    bookmarks: tuple[Bookmark, ...] = ()


Change = Callable[[tuple[Bookmark, ...]], tuple[Bookmark, ...]]


class BookmarkError(CallplayerError):
    """The bookmarks of a call cannot be read."""

    code = "bookmarks"


def bookmarks_path(incident: str) -> Path:
    """Return the file of an incident; an id that makes no good file name is hashed."""
    name = incident
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", incident):
        name = hashlib.sha256(incident.encode("utf-8", "surrogatepass")).hexdigest()
    return platformdirs.user_data_path(APP_NAME) / "bookmarks" / f"{name}.json"


def citation_path() -> Path:
    """Return the file of the last citation."""
    return platformdirs.user_data_path(APP_NAME) / "citation.txt"


def read_bookmarks(path: Path) -> tuple[Bookmark, ...]:
    """Return the bookmarks in a file, in order; none if there is no file; raise BookmarkError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BookmarkError(f"{path} is too large.", "Move it away.")
        return in_order(msgspec.json.decode(content, type=_BookmarkFile).bookmarks)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BookmarkError(
            f"{path} cannot be read: {error.strerror}.", "Check its owner and its mode."
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BookmarkError(f"{path} holds no bookmarks.", "Correct it, or move it away.") from None


def in_order(bookmarks: Iterable[Bookmark]) -> tuple[Bookmark, ...]:
    """Return bookmarks by place."""
    return tuple(sorted(bookmarks, key=lambda each: (each.position_ms, each.made_at)))


class BookmarkStore:
    """The bookmarks of one incident: here, and (unless `path` is None) in their file.

    What could not be saved stays here and is saved with the next change. Another player may change
    the file meanwhile: each save begins from what is there.
    """

    def __init__(self, incident: str, path: Path | None) -> None:
        self._incident = incident
        self._path = path
        self._unsaved: list[Change] = []
        self.bookmarks: tuple[Bookmark, ...] = ()

    def load(self) -> None:
        """Read the file, and add what is not saved yet; raise BookmarkError."""
        if self._path is None:
            return
        kept = read_bookmarks(self._path)
        for each in self._unsaved:
            kept = each(kept)
        self.bookmarks = kept

    def add(self, bookmark: Bookmark) -> None:
        """Keep one more; raise OSError or BookmarkError if it is not saved."""
        self._change(lambda kept: in_order((*kept, bookmark)[-MAX_BOOKMARKS:]))

    def replace(self, old: Bookmark, new: Bookmark) -> None:
        """Keep `new` in place of `old`; raise OSError or BookmarkError if it is not saved."""
        self._change(lambda kept: in_order(new if each == old else each for each in kept))

    def remove(self, bookmark: Bookmark) -> None:
        """Forget one; raise OSError or BookmarkError if it is not saved."""
        self._change(lambda kept: tuple(each for each in kept if each != bookmark))

    def _change(self, change: Change) -> None:
        self.bookmarks = change(self.bookmarks)
        if self._path is None:
            return
        self._unsaved.append(change)
        self.load()
        content = _BookmarkFile(self._incident, self.bookmarks)
        write_private(self._path, msgspec.json.encode(content))
        self._unsaved.clear()


# --- for others -----------------------------------------------------------------------------------


def export(incident: str, bookmarks: Sequence[Bookmark], form: Format) -> str:
    """Return the bookmarks as Markdown, JSON or CSV, each with offset, clock time and words."""
    if form == "json":
        encoded = plain_json(msgspec.json.encode(_BookmarkFile(incident, tuple(bookmarks))))
        return msgspec.json.format(encoded, indent=2).decode() + "\n"
    if form == "csv":
        return _csv(incident, bookmarks)
    return _markdown(incident, bookmarks)


def offset_text(position_ms: int) -> str:
    """Write an offset as `h:mm:ss.s`, rounded down."""
    seconds, rest_ms = divmod(max(position_ms, 0), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{rest_ms // 100}"


def _markdown(incident: str, bookmarks: Sequence[Bookmark]) -> str:
    lines = [f"# Bookmarks of {_escaped(incident)}", ""]
    for each in bookmarks:
        clock = f" ({_escaped(each.clock)})" if each.clock else ""
        note = f" {_escaped(each.note)}" if each.note else ""
        lines.append(f"- **{offset_text(each.position_ms)}**{clock}{note}")
        if each.words:
            lines.append(f"  > “{_escaped(each.words)}”")
    return "\n".join(lines) + "\n"


def _csv(incident: str, bookmarks: Sequence[Bookmark]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("incident", "offset", "position_ms", "clock", "note", "words"))
    for each in bookmarks:
        texts = (each.clock, each.note, each.words)
        writer.writerow(
            (
                *(_cell(incident), offset_text(each.position_ms), each.position_ms),
                *(_cell(text) for text in texts),
            )
        )
    return out.getvalue()


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", plain_text(text, MAX_QUOTE_CHARS))


def _cell(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    text = plain_text(text, MAX_QUOTE_CHARS)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text

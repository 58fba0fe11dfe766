"""Saving a clip: which stretch, and how; a person confirms it each time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from callplayer.bookmarks import Bookmark
from callplayer.ipc.messages import SaveClip
from callplayer.ui.actions.outcome import CallContext, Outcome, Prompt, PromptHint
from callplayer.ui.model.time_input import TimeTarget, read_place

MAX_TYPED_CHARS = 48
LEAST_CLIP_MS = 100
NO_CLIP = "No clip here: set a loop, or play on from a bookmark."
HOW = "Enter saves it; also: wav, mixed"


class TypedClip(msgspec.Struct, frozen=True):
    """What a typed line asks for."""

    request: SaveClip
    text: str


def save_clip(call: CallContext) -> Outcome:
    """Ask whether the loop, or the bookmark's stretch, is to be saved, and how."""
    stretch = _stretch(call)
    if stretch is None:
        return Outcome(note=NO_CLIP)
    text = " - ".join(map(_exact, stretch))
    return Outcome(
        prompt=Prompt("Save a clip", _hint, _answer, text=text, max_chars=MAX_TYPED_CHARS)
    )


def read_clip(text: str, call: CallContext) -> TypedClip | str:
    """Return the clip that a text such as `1:02.5 - 1:10 wav mixed` means, or why it means none."""
    words = text.replace("–", " ").split()
    options = {word for word in words if word in ("flac", "wav", "mixed")}
    places = [word for word in words if word not in options and word != "-"]
    if len(places) != 2:
        return "Type where it starts and where it ends, such as 1:02.5 - 1:10"
    first, last = (read_place(place, call.facts) for place in places)
    if not isinstance(first, TimeTarget) or not isinstance(last, TimeTarget):
        return next(each for each in (first, last) if isinstance(each, str))
    length_ms = last.position_ms - first.position_ms
    if length_ms < LEAST_CLIP_MS:
        return "The end must come after the start."
    kind: Literal["flac", "wav"] = "wav" if "wav" in options else "flac"
    mixed = "mixed" in options
    sound = "both parties mixed" if mixed else "a channel for each party"
    request = SaveClip(first.position_ms, last.position_ms, kind, mixed)
    return TypedClip(request, f"{length_ms / 1000:.1f} s, {kind.upper()}, {sound}")


def _hint(text: str, call: CallContext) -> PromptHint:
    clip = read_clip(text, call)
    if isinstance(clip, str):
        return PromptHint(clip)
    return PromptHint(f"→ {clip.text}. {HOW}", "ask")


def _answer(text: str, call: CallContext) -> Outcome:
    clip = read_clip(text, call)
    if isinstance(clip, str):
        return Outcome(note=clip)
    return Outcome(requests=(clip.request,), note=f"Saving {clip.text} …", tone="text")


def _stretch(call: CallContext) -> tuple[int, int] | None:
    """Return the loop, or else from the last bookmark to the next one, or to what is heard."""
    loop, here_ms = call.view.navigation.loop, call.facts.here_ms
    if loop is not None:
        end_ms = loop.b_ms if loop.b_ms is not None else here_ms
        return (loop.a_ms, end_ms) if end_ms - loop.a_ms >= LEAST_CLIP_MS else None
    return bookmark_stretch(call.bookmarks, here_ms)


def _exact(ms: int) -> str:
    """Write a place to the ms: a clip is as long as the loop to the sample."""
    minutes, seconds = divmod(ms / 1000, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{seconds:06.3f}".rstrip("0").rstrip(".")
    return f"{hours}:{minutes:02}:{text}" if hours else f"{minutes}:{text}"


def bookmark_stretch(bookmarks: Sequence[Bookmark], here_ms: int) -> tuple[int, int] | None:
    """Return from the last bookmark up to a place to the next one, or to the place itself."""
    places = sorted(each.position_ms for each in bookmarks)
    before = [ms for ms in places if ms <= here_ms]
    after = [ms for ms in places if ms > here_ms]
    if not before:
        return None
    end_ms = after[0] if after else here_ms
    return (before[-1], end_ms) if end_ms - before[-1] >= LEAST_CLIP_MS else None

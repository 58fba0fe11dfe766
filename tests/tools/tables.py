"""Write the tables of the documents that come from the code: `python -m tests.tools.tables`.

A table stands between `<!-- NAME: … -->` and `<!-- /NAME -->`; a test holds that it is up to date.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields

from callplayer import errors
from callplayer.commands import library, play, serve
from callplayer.commands.settings_flags import SETTINGS, add_settings
from callplayer.config import ENVIRONMENT_PREFIX, Settings
from callplayer.ui import keymap
from tests.rig import sound_makers
from tests.rig.documents import DOCUMENTS

TEN = ("toggle-pause", "back-5s", "say-again", "search", "bookmark", "next-party", "gain-up",
       "mute", "help", "quit")  # fmt: skip
"""The actions whose keys the README shows."""

MARK = "<!-- {}: made by `python -m tests.tools.tables`, held by a test -->"
TABLE = re.compile(r"^<!-- (?P<name>[\w ]+): made by .*? -->\n(?P<rows>.*?)^<!-- /(?P=name) -->$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip


def keys() -> str:
    """Return the table of docs/keys.md."""
    named = {
        topic: " ".join(f"`{keymap.key_name(key)}`" for key in keys)
        for topic, keys in keymap.by_topic(keymap.ACTIONS).items()
    }
    lines = [f"| {keys} | {topic} |" for topic, keys in named.items()]
    return "\n".join(["| Keys | What they do |", "| --- | --- |", *lines]) + "\n"


def ten_keys() -> str:
    """Return the rows of the README's ten keys."""
    topics = [each.topic for each in keymap.ACTIONS if each.name in TEN]
    head, rule, *rows = keys().splitlines()
    return "\n".join([head, rule, *(row for row in rows if row.split(" | ")[1][:-2] in topics)])


EXIT_CODES = {
    "0": "done",
    "1": "anything that is not below",
    "2": "usage: a flag, a setting or a file is wrong",
    "3": "sign-in was refused",
    "4": "there is no such incident",
    "5": "the network or a server does not answer",
    "6": "no usable sound device",
    "128 + n": "signal n ended the program, in order",
}


def exit_codes() -> str:
    """Return the exit codes; raise ValueError if the errors have others."""
    codes, kinds = {errors.EXIT_DONE}, [errors.CallplayerError]
    while kinds:
        kind = kinds.pop()
        codes.add(kind.exit_code)
        kinds += kind.__subclasses__()
    if (shown := {int(code) for code in EXIT_CODES if code.isdecimal()}) != codes:
        raise ValueError(f"the table has {shown}, the errors have {codes}")
    return rows(("code", "meaning"), EXIT_CODES.items())


def settings() -> str:
    """Return what each setting is called, as variable, flag and key, with its default."""
    parser = argparse.ArgumentParser()
    add_settings(parser)
    flags = {each.dest: each.option_strings[0] for each in parser._actions}
    values = [each for each in fields(Settings) if each.name in SETTINGS]
    if len(values) != len(SETTINGS):
        raise ValueError(f"of {list(SETTINGS)}, only {[each.name for each in values]} are settings")
    return rows(
        ("variable", "flag", "what it is", "default"),
        (
            (
                f"`{ENVIRONMENT_PREFIX}{each.name.upper()}`",
                f"`{flags[each.name]}`" if each.name in flags else "",
                SETTINGS[each.name],
                f"`{each.default}`" if isinstance(each.default, str) and each.default else "",
            )
            for each in values
        ),
    )


def flags_of(add_arguments: Callable[[argparse.ArgumentParser], None]) -> Callable[[], str]:
    """Return what writes the flags of a command, without those of the settings."""

    def table() -> str:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        shown = [
            (f"`{'`, `'.join(each.option_strings)}{_value_of(each)}`", each.help or "")
            for group in parser._action_groups
            for each in group._group_actions
            if each.option_strings
            and each.dest not in ("help", "library")
            and not (group.title or "").startswith("settings")
        ]
        return rows(("flag", "what it does"), shown)

    return table


def _value_of(action: argparse.Action) -> str:
    return f" {action.metavar}" if action.metavar else ""


def rows(head: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


TABLES: Mapping[str, Callable[[], str]] = {
    "ten keys": ten_keys,
    "keys": keys,
    "recordings": sound_makers.markdown_table,
    "exit codes": exit_codes,
    "settings": settings,
    "flags of callplayer": flags_of(play.play_arguments),
    "flags of serve": flags_of(serve.serve_arguments),
    "flags of import": flags_of(library.import_arguments),
}


def tables_of(markdown: str) -> dict[str, str]:
    """Return the tables of a document, each by its name."""
    return {each["name"]: each["rows"].strip() for each in TABLE.finditer(markdown)}


def with_tables(markdown: str) -> str:
    """Return a document with each of its tables as the code makes it."""

    def made(found: re.Match[str]) -> str:
        name = found["name"]
        return f"{MARK.format(name)}\n{TABLES[name]().strip()}\n<!-- /{name} -->"

    return TABLE.sub(made, markdown)


def main() -> None:
    """Write the tables of every document anew."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if (new := with_tables(text)) != text:
            document.write_text(new, encoding="utf-8")
            print(document.name)


if __name__ == "__main__":
    main()

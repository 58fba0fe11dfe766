"""Write the tables of the documents that come from the code: `python -m tests.tools.tables`.

A table stands between `<!-- NAME: … -->` and `<!-- /NAME -->`; a test holds that it is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from callplayer.ui import keymap
from tests.rig import sound_makers
from tests.rig.documents import DOCUMENTS

TEN = ("toggle-pause", "back-5s", "say-again", "search", "bookmark", "next-party", "gain-up",
       "mute", "help", "quit")  # fmt: skip
"""The actions whose keys the README shows."""

MARK = "<!-- {}: made by `python -m tests.tools.tables`, held by a test -->"
TABLE = re.compile(r"^<!-- (?P<name>[\w ]+): made by .*? -->\n(?P<rows>.*?)^<!-- /(?P=name) -->$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip


def ten_keys() -> str:
    """Return the rows of the README's ten keys."""
    topics = [each.topic for each in keymap.ACTIONS if each.name in TEN]
    head, rule, *rows = keymap.markdown_table().splitlines()
    return "\n".join([head, rule, *(row for row in rows if row.split(" | ")[1][:-2] in topics)])


TABLES: Mapping[str, Callable[[], str]] = {
    "ten keys": ten_keys,
    "keys": keymap.markdown_table,
    "recordings": sound_makers.markdown_table,
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

"""The project's documents, and what stands in them: command lines, links, generated tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
"""In the order in which a reader types their commands: what the README installs, the rest needs."""

PROGRAMS = ("callplayer", "make", "pip", "pipx", "apt", "python", "uv", "brew", "curl")


@dataclass(frozen=True)
class Command:
    """One command line of a block: `number` is its line in the document, counted from 1."""

    number: int
    text: str


def block_commands(markdown: str) -> list[Command]:
    """Return the command lines of indented blocks, each joined with the lines it goes on in.

    Fenced blocks are files and pictures here, and a line without a program is none: a comment.
    """
    commands: list[Command] = []
    fenced = False
    continued = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and line.startswith("    ") and not line.strip().startswith("#"):
            text = line.strip()
            if continued:
                last = commands.pop()
                commands.append(Command(last.number, f"{last.text[:-1].rstrip()} {text}"))
            else:
                commands.append(Command(number, text))
            continued = text.endswith("\\")
    return commands


def named_commands(markdown: str) -> list[str]:
    """Return the command lines that stand in the text as code, such as `callplayer doctor`."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    spans = re.findall(r"`([^`\n]+)`", text)
    return sorted({span for span in spans if span.split(" ")[0] in PROGRAMS and " " in span})


def links(markdown: str) -> list[str]:
    """Return the targets of links and pictures, without those of the web."""
    targets = re.findall(r"\]\(([^)\s]+)\)", markdown)
    return [target for target in targets if "://" not in target]


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}

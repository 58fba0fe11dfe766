"""What the tests of the screen share: style sheets that are parsed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

parse_rules = Stylesheet._parse_rules


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse each style sheet once for all applications of a run, which Textual does twice for each.

    The same text with the same colours has the same rules, and nothing changes a rule.
    """
    parsed = dict[tuple[object, ...], list[RuleSet]]()

    def rules(sheet: Stylesheet, css: str, read_from: object, *args: object, **named: object):  # type: ignore[no-untyped-def]
        key = (css, read_from, args, *named.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse_rules(sheet, css, read_from, *args, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", rules)
        yield

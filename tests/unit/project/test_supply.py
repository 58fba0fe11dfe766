"""What the tests run with is locked, and says so in the versions it allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked() -> dict[str, Version]:
    lines = (ROOT / ".ci/constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(name): Version(version) for name, version in pins}
    assert len(versions) == len(pins), "one of them is there twice"
    return versions


def test_every_package_that_is_asked_for_is_locked_to_a_version_that_is_allowed() -> None:
    pins = locked()
    extras = PROJECT["optional-dependencies"].values()
    for line in (*PROJECT["dependencies"], *(line for extra in extras for line in extra)):
        requirement = Requirement(line)
        if requirement.name == "callplayer":
            continue
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_each_package_has_its_reason_in_the_design_choices() -> None:
    table = (ROOT / "docs" / "choices.md").read_text()
    for extra in (PROJECT["dependencies"], PROJECT["optional-dependencies"]["service"]):
        for line in extra:
            assert re.search(rf"^\|.*\b{re.escape(Requirement(line).name)}\b", table, re.M), line


def test_the_versions_of_python_are_declared() -> None:
    declared = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if " :: 3." in c]
    assert declared == ["3.11", "3.12", "3.13", "3.14"]

"""`callplayer keys`: print what every key does."""

from __future__ import annotations

import argparse

from callplayer.commands.settings_flags import settings_of
from callplayer.errors import EXIT_DONE


def run_keys(options: argparse.Namespace) -> int:
    """Print every key and its action, with the settings' own keys."""
    from callplayer.ui.key_profiles import remapped, table_lines

    for line in table_lines(remapped(settings_of(options).keys)):
        print(line)
    return EXIT_DONE

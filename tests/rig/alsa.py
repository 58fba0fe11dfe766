"""ALSA configurations of the tests' own, in which nothing of this machine's counts."""

from __future__ import annotations

from pathlib import Path

PULSE = "pcm.pulse { type pulse }\nctl.pulse { type pulse }\n"
PIPEWIRE = "pcm.pipewire { type pipewire }\nctl.pipewire { type pipewire }\n"


def write_alsa_config(path: Path, definitions: str, *, default: str) -> dict[str, str]:
    """Write a configuration whose default device is `default`; return the environment for it.

    A machine's own files, such as that of pipewire-alsa, are loaded by a hook of ALSA's, after all
    that stands in a configuration: they would win. So the hook is made to load none.
    """
    path.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        "@hooks.!0 { func load files [ ] errors false }\n"
        f"{definitions}"
        f"pcm.!default {default}\n"
    )
    return {"ALSA_CONFIG_PATH": str(path)}

"""Files that are for their owner only, replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from callplayer.config import make_private_folder


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by a file of mode 0600, its folder made with 0700; raise OSError.

    What was there before stays as it was until the new content is on the disk.
    """
    make_private_folder(path.parent)
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise

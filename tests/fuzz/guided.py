"""A run that looks for messages that reach code which none has reached: by atheris, where it runs.

`python -m tests.fuzz.guided SECONDS [READER…]` has each reader, or those whose names hold a READER,
read for so long; 0 if nothing broke. It needs `pip install atheris`, which is no part of the test
environment: there are no builds of it for every Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_MB = 500
MOST_BYTES = 20_000
ONE = "--one"


def main() -> int:
    """Run each reader in a process of its own: libFuzzer ends the one it runs in."""
    seconds, *parts = sys.argv[1:]
    from tests.fuzz.readers import readers

    failed = []
    for reader in readers():
        if parts and not any(part in reader.name for part in parts):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for number, seed in enumerate(reader.seeds):
                Path(folder, str(number)).write_bytes(seed)
            command = [sys.executable, "-m", "tests.fuzz.guided", ONE, reader.name, seconds, folder]
            ran = subprocess.run(command, check=False, capture_output=True, text=True)
        last = [line for line in ran.stderr.splitlines() if line.strip()][-1:]
        print(f"{reader.name}: {'good' if ran.returncode == 0 else 'BROKE'}; {' '.join(last)}")
        if ran.returncode != 0:
            failed.append(reader.name)
            print(ran.stdout[-4_000:], ran.stderr[-8_000:], sep="\n", flush=True)
    return 1 if failed else 0


def run_one(name: str, seconds: str, folder: str) -> None:
    """Have one reader read; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["callplayer"]):
        from tests.fuzz.readers import readers
    (reader,) = (each for each in readers() if each.name == name)
    flags = [f"-max_total_time={seconds}", f"-rss_limit_mb={MOST_MB}", f"-max_len={MOST_BYTES}"]
    os.chdir(folder)
    atheris.Setup([sys.argv[0], *flags, folder], reader.read)
    atheris.Fuzz()


if __name__ == "__main__":
    if ONE in sys.argv[1:2]:
        run_one(*sys.argv[2:5])
    sys.exit(main())

"""The command line: `callplayer INCIDENT`, and the commands beside it.

Imports only what the command at hand needs: a screen must be up before a network library would have
been read from disk.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from callplayer import __version__
from callplayer.commands import (
    bookmarks,
    clients,
    demo,
    devices,
    doctor,
    keys,
    library,
    play,
    serve,
)
from callplayer.commands.settings_flags import add_settings, settings_of
from callplayer.errors import EXIT_DONE, CallplayerError, UsageError
from callplayer.exit import exit_process
from callplayer.paths import log_path


@dataclass(frozen=True)
class Subcommand:
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    commands: Mapping[str, Subcommand] = field(default_factory=dict)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. An error is two lines on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in COMMANDS else "play"
    command = COMMANDS[name]
    while words and words[0] in command.commands:
        name, command = f"{name} {words[0]}", command.commands[words.pop(0)]
    options = _parser(name, command).parse_args(words)
    from callplayer.logs import start_log

    start_log()
    try:
        exit_code = command.run(options)
        _flush()
        return exit_code
    except CallplayerError as error:
        return fail(error)
    except KeyboardInterrupt:
        return EXIT_DONE
    except BrokenPipeError:
        # The reader of our output has ended: keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception:
        import logging

        logging.getLogger(__name__).exception("%s failed", name)
        return fail(
            CallplayerError("callplayer failed unexpectedly.", f"Read why in {log_path()}.")
        )


def _flush() -> None:
    """Have all that was printed out; raise CallplayerError if that cannot be, as on a full disk."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # who reads it has seen enough; the end of the process knows that
    except OSError as error:
        raise CallplayerError(
            f"The output cannot be written: {error.strerror}.", "Write it where there is room."
        ) from None


def run() -> NoReturn:
    """Run one command and end the process with its exit code: the program's entry point.

    numpy's threads for linear algebra stay away: no matrix here is worth them, and each spins for
    0.05 s as it starts, in every process of the program.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        exit_code = main()
    except SystemExit as asked:
        exit_code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    exit_process(exit_code)


def fail(error: CallplayerError) -> int:
    """Print what happened and what to do on stderr; return the error's exit code."""
    print(f"callplayer: {error.what}\n  {error.hint}", file=sys.stderr)
    return error.exit_code


# --- commands -------------------------------------------------------------------------------------


def _run_list(options: argparse.Namespace) -> int:
    from callplayer.commands.incidents import print_incidents

    print_incidents(settings_of(options))
    return EXIT_DONE


_CLIENT_COMMANDS = {
    "add": Subcommand("add a client", clients.add_client_arguments, clients.run_add_client),
    "list": Subcommand("list the clients", library.library_arguments, clients.run_list_clients),
    "rotate": Subcommand(
        "give a client a new secret", clients.rotate_client_arguments, clients.run_rotate_client
    ),
    "remove": Subcommand(
        "remove a client", clients.remove_client_arguments, clients.run_remove_client
    ),
}
_SERVE_COMMANDS = {
    "import": Subcommand(
        "bring calls into the library", library.import_arguments, library.run_import
    ),
    "list": Subcommand("list the library's incidents", library.library_arguments, library.run_list),
    "remove": Subcommand("remove incidents", library.remove_arguments, library.run_remove),
    "move": Subcommand(
        "bring the library to another place", library.move_arguments, library.run_move
    ),
    "clients": Subcommand(
        "list, add and remove the clients that may sign in",
        library.library_arguments,
        clients.run_list_clients,
        _CLIENT_COMMANDS,
    ),
}
COMMANDS = {
    "play": Subcommand("play a call (the default)", play.play_arguments, play.run_play),
    "demo": Subcommand("start everything and play a demo call", demo.demo_arguments, demo.run_demo),
    "serve": Subcommand(
        "serve recordings and live calls over LiveKit",
        serve.serve_arguments,
        serve.run_serve,
        _SERVE_COMMANDS,
    ),
    "list": Subcommand("print the incidents of the API", add_settings, _run_list),
    "bookmarks": Subcommand(
        "print the bookmarks of a call", bookmarks.bookmarks_arguments, bookmarks.run_bookmarks
    ),
    "keys": Subcommand("print what every key does", add_settings, keys.run_keys),
    "devices": Subcommand("print the sound devices", lambda _parser: None, devices.run_devices),
    "doctor": Subcommand(
        "check this machine, and print how to fix what is wrong", add_settings, doctor.run_doctor
    ),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # A value that came with a flag we do not know may be a secret: name only the flags.
        head, colon, words = message.partition("unrecognized arguments: ")
        if colon:
            flags = [word.split("=")[0] for word in words.split() if word.startswith("-")]
            message = f"{head}{colon}{' '.join(flags) or 'more than one incident'}"
        raise SystemExit(fail(UsageError(f"{message}.", f"`{self.prog} --help` shows the usage.")))


def _parser(name: str, command: Subcommand) -> argparse.ArgumentParser:
    if name == "play":
        others = {other: entry for other, entry in COMMANDS.items() if other != "play"}
        parser = _Parser(
            prog="callplayer",
            description=f"Play an emergency call in a terminal, and steer it.{_listed(others)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument("--version", action="version", version=f"callplayer {__version__}")
    else:
        parser = _Parser(
            prog=f"callplayer {name}",
            description=f"{_sentence(command.summary)}{_listed(command.commands)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
    command.add_arguments(parser)
    return parser


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _listed(commands: Mapping[str, Subcommand]) -> str:
    lines = [f"\n  {name:<11}{command.summary}" for name, command in commands.items()]
    return "\n\ncommands:" + "".join(lines) if lines else ""

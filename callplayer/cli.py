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
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from callplayer import __version__
from callplayer.commands import clients, library, serve
from callplayer.config import ON_DEVICE_LOSS, Settings, load_settings
from callplayer.errors import EXIT_DONE, CallplayerError, UsageError
from callplayer.exit import exit_process
from callplayer.paths import log_path, make_private_folder

if TYPE_CHECKING:
    from callplayer.ipc.messages import Start


@dataclass(frozen=True)
class Subcommand:
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    commands: Mapping[str, Subcommand] = field(default_factory=dict)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. What a user may meet is told in two lines."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in COMMANDS else "play"
    command = COMMANDS[name]
    while words and words[0] in command.commands:
        name, command = f"{name} {words[0]}", command.commands[words.pop(0)]
    parser = _parser(name, command)
    options = parser.parse_args(words)
    _start_log()
    try:
        return command.run(options)
    except CallplayerError as error:
        return fail(error)
    except KeyboardInterrupt:
        return EXIT_DONE
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception:
        import logging

        logging.getLogger(__name__).exception("%s failed", name)
        return fail(
            CallplayerError("callplayer met an error of its own.", f"{log_path()} says more.")
        )


def run() -> NoReturn:
    """Run one command and end the process with its exit code: the program's entry point."""
    try:
        exit_code = main()
    except SystemExit as asked:
        exit_code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    exit_process(exit_code)


def fail(error: CallplayerError) -> int:
    """Tell what happened and what to do on stderr; return the error's exit code."""
    print(f"callplayer: {error.what}\n  {error.hint}", file=sys.stderr)
    return error.exit_code


# --- commands -------------------------------------------------------------------------------------


def _run_play(options: argparse.Namespace) -> int:
    from callplayer.commands import play

    settings = _settings(options)
    start: Start = "paused" if options.paused else "live" if options.live else "play"
    recording = _recording(options)
    if recording is not None and options.live:
        raise UsageError(
            "A file is a call of the past: it has no live end.",
            "Leave --live out; `callplayer serve --live FILE` serves it as if it went on now.",
        )
    if options.headless:
        if options.incident is None:
            raise UsageError("Headless mode needs an incident id.", "Add one: `callplayer ID`.")
        return play.play_headless(
            settings,
            options.incident,
            start,
            no_audio=options.no_audio,
            wait_for_device=options.wait_for_device,
            silent_without_device=options.silent_without_device,
            recording=recording,
        )
    flags = _engine_flags(options)
    if options.incident is not None:
        return play.play(
            settings,
            options.incident if recording is None else _id_of(recording),
            flags,
            plain=_wants_plain(options),
            recording=recording,
        )
    _require_terminal()
    return play.pick_and_play(settings, flags)


def _run_demo(options: argparse.Namespace) -> int:
    plain = not options.headless and _wants_plain(options)
    if plain and options.pick:
        _require_terminal()
    if not options.headless and (options.recording is None or options.recording.is_file()):
        # Said before what takes a while to import.
        print("callplayer demo: everything for one call, on this machine", file=sys.stderr)
    from callplayer.commands import demo

    return demo.run(
        demo.DemoOptions(
            recording=options.recording,
            live=options.live,
            paused=options.paused,
            headless=options.headless,
            no_audio=options.no_audio,
            pick=options.pick,
            plain=plain,
            unattended=not sys.stdin.isatty(),
            livekit=options.livekit,
            output_device=options.output_device,
            on_device_loss=options.on_device_loss,
            livekit_binary=options.livekit_server,
        )
    )


def _run_list(options: argparse.Namespace) -> int:
    from callplayer.commands import play

    play.print_incidents(_settings(options))
    return EXIT_DONE


def _run_devices(_options: argparse.Namespace) -> int:
    from callplayer.engine.devices.listing import ROUTE
    from callplayer.engine.devices.portaudio import list_devices
    from callplayer.engine.devices.pulse import view_now
    from callplayer.errors import SoundDeviceError

    devices = list_devices()
    view = view_now() if any(device.name == ROUTE for device in devices) else None
    sinks = view.audible if view is not None else ()
    if not devices:
        raise SoundDeviceError(
            "There is no sound device that can play.",
            "Connect one, or run the player with --no-audio.",
        )
    width = max(len(name) for name in (*(d.name for d in devices), *(s.name for s in sinks)))
    for sink in sinks:
        mark = "*" if view is not None and sink.name == view.default else " "
        print(f"{mark} {sink.name:<{width}}  {sink.label}, a sink of the sound server")
    for device in devices:
        mark = "*" if device.is_default else " "
        rate_khz = device.default_rate_hz / 1000
        print(
            f"{mark} {device.name:<{width}}  {device.host_api}, "
            f"{device.channels} channels, {rate_khz:g} kHz"
        )
    return EXIT_DONE


def _run_bookmarks(options: argparse.Namespace) -> int:
    from callplayer.bookmarks import bookmarks_path, export, read_bookmarks

    recording = _recording(options)
    incident = options.incident if recording is None else _id_of(recording)
    kept = read_bookmarks(bookmarks_path(incident))
    sys.stdout.write(export(incident, kept, options.format))
    return EXIT_DONE


def _run_keys(options: argparse.Namespace) -> int:
    from callplayer.ui.key_profiles import remapped, table_lines

    for line in table_lines(remapped(_settings(options).keys)):
        print(line)
    return EXIT_DONE


def _run_doctor(options: argparse.Namespace) -> int:
    from callplayer.commands import doctor

    return doctor.run(lambda: _settings(options))


# --- arguments ------------------------------------------------------------------------------------


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (flag > environment > config.toml)")
    group.add_argument("--config", type=Path, metavar="FILE", help="another config.toml")
    group.add_argument("--profile", metavar="NAME", help="use [profiles.NAME] of config.toml")
    group.add_argument("--api-url", metavar="URL", help="CALLPLAYER_API_URL")
    group.add_argument("--client-id", metavar="ID", help="CALLPLAYER_CLIENT_ID")
    group.add_argument("--stream-url", metavar="URL", help="CALLPLAYER_STREAM_URL")
    group.add_argument("--cable-url", metavar="URL", help="CALLPLAYER_CABLE_URL")
    _add_device(group)
    parser.epilog = (
        "The client secret comes from CALLPLAYER_CLIENT_SECRET or config.toml, never from a flag."
    )


def _add_device(group: argparse._ActionsContainer) -> None:
    group.add_argument("--output-device", metavar="NAME", help="CALLPLAYER_OUTPUT_DEVICE")
    group.add_argument("--on-device-loss", choices=ON_DEVICE_LOSS, help="CALLPLAYER_ON_DEVICE_LOSS")


def _add_kind(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--file", action="store_true", help="it is a file, whatever it looks like")
    kind.add_argument("--incident", action="store_true", dest="is_id", help="it is an incident id")


def _add_playing(parser: argparse.ArgumentParser) -> None:
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--paused", action="store_true", help="wait at 0:00")
    start.add_argument("--live", action="store_true", help="go to the live end of a call")
    parser.add_argument("--no-audio", action="store_true", help="play without a sound device")
    parser.add_argument(
        "--headless", action="store_true", help="no screen: JSON lines on stdin and stdout"
    )
    parser.add_argument(
        "--plain", action="store_true", help="no screen: plain lines, for a screen reader"
    )


def _play_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "incident",
        nargs="?",
        metavar="INCIDENT|FILE",
        help="an incident's id, or a recording to play without a server; none: pick from a list",
    )
    _add_kind(parser)
    _add_playing(parser)
    parser.add_argument(
        "--wait-for-device", action="store_true", help="begin without a sound device if need be"
    )
    parser.add_argument(
        "--silent-without-device",
        action="store_true",
        help="play on silently until a sound device comes",
    )
    _add_settings(parser)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recording", nargs="?", type=Path, metavar="FILE", help="a call of your own (WAV, FLAC, …)"
    )
    parser.add_argument("--pick", action="store_true", help="pick one of the demo calls")
    parser.add_argument(
        "--livekit", action="store_true", help="over LiveKit only: wait until it is built"
    )
    _add_device(parser)
    parser.add_argument(
        "--livekit-server", type=Path, metavar="FILE", help=serve.LIVEKIT_SERVER_HINT
    )
    _add_playing(parser)


def _bookmarks_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", metavar="INCIDENT|FILE")
    _add_kind(parser)
    parser.add_argument("--format", choices=("md", "json", "csv"), default="md")


_CLIENT_COMMANDS = {
    "add": Subcommand("add a client", clients.add_client_arguments, clients.run_add_client),
    "list": Subcommand("list them", library.library_arguments, clients.run_list_clients),
    "rotate": Subcommand(
        "give one a new secret", clients.rotate_client_arguments, clients.run_rotate_client
    ),
    "remove": Subcommand("remove one", clients.remove_client_arguments, clients.run_remove_client),
}
_SERVE_COMMANDS = {
    "import": Subcommand(
        "bring calls into the library", library.import_arguments, library.run_import
    ),
    "list": Subcommand("list the library's incidents", library.library_arguments, library.run_list),
    "remove": Subcommand("remove incidents", library.remove_arguments, library.run_remove),
    "clients": Subcommand(
        "who may sign in", library.library_arguments, clients.run_list_clients, _CLIENT_COMMANDS
    ),
}
COMMANDS = {
    "play": Subcommand("play a call (the default)", _play_arguments, _run_play),
    "demo": Subcommand("start everything and play a demo call", _demo_arguments, _run_demo),
    "serve": Subcommand(
        "serve recordings over LiveKit",
        serve.serve_arguments,
        serve.run_serve,
        _SERVE_COMMANDS,
    ),
    "list": Subcommand("list the incidents of the API", _add_settings, _run_list),
    "bookmarks": Subcommand("print the bookmarks of a call", _bookmarks_arguments, _run_bookmarks),
    "keys": Subcommand("print what every key does", _add_settings, _run_keys),
    "devices": Subcommand("list the sound devices", lambda _parser: None, _run_devices),
    "doctor": Subcommand("find what is wrong and how to mend it", _add_settings, _run_doctor),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # A value that came with a flag we do not know may be a secret: only the flags are told.
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
            description=f"Hear and steer an emergency call from a terminal.{_listed(others)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument("--version", action="version", version=f"callplayer {__version__}")
    else:
        parser = _Parser(
            prog=f"callplayer {name}",
            description=f"{command.summary}{_listed(command.commands)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
    command.add_arguments(parser)
    return parser


def _listed(commands: Mapping[str, Subcommand]) -> str:
    lines = [f"\n  {name:<11}{command.summary}" for name, command in commands.items()]
    return "\n\ncommands:" + "".join(lines) if lines else ""


# --- incident or file -----------------------------------------------------------------------------


def _recording(options: argparse.Namespace) -> Path | None:
    """Return the recording that is named, None where an incident is.

    What holds a path separator or ends as a sound file does is a file: `./call`, `call.wav`.
    """
    word = options.incident
    if word is None or options.is_id:
        return None
    if not options.file and os.sep not in word and (os.altsep or os.sep) not in word:
        if "." not in word:
            return None
        from callplayer.recordings.containers.formats import SUFFIXES

        if Path(word).suffix.lower() not in SUFFIXES:
            return None
    return Path(word)


def _id_of(recording: Path) -> str:
    """Return the id that `callplayer serve` would give a recording."""
    from callplayer.recordings.named_file import incident_id

    return incident_id(recording.name)


# --- shared ---------------------------------------------------------------------------------------

_SETTING_FLAGS = (
    *("api_url", "client_id", "stream_url", "cable_url"),
    *("output_device", "on_device_loss"),
)


def _settings(options: argparse.Namespace) -> Settings:
    settings = load_settings(
        {name: getattr(options, name) for name in _SETTING_FLAGS},
        file=options.config,
        profile=options.profile,
    )
    for warning in settings.warnings:
        print(f"callplayer: {warning}", file=sys.stderr)
    return settings


def _engine_flags(options: argparse.Namespace) -> list[str]:
    """Return the flags that an engine process needs to be set as this process is."""
    flags = [
        f"--{name.replace('_', '-')}={value}"
        for name in (*_SETTING_FLAGS, "config", "profile")
        if (value := getattr(options, name)) is not None
    ]
    flags += [f"--{name}" for name in ("paused", "live") if getattr(options, name)]
    return flags + [
        f"--{name.replace('_', '-')}"
        for name in ("no_audio", "wait_for_device", "silent_without_device")
        if getattr(options, name)
    ]


def _wants_plain(options: argparse.Namespace) -> bool:
    """Tell whether lines are wanted, or all that can be had here."""
    can_draw = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    return options.plain or not can_draw or os.environ.get("TERM", "dumb") == "dumb"


def _require_terminal() -> None:
    # The screen is drawn on stderr: stdout stays free for what a program tells.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "The player needs a terminal.", "Run it in one, or add --headless for JSON lines."
        )


def _start_log() -> None:
    """Log to a private file. What cannot be logged is not worth failing for."""
    import logging
    import logging.handlers

    from callplayer.logs import OnceASecond, put_aside
    from callplayer.logs_redaction import RedactingFormatter

    path = log_path()
    handler: logging.Handler
    try:
        make_private_folder(path.parent)
        put_aside(path)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(
        RedactingFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    )
    handler.addFilter(OnceASecond())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.raiseExceptions = False
    # It logs every request's full address at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)

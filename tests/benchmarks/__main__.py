"""Everything that is measured, peers side by side in one run: `python -m tests.benchmarks`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks import (
    cost,
    drift,
    flood,
    imports,
    jitter,
    latency,
    lit,
    live,
    longrun,
    memory_cost,
    recall,
    remembered,
    replays,
    screen,
    shown,
    sound_systems,
    start,
    stored,
    storm,
)
from tests.rig.processes import build_at


def main() -> int:
    """Run the benchmarks that are named, or all but the long ones; print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--hours", type=float, help="for drift (1), cost (10 min) and stored (3)")
    parser.add_argument("--minutes", type=float, help="for longrun (default: 30)")
    parser.add_argument(
        "--beside", type=Path, help="a checkout of another build, measured too by latency and start"
    )
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}\n")
    for name in options.names or [each for each in BENCHMARKS if each not in LONG]:
        print(f"### {name}\n", flush=True)
        BENCHMARKS[name](options)
        print(flush=True)
    return 0


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table, each row as soon as it is there."""
    print("|", " | ".join(head), "|")
    print("|", " | ".join("---" for _ in head), "|")
    for row in rows:
        print("|", " | ".join(str(cell) for cell in row), "|", flush=True)


def _latency(options: argparse.Namespace) -> None:
    measured = latency.measure(*((2, 5, 5) if options.quick else (5, 10, 5)), beside=options.beside)
    rows = []
    browser_ms = None
    for client in measured:
        heard = [jump.new_ms for jump in client.jumps if jump.new_ms is not None]
        if client.name == "Chromium":
            browser_ms = np.median(heard)
        clean = sum(jump.stale_ms == 0 for jump in client.jumps)
        rows.append(
            (
                client.name,
                f"{np.median(heard):.0f}",
                f"{np.percentile(heard, 95):.0f}",
                f"{len(heard)} of {len(client.jumps)}",
                f"{clean} of {len(client.jumps)}",
                f"{max(jump.stale_ms for jump in client.jumps):.0f}",
                f"{np.median(client.pauses_ms):.0f}",
            )
        )
    table(
        (
            "player", "key → new sound, p50 ms", "p95 ms", "heard", "jumps with no old sound",
            "old sound at most, ms", "pause → silence, p50 ms",
        ),
        rows,
    )  # fmt: skip
    ours = np.median([j.new_ms for j in measured[0].jumps if j.new_ms is not None])
    print(f"\ncallplayer / Chromium: {ours / browser_ms:.2f}")


def _drift(options: argparse.Namespace) -> None:
    hours = options.hours or (0.1 if options.quick else 1.0)
    drifts, peers = drift.measure(hours)
    print(f"{hours:g} h of call time each, arrivals up to 2 ms late\n")
    table(
        (
            "sound card, ppm", "delay, mean ms", "farthest from its target, ms",
            "farthest from its mean, ms", "underruns", "trimmed frames", "learned, ppm",
            "memory, first and last, MB", "simulated in, s",
        ),
        [
            (
                f"{one.clock_ppm:+.0f}",
                f"{one.delay_mean_ms:.2f}",
                f"{one.off_ms:.2f}",
                f"{one.spread_ms:.2f}",
                one.underruns,
                one.trimmed_frames,
                f"{one.learned_ppm:+.1f}",
                f"{one.memory_first_mb:.1f} {one.memory_last_mb:.1f}",
                f"{one.took_s:.0f}",
            )
            for one in drifts
        ],
    )  # fmt: skip
    print()
    table(
        (
            "the SDK's OutputPlayer by its rule: sound card, ppm", "delay, first minute, ms",
            "last minute, ms", "dropouts", "silence in their place, ms",
        ),
        [
            (
                f"{one.clock_ppm:+.0f}",
                f"{one.delay_first_ms:.0f}",
                f"{one.delay_last_ms:.0f}",
                one.dropouts,
                f"{one.lost_ms:.0f}",
            )
            for one in peers
        ],
    )  # fmt: skip
    print()
    table(
        ("tone through the resampler at +130 ppm", "SNR, dB"),
        [(f"{hz:g} Hz", f"{drift.resampler_snr_db(hz):.1f}") for hz in (1000.0, 3400.0)],
    )


def _cost(options: argparse.Namespace) -> None:
    memory_s = options.hours * 3600 if options.hours else 60.0 if options.quick else 600.0
    measured = cost.measure(15.0 if options.quick else 60.0, memory_s)
    table(
        ("process", "CPU, % of a core", "its passes", "memory, MB"),
        [
            (
                m.name,
                f"{m.cpu_percent:.1f}",
                f"{m.least_percent:.1f} to {m.most_percent:.1f}",
                f"{m.memory_mb:.0f}",
            )
            for m in measured.processes
        ],
    )
    print()
    table(
        ("memory of", "minutes", "first minute, MB", "last minute, MB", "slope, MB an hour"),
        [
            (
                one.name,
                f"{one.minutes:.0f}",
                f"{one.first_mb:.1f}",
                f"{one.last_mb:.1f}",
                f"{one.slope_mb_per_h:+.1f} ± {one.error_mb_per_h:.1f}",
            )
            for one in measured.memory
        ],
    )
    print(
        f"\ncallback p99 {measured.callback_p99_ms:.2f} ms, "
        f"p99.9 {measured.callback_p999_ms:.2f} ms; "
        f"underruns {measured.underruns}; trimmed frames {measured.trimmed_frames}"
    )


def _screen(options: argparse.Namespace) -> None:
    costs, keys = screen.measure(*((20.0, 2) if options.quick else (60.0, 5)))
    table(
        (
            "the screen while a call with words plays",
            "CPU, % of a core",
            "written, kB/s",
            "memory, MB",
        ),
        [
            (
                f"{one.columns}×{one.rows}",
                f"{one.cpu_percent:.1f}",
                f"{one.kbytes_per_s:.1f}",
                f"{one.memory_mb:.0f}",
            )
            for one in costs
        ],
    )
    print()
    table(
        (
            "key → first change on the terminal, 30,000 words, 200×60",
            "keys",
            "p50, ms",
            "p95, ms",
            "most, ms",
        ),
        [
            (
                one.what,
                len(one.took_ms),
                f"{np.median(one.took_ms):.1f}",
                f"{np.percentile(one.took_ms, 95):.1f}",
                f"{max(one.took_ms):.1f}",
            )
            for one in keys
        ],
    )


def _start(options: argparse.Namespace) -> None:
    times = 3 if options.quick else 10
    beside = [] if options.beside is None else [options.beside]
    for name, measured in (
        ("callplayer ID", start.measure(times)),
        *(
            (f"callplayer ID, {checkout.name}", start.measure(times, build_at(checkout)))
            for checkout in beside
        ),
        ("callplayer FILE", start.measure_file(times)),
        ("callplayer FILE, 3 h of Opus", start.measure_file(times, hours=3.0)),
    ):
        table(
            (f"from `{name}` to", "p50, s", "worst, s"),
            [
                (what, f"{np.median(taken_s):.2f}", f"{max(taken_s):.2f}")
                for what, taken_s in (
                    ("first screen", measured.screen_s),
                    ("first sound", measured.sound_s),
                )
            ],
        )


def _jitter(options: argparse.Namespace) -> None:
    rows = []
    for played in jitter.measure(*((6.0, 12.0) if options.quick else (20.0, 45.0))):
        numbers = (
            played.concealed_ms_per_min, played.broken_ms_per_min, played.before_ms,
            played.delay_p50_ms, played.delay_p95_ms, played.delay_p50_ms - played.before_ms,
            played.jitter_buffer_ms, played.underruns, played.trimmed_ms, played.ring_target_ms,
        )  # fmt: skip
        cells = ["" if number is None else f"{number:.0f}" for number in numbers]
        back = "not" if played.back_s is None else f"{played.back_s:.1f}"
        rows.append((played.condition, played.player, *cells, back if played.stalled else ""))
        if abs(played.slipped_ms) > jitter.WITHIN_MS:
            slip = f"{played.slipped_ms:+.0f}"
            print(f"{played.condition}, {played.player}: the service itself slipped {slip} ms\n")
    table(
        (
            "link", "player", "concealed by its own count, ms/min, both tracks",
            "broken at the monitor, ms/min", "delay before, p50 ms", "delay, p50 ms", "p95 ms",
            "added, p50 ms", "of it in the jitter buffer, mean ms", "underruns", "trimmed, ms",
            "ring's target at most, ms", "delay back within 10 ms after, s",
        ),
        rows,
    )  # fmt: skip


def _recall(options: argparse.Namespace) -> None:
    few = options.quick
    recall.report(recall.measure(12 if few else 50, 6 if few else 20))
    remembered.report(remembered.measure(3 if few else 20, 6 if few else 20))
    memory_cost.report(memory_cost.measure())
    lit.report(lit.measure())
    silent_s, after_s = remembered.link_down(10.0 if few else 60.0)
    breaks = ", ".join(f"{each:.2f} s" for each in after_s) or "none"
    print(f"link down: silent for {silent_s:.2f} s while it was; breaks after it: {breaks}")


def _stored(options: argparse.Namespace) -> None:
    stored.report(stored.measure(options.hours or (0.25 if options.quick else 3.0)))


def _shown(options: argparse.Namespace) -> None:
    measured = shown.measure(
        20.0 if options.quick else 60.0, 5 if options.quick else 20, 3 if options.quick else 10
    )
    table(
        ("position shown − heard", "looks", "bias, ms", "size p50, ms", "p99, ms", "most, ms"),
        [errors.row() for errors in measured],
    )


def _sound_systems(options: argparse.Namespace) -> None:
    measured = sound_systems.measure(*((1, 6, 8.0) if options.quick else (3, 10, 12.0)))
    heard_ms = [[j.new_ms for j in one.jumps.jumps if j.new_ms is not None] for one in measured]
    first_ms = np.median(heard_ms[0])
    table(
        (
            "sound system, layer", "key → new sound, p50 ms", "p95 ms", "of the first one's p50",
            "heard", "old sound at most, ms",
        ),
        (
            (
                one.name,
                f"{np.median(heard):.0f}",
                f"{np.percentile(heard, 95):.0f}",
                f"{np.median(heard) / first_ms:.2f}",
                f"{len(heard)} of {len(one.jumps.jumps)}",
                f"{max(jump.stale_ms for jump in one.jumps.jumps):.0f}",
            )
            for one, heard in zip(measured, heard_ms, strict=True)
        ),
    )  # fmt: skip
    print()
    table(
        (
            "sound system, layer", "position shown − heard", "looks", "bias, ms", "size p50, ms",
            "p99, ms", "most, ms",
        ),
        ((one.name, *errors.row()) for one in measured for errors in one.errors),
    )  # fmt: skip


def _storm(options: argparse.Namespace) -> None:
    measured = storm.measure(60.0 if options.quick else 600.0)
    table(
        (
            "player", "time, s", "underruns", "device underflows", "gaps heard", "gone, ms",
            "concealed, ms", "trimmed frames", "callback p99, ms", "p99.9, ms", "longest, ms",
            "screen updates a second", "parses", "screen's CPU, %",
        ),
        (
            (
                one.name,
                f"{one.duration_s:.0f}",
                one.underruns,
                one.device_underflows,
                one.gaps,
                f"{one.gaps_ms:.0f}",
                f"{one.concealed_ms:.0f}",
                one.trimmed_frames,
                f"{one.callback_p99_ms:.2f}",
                f"{one.callback_p999_ms:.2f}",
                f"{one.callback_longest_ms:.2f}",
                f"{one.drawn_per_s:.0f}",
                one.parsed,
                f"{one.screen_cpu_percent:.0f}",
            )
            for one in measured
        ),
    )  # fmt: skip


def _live(options: argparse.Namespace) -> None:
    measured = live.measure(*((10.0, 3) if options.quick else (30.0, 10)))
    table(
        (
            "a live call's source", "listener behind it, p50 ms", "p95 ms", "most, ms",
            "1 s after a return to live, p50 ms", "most, ms",
        ),
        [
            (
                one.source,
                f"{1000 * np.median(one.following_s):.0f}",
                f"{1000 * np.percentile(one.following_s, 95):.0f}",
                f"{1000 * max(one.following_s):.0f}",
                f"{1000 * np.median(one.returned_s):.0f}",
                f"{1000 * max(one.returned_s):.0f}",
            )
            for one in measured
        ],
    )  # fmt: skip
    lost_s = live.measure_kills(3 if options.quick else 10)
    print(
        f"\nspoken and not on disk after kill -9 of the service, {len(lost_s)} times: "
        f"{1000 * np.median(lost_s):.0f} ms, {1000 * max(lost_s):.0f} ms at most"
    )


def _replays(options: argparse.Namespace) -> None:
    counts = (1, 10) if options.quick else (1, 10, 25, 50)
    _replay_table(replays.measure(replays.cases(counts), 8.0 if options.quick else 15.0))


def _mixed(options: argparse.Namespace) -> None:
    rows = [*replays.cases((25,)), (50, True, 1), (24, True, 1), (24, True, 2)]
    _replay_table(replays.measure(rows, 8.0 if options.quick else 15.0, floors=False))


def _replay_table(rows: Iterable[replays.Floor | replays.Replays]) -> None:
    table(
        (
            "replays at once", "CPU a bot, % of a core", "memory a bot, MB", "workers",
            "pump late, p50 ms", "p99.9 ms", "frames late > 20 ms", "command → status, p50 ms",
            "p95 ms", "concealed, ms/min", "steps of the sweep broken", "room server's CPU, %",
            "listeners' CPU, %",
        ),
        (measured.row() for measured in rows),
    )  # fmt: skip


def _longrun(options: argparse.Namespace) -> None:
    run = longrun.measure(options.minutes or (2.0 if options.quick else 30.0))
    table(
        (
            "process", "minutes, once warm", "memory, first minute, MB", "last minute, MB",
            "slope, MB an hour", "open files", "threads",
        ),
        longrun.rows(run),
    )  # fmt: skip
    print(
        f"\n{run.scrubs} scrubs; underruns {run.underruns}; device underflows "
        f"{run.device_underflows}; sign-ins {run.sign_ins}\n"
    )
    quarter = max(len(run.errors_ms) // 4, 1)
    table(
        ("position reported − heard", "looks", "bias, ms", "size p99, ms"),
        (
            (
                name,
                str(len(part)),
                f"{np.mean(part):+.1f}",
                f"{np.percentile(np.abs(part), 99):.0f}",
            )
            for name, looks in (
                ("first quarter", run.errors_ms[:quarter]),
                ("last quarter", run.errors_ms[-quarter:]),
            )
            if (part := [each for look in looks for each in look])
        ),
    )


def _flood(options: argparse.Namespace) -> None:
    rates_per_s = (2_000,) if options.quick else (1_000, 5_000, 10_000)
    table(
        (
            "messages", "sent a second", "underruns", "device underflows", "concealed, ms",
            "silent, ms", "request → state, p50 ms", "most, ms", "states a second",
            "engine's CPU, %", "memory before and most, MB", "position off the clock, most, ms",
        ),
        (one.row() for one in flood.measure(3.0 if options.quick else 10.0, rates_per_s)),
    )  # fmt: skip


def _import(options: argparse.Namespace) -> None:
    speeds = imports.measure(*((3.0, 2) if options.quick else (10.0, 5)))
    table(
        (
            "`serve import` of", "seconds of sound a CPU second", f"build {imports.BEFORE}",
            "now / then",
        ),
        (one.row() for one in speeds),
    )  # fmt: skip
    slow = [one.kind for one in speeds if one.now < imports.LEAST_TIMES_REAL_TIME]
    least = f"{imports.LEAST_TIMES_REAL_TIME} times real time"
    print(f"\nbelow {least}: {', '.join(slow)}" if slow else f"\nall at least {least}")


BENCHMARKS = {
    "import": _import,
    "latency": _latency,
    "recall": _recall,
    "stored": _stored,
    "shown": _shown,
    "sound-systems": _sound_systems,
    "storm": _storm,
    "jitter": _jitter,
    "live": _live,
    "drift": _drift,
    "cost": _cost,
    "replays": _replays,
    "mixed": _mixed,
    "flood": _flood,
    "longrun": _longrun,
    "screen": _screen,
    "start": _start,
}

LONG = ("longrun", "mixed", "stored")
"""Not without being named: what is long, or part of another."""

if __name__ == "__main__":
    sys.exit(main())

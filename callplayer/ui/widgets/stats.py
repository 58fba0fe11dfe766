"""The statistics: the delay by part, what went wrong, the callback and the clocks."""

from __future__ import annotations

from callplayer.ipc.messages import StatsEvent
from callplayer.ui.model.format import Tone
from callplayer.ui.widgets.rows import Part, Row, Rows, fit

STATS_ROWS = 7
"""How many rows the statistics take, their titles included: what 60×16 has room for."""

FRAMES_PER_MS = 48


class StatsPanel(Rows):
    """How the audio path does."""

    def show(self, stats: StatsEvent | None) -> None:
        """Draw the counters."""
        self.draw_with(lambda width, _: stats_rows(stats, width))


def stats_rows(stats: StatsEvent | None, width: int) -> list[Row]:
    """Return three columns: the delay by part, what went wrong, the callback and the clocks."""
    cell = width // 3
    columns = _stats_columns(stats or StatsEvent(), "/" if cell < 24 else " of ")
    label_cells = 10 if cell < 24 else min(cell // 2, 14)
    head: list[Part] = []
    for (title, _), wide in zip(columns, (cell - 1, cell - 1, width - 2 * cell), strict=True):
        head += [("─ ", "faint"), (f"{title} ", "dim"), ("─" * (wide - len(title) - 3), "faint")]
        head.append((" ", "text"))
    del head[-1]
    if stats is None:
        return [head, (("no figures yet", "dim"),), *([()] * (STATS_ROWS - 2))]
    rows: list[Row] = [head]
    for y in range(STATS_ROWS - 1):
        row: list[Part] = []
        for _, items in columns:
            label, value, tone = items[y] if y < len(items) else ("", "", "text")
            row += [(fit(label, label_cells), "dim"), (fit(value, cell - label_cells), tone)]
        rows.append(row)
    return rows


def _stats_columns(
    stats: StatsEvent, of: str
) -> tuple[tuple[str, tuple[tuple[str, str, Tone], ...]], ...]:
    network = "—" if stats.network_ms is None else f"{stats.network_ms:.0f} ms"
    drift = "—" if stats.drift_ppm is None else f"{stats.drift_ppm:+.1f} ppm"
    delay: tuple[tuple[str, str, Tone], ...] = (
        ("network", network, "text"),
        ("jitter", f"{stats.packet_ms + stats.jitter_buffer_ms:.0f} ms", "text"),
        ("resampler", f"{stats.resampler_ms:.0f} ms", "text"),
        ("ring", f"{stats.buffer_ms:.0f}{of}{stats.target_ms:.0f} ms", "text"),
        ("device", f"{stats.device_latency_ms:.0f} ms", "text"),
        ("total", f"{stats.delay_ms:.0f} ms", "strong"),
    )
    faults = (
        _fault("underruns", stats.underruns),
        _fault("card dry", stats.device_underflows),
        _fault("concealed", round(stats.concealed_ms), " ms"),
        _fault("trimmed", round(stats.trimmed_frames / FRAMES_PER_MS), " ms"),
    )
    callback: tuple[tuple[str, str, Tone], ...] = (
        ("p99", f"{stats.callback_p99_ms:.2f} ms", "text"),
        ("p99.9", f"{stats.callback_p999_ms:.2f} ms", "text"),
        ("longest", f"{stats.callback_longest_ms:.2f} ms", "text"),
        ("drift", drift, "text"),
    )
    return (("delay", delay), ("faults", faults), ("callback, clock", callback))


def _fault(label: str, count: int, unit: str = "") -> tuple[str, str, Tone]:
    """Return a counter that should stay at 0, marked when it does not."""
    return (label, f"{count}{unit}", "hold" if count else "text")

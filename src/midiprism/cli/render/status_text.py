"""How a result stands, for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    format_size,
    pluralize,
    printable_path,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.results.status import LiveRate, ResultStatus, RunStatus

_STALLED_SECONDS = 30.0
_OUTCOME_MEANINGS = {
    "split": "their tracks are stored",
    "repaired": "the same, after damage was mended",
    "no_notes": "nothing in them plays",
    "adopted": "split by the owner of a library that was taken over",
    "corrupt": "no MIDI, or beyond a limit",
    "unreadable": "their bytes cannot be had",
    "failed": "midiprism itself failed on them",
}


def status_lines(status: "ResultStatus", out: str, quoted_result: str) -> Iterator[str]:
    """What ``status`` prints, line by line; names in it are safe to show.

    Args:
        place: the result as a command takes it.
    """
    yield _headline(status, out)
    if len(status.active_runs) > 1:
        for run in status.active_runs:
            assert run.live_rate is not None
            yield f"  run {run.id}: {_format_progress(run, run.live_rate)}"
    if not status.runs:
        if not status.locked:
            yield "Run the same `midiprism split` again."
        return
    yield from _total_lines(status)
    yield "Outcomes:"
    outcomes = status.inventory.counts.outcomes
    known = [outcome for outcome in _OUTCOME_MEANINGS if outcome in outcomes]
    for outcome in [*known, *sorted(outcomes.keys() - known)]:
        yield _format_count(outcome, outcomes[outcome], _OUTCOME_MEANINGS.get(outcome, ""))
    yield "Runs, the last first:"
    yield from _table_lines([_COLUMN_TITLES, *(_run_row(run) for run in status.runs)])
    yield from _failure_lines(status)
    yield from _next_step_lines(status, quoted_result)


def resume_command(status: "ResultStatus", quoted_result: str) -> str | None:
    """The command that does what the last run left; None if it left nothing."""
    return None if status.resume_arguments is None else _split_command(status.resume_arguments, quoted_result)


def retry_command(status: "ResultStatus", quoted_result: str) -> str | None:
    """The command that tries again what failed; None if nothing did."""
    holdings = status.inventory
    return (
        _split_command(holdings.failed_sources, quoted_result) + " --retry-failed"
        if holdings.failures
        else None
    )


def _headline(status: "ResultStatus", out: str) -> str:
    where = printable_path(out)
    if len(status.active_runs) > 1 and status.live_rate is not None:
        return f"{where}: {len(status.active_runs)} runs are on, {status.live_rate.rate:,.0f} songs/s"
    for run in status.active_runs:
        if run.live_rate is not None:
            return f"{where}: run {run.id} is on, {_format_progress(run, run.live_rate)}"
    if status.locked:
        return f"{where}: a process holds it for writing, and has recorded no run of its own"
    if not status.runs:
        return f"{where}: nothing is recorded yet"
    last = status.runs[0]
    verb = "is" if last.state == "done" else "was"
    return f"{where}: no run is on; run {last.id} {verb} {escape_unprintable(last.state)}"


def _format_progress(run: "RunStatus", throughput: "LiveRate") -> str:
    parts = [pluralize(run.songs_seen, "song")]
    if run.songs_total:
        share = 100 * min(run.songs_seen, run.songs_total) / run.songs_total
        parts = [f"{run.songs_seen:,} of {pluralize(run.songs_total, 'song')}", f"{share:.0f} %"]
    parts.append(f"{throughput.rate:,.0f} songs/s")
    if throughput.eta_seconds is not None:
        parts.append(f"{format_clock(throughput.eta_seconds)} left")
    if throughput.seconds_since_commit >= _STALLED_SECONDS:
        parts.append(f"nothing committed for {format_clock(throughput.seconds_since_commit)}")
    return ", ".join(parts)


def _total_lines(status: "ResultStatus") -> Iterator[str]:
    holdings, counts = status.inventory, status.inventory.counts
    yield _format_count("songs", holdings.songs, f"known by content, at {pluralize(counts.paths, 'path')}")
    gone = holdings.songs - counts.songs_with_path
    if gone > 0:
        yield _format_count("gone", gone, "of them are at no path any more: their files changed")
    where = (
        "files"
        if not counts.shards
        else f"in {pluralize(counts.shards, 'Parquet file')} of {format_size(counts.shard_bytes)}"
    )
    yield _format_count("tracks", counts.tracks, f"{where}, {format_size(counts.track_bytes)}")
    share = f"{100 * holdings.duplicate_share:.1f} % are duplicates"
    yield _format_count("links", counts.links, f"from songs to tracks; {share}")


def _failure_lines(status: "ResultStatus") -> Iterator[str]:
    groups = status.inventory.failures
    folders = status.runs[0].folders_failed
    if groups or folders:
        yield "Failed:"
    if folders:
        yield _format_count("folder", folders, f"folders that run {status.runs[0].id} could not read")
    for group in groups:
        yield _format_count(group.code, group.count, group.outcome)
        for path, message in group.examples:
            yield f"    {printable_path(path)}: {escape_unprintable(message)}"
        if group.count > len(group.examples):
            yield f"    and {group.count - len(group.examples):,} more"


def _next_step_lines(status: "ResultStatus", quoted_result: str) -> Iterator[str]:
    command = resume_command(status, quoted_result)
    if command is not None:
        left = "not counted" if status.songs_left is None else pluralize(status.songs_left, "song")
        yield f"Still to come when run {status.runs[0].id} ended: {left}. To go on:"
        yield f"  {command}"
    again = retry_command(status, quoted_result)
    if again is not None:
        yield "To name all that failed, and to try it again:"
        yield f"  midiprism status {quoted_result} --failed"
        yield f"  {again}"


def _split_command(sources: Sequence[str], quoted_result: str) -> str:
    return f"midiprism split {' '.join(map(shell_quote, sources)) or 'SOURCE...'} -o {quoted_result}"


def _format_count(name: str, number: int, meaning: str) -> str:
    return f"  {escape_unprintable(name):<12} {number:>10,}  {meaning}".rstrip()


_COLUMN_TITLES = (
    "run",
    "started",
    "state",
    "took",
    "done",
    "skipped",
    "failed",
    "new tracks",
    "songs/s",
    "workers",
    "batch",
)
_LEFT_ALIGNED = ("started", "state")


def _run_row(run: "RunStatus") -> tuple[str, ...]:
    started = datetime.fromisoformat(run.started_at).astimezone()
    return (
        str(run.id),
        f"{started:%Y-%m-%d %H:%M:%S}",
        escape_unprintable(run.state),
        format_clock(run.seconds),
        f"{run.songs_done:,}",
        f"{run.songs_skipped:,}",
        f"{run.songs_failed:,}",
        f"{run.tracks_new:,}",
        f"{run.rate:,.0f}",
        "auto" if run.workers is None else str(run.workers),
        "auto" if run.batch_size is None else str(run.batch_size),
    )


def _table_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their cells in columns: words at the left, numbers at the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if head in _LEFT_ALIGNED else cell.rjust(width)
            for cell, width, head in zip(row, widths, _COLUMN_TITLES, strict=True)
        )
        yield f"  {'  '.join(cells)}"

"""Describe the status of a result in words."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from midiprism.cli.render.failure_advice import failure_advice
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    format_count,
    format_size,
    pluralize,
    printable_path,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.catalog.queries.run_history import ListedPath
    from midiprism.results.status import LiveRate, ResultStatus, RunStatus

_STALLED_SECONDS = 30.0
OUTCOME_MEANINGS = {
    "split": "their tracks are stored",
    "repaired": "the same, after damage was repaired",
    "no_notes": "they contain no notes",
    "adopted": "split by the owner of an adopted library",
    "corrupt": "not MIDI, not readable, or beyond a limit",
    "unreadable": "they cannot be read",
    "failed": "midiprism itself failed on them",
}


def status_lines(status: "ResultStatus", out: str, quoted_result: str) -> Iterator[str]:
    """Yield the lines of ``midiprism status``, safe to print.

    Args:
        out: the folder of the result.
        quoted_result: the result as the arguments of a command.
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
    known = [outcome for outcome in OUTCOME_MEANINGS if outcome in outcomes]
    for outcome in [*known, *sorted(outcomes.keys() - known)]:
        yield format_count(outcome, outcomes[outcome], OUTCOME_MEANINGS.get(outcome, ""))
    counts = status.inventory.counts
    if counts.songs_with_loss:
        yield format_count(
            "lost music",
            counts.songs_with_loss,
            f"songs of which damage has cost music; {counts.lost_bytes:,} bytes were not understood",
            one=f"song of which damage has cost music; {counts.lost_bytes:,} bytes were not understood",
        )
    yield "Runs, latest first:"
    yield from _table_lines([_COLUMN_TITLES, *(_run_row(run) for run in status.runs)])
    yield from _failure_lines(status)
    yield from _next_step_lines(status, quoted_result)


def resume_command(status: "ResultStatus", quoted_result: str) -> str | None:
    """Return the command that completes the last run; None if it is complete."""
    return None if status.resume_arguments is None else _split_command(status.resume_arguments, quoted_result)


def retry_command(status: "ResultStatus", quoted_result: str) -> str | None:
    """Return the command that retries what failed; None if nothing did."""
    if not status.inventory.failures:
        return None
    return f"{_split_command(status.inventory.failed_sources, quoted_result)} --retry-failed"


def _headline(status: "ResultStatus", out: str) -> str:
    folder = printable_path(out)
    if len(status.active_runs) > 1 and status.live_rate is not None:
        return f"{folder}: {len(status.active_runs)} runs are active, {status.live_rate.rate:,.0f} songs/s"
    for run in status.active_runs:
        if run.live_rate is not None:
            return f"{folder}: run {run.id} is active, {_format_progress(run, run.live_rate)}"
    if status.locked:
        return f"{folder}: another process has it locked for writing, and has recorded no run yet"
    if not status.runs:
        return f"{folder}: nothing is recorded yet"
    last = status.runs[0]
    verb = "is" if last.state == "done" else "was"
    return f"{folder}: no run is active; run {last.id} {verb} {escape_unprintable(last.state)}"


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
    counts = status.inventory.counts
    yield format_count(
        "songs", status.inventory.songs, f"known by content, at {pluralize(counts.paths, 'path')}"
    )
    without_path = status.inventory.songs - counts.songs_with_path
    if without_path > 0:
        yield format_count(
            "gone",
            without_path,
            "of them are at no path any more: their files are gone or were changed",
            one="of them is at no path any more: its file is gone or was changed",
        )
    store = "files"
    if counts.shards:
        store = f"in {pluralize(counts.shards, 'Parquet file')} of {format_size(counts.shard_bytes)}"
    yield format_count("tracks", counts.tracks, f"{store}, {format_size(counts.track_bytes)}")
    percent = f"{100 * status.inventory.duplicate_share:.1f} %"
    yield format_count("links", counts.links, f"from songs to tracks; {percent} are duplicates")


def _failure_lines(status: "ResultStatus") -> Iterator[str]:
    groups = status.inventory.failures
    folders = status.runs[0].folders_failed
    if groups or folders:
        yield "Failed:"
    if folders:
        run = status.runs[0].id
        yield format_count(
            "folder",
            folders,
            f"folders that run {run} could not read",
            one=f"folder that run {run} could not read",
        )
    for group in groups:
        advice = failure_advice(group.code)
        yield format_count(group.code, group.count, f"{group.outcome}; {advice}" if advice else group.outcome)
        for path, message in group.examples:
            yield f"    {printable_path(path)}: {escape_unprintable(message)}"
        if group.count > len(group.examples):
            yield f"    and {group.count - len(group.examples):,} more"


def _next_step_lines(status: "ResultStatus", quoted_result: str) -> Iterator[str]:
    command = resume_command(status, quoted_result)
    if command is not None and status.last_run is not None:
        left = "not counted" if status.songs_left is None else pluralize(status.songs_left, "song")
        yield f"Left when run {status.last_run.id} ended: {left}. To continue:"
        yield f"  {command}"
    if status.inventory.counts.songs_with_loss:
        yield "To list the songs that have lost music:"
        yield f"  midiprism status {quoted_result} --lost"
    retry = retry_command(status, quoted_result)
    if retry is not None:
        yield "To list everything that failed, and to retry it:"
        yield f"  midiprism status {quoted_result} --failed"
        yield f"  {retry}"


def _split_command(sources: Sequence[str], quoted_result: str) -> str:
    return f"midiprism split {' '.join(map(shell_quote, sources)) or 'SOURCE...'} -o {quoted_result}"


_COLUMN_TITLES = (
    "run",
    "started",
    "command",
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
_LEFT_ALIGNED = ("started", "command", "state")
_COMMANDS = {"undo": "forget --undo", "repair": "verify --repair"}


def _run_row(run: "RunStatus") -> tuple[str, ...]:
    started = datetime.fromisoformat(run.started_at).astimezone()
    return (
        str(run.id),
        f"{started:%Y-%m-%d %H:%M:%S}",
        _command_of(run),
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


def _command_of(run: "RunStatus") -> str:
    """Return the command of a run as users give it."""
    if run.command == "split" and run.songs_removed:
        return "split --prune"
    return _COMMANDS.get(run.command, escape_unprintable(run.command))


def _table_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows as text with aligned columns: words to the left, numbers to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if title in _LEFT_ALIGNED else cell.rjust(width)
            for cell, width, title in zip(row, widths, _COLUMN_TITLES, strict=True)
        )
        yield f"  {'  '.join(cells)}"


def failed_song_text(paths: Iterator["ListedPath"]) -> Iterator[str]:
    """Yield the pieces of a line for a failed song, path by path: a song may have many paths."""
    first = next(paths)
    yield "\t".join([first.outcome, first.code, escape_unprintable(first.message)])
    yield from _path_pieces(first, paths)


def lossy_song_text(paths: Iterator["ListedPath"]) -> Iterator[str]:
    """Yield the pieces of a line for a song that has lost music, path by path."""
    first = next(paths)
    yield f"{first.outcome}\t{first.lost_bytes or 0:,} bytes lost"
    yield from _path_pieces(first, paths)


def _path_pieces(first: "ListedPath", others: Iterator["ListedPath"]) -> Iterator[str]:
    yield f"\t{printable_path(first.path)}"
    for listed in others:
        yield f"\t{printable_path(listed.path)}"
    yield "\n"

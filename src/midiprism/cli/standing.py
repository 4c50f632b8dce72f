"""How a result stands, for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from midiprism.cli.terminal import clean, clean_path, clock, plural, quoted, size

if TYPE_CHECKING:
    from midiprism.run.status import Pace, RunStatus, Status

_QUIET_SECONDS = 30.0
_OUTCOMES = {
    "split": "their tracks are stored",
    "repaired": "the same, after damage was mended",
    "no_notes": "nothing in them plays",
    "adopted": "split by the owner of a library that was taken over",
    "corrupt": "no MIDI, or beyond a limit",
    "unreadable": "their bytes cannot be had",
    "failed": "midiprism itself failed on them",
}


def lines(status: "Status", out: str, place: str) -> Iterator[str]:
    """What ``status`` prints, line by line; names in it are safe to show.

    Args:
        place: the result as a command takes it.
    """
    yield _headline(status, out)
    if len(status.on) > 1:
        for run in status.on:
            assert run.pace is not None
            yield f"  run {run.id}: {_how_far(run, run.pace)}"
    if not status.runs:
        if not status.held:
            yield "Run the same `midiprism split` again."
        return
    yield from _totals(status)
    yield "Outcomes:"
    outcomes = status.holdings.counts.outcomes
    known = [outcome for outcome in _OUTCOMES if outcome in outcomes]
    for outcome in [*known, *sorted(outcomes.keys() - known)]:
        yield _figure(outcome, outcomes[outcome], _OUTCOMES.get(outcome, ""))
    yield "Runs, the last first:"
    yield from _table([_HEADS, *(_row(run) for run in status.runs)])
    yield from _failures(status)
    yield from _next(status, place)


def to_go_on(status: "Status", place: str) -> str | None:
    """The command that does what the last run left; None if it left nothing."""
    return None if status.to_go_on is None else _command(status.to_go_on, place)


def to_retry(status: "Status", place: str) -> str | None:
    """The command that tries again what failed; None if nothing did."""
    holdings = status.holdings
    return _command(holdings.failed_sources, place) + " --retry-failed" if holdings.failures else None


def _headline(status: "Status", out: str) -> str:
    where = clean_path(out)
    if len(status.on) > 1 and status.pace is not None:
        return f"{where}: {len(status.on)} runs are on, {status.pace.rate:,.0f} songs/s"
    for run in status.on:
        if run.pace is not None:
            return f"{where}: run {run.id} is on, {_how_far(run, run.pace)}"
    if status.held:
        return f"{where}: a process holds it for writing, and has recorded no run of its own"
    if not status.runs:
        return f"{where}: nothing is recorded yet"
    last = status.runs[0]
    verb = "is" if last.state == "done" else "was"
    return f"{where}: no run is on; run {last.id} {verb} {clean(last.state)}"


def _how_far(run: "RunStatus", pace: "Pace") -> str:
    parts = [plural(run.parents_seen, "song")]
    if run.parents_total:
        share = 100 * min(run.parents_seen, run.parents_total) / run.parents_total
        parts = [f"{run.parents_seen:,} of {plural(run.parents_total, 'song')}", f"{share:.0f} %"]
    parts.append(f"{pace.rate:,.0f} songs/s")
    if pace.eta_seconds is not None:
        parts.append(f"{clock(pace.eta_seconds)} left")
    if pace.quiet_seconds >= _QUIET_SECONDS:
        parts.append(f"nothing committed for {clock(pace.quiet_seconds)}")
    return ", ".join(parts)


def _totals(status: "Status") -> Iterator[str]:
    holdings, counts = status.holdings, status.holdings.counts
    yield _figure("songs", holdings.songs, f"known by content, at {plural(counts.paths, 'path')}")
    gone = holdings.songs - counts.songs_at_paths
    if gone > 0:
        yield _figure("gone", gone, "of them are at no path any more: their files changed")
    where = (
        "files"
        if not counts.shards
        else f"in {plural(counts.shards, 'Parquet file')} of {size(counts.shard_bytes)}"
    )
    yield _figure("tracks", counts.tracks, f"{where}, {size(counts.bytes)}")
    share = f"{100 * holdings.duplicates:.1f} % are duplicates"
    yield _figure("links", counts.links, f"from songs to tracks; {share}")


def _failures(status: "Status") -> Iterator[str]:
    groups = status.holdings.failures
    folders = status.runs[0].folders_failed
    if groups or folders:
        yield "Failed:"
    if folders:
        yield _figure("folder", folders, f"folders that run {status.runs[0].id} could not read")
    for group in groups:
        yield _figure(group.code, group.count, group.outcome)
        for path, message in group.examples:
            yield f"    {clean_path(path)}: {clean(message)}"
        if group.count > len(group.examples):
            yield f"    and {group.count - len(group.examples):,} more"


def _next(status: "Status", place: str) -> Iterator[str]:
    command = to_go_on(status, place)
    if command is not None:
        left = "not counted" if status.left is None else plural(status.left, "song")
        yield f"Still to come when run {status.runs[0].id} ended: {left}. To go on:"
        yield f"  {command}"
    again = to_retry(status, place)
    if again is not None:
        yield "To name all that failed, and to try it again:"
        yield f"  midiprism status {place} --failed"
        yield f"  {again}"


def _command(sources: Sequence[str], place: str) -> str:
    return f"midiprism split {' '.join(map(quoted, sources)) or 'SOURCE...'} -o {place}"


def _figure(name: str, number: int, meaning: str) -> str:
    return f"  {clean(name):<12} {number:>10,}  {meaning}".rstrip()


_HEADS = (
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
_TEXTS = ("started", "state")


def _row(run: "RunStatus") -> tuple[str, ...]:
    started = datetime.fromisoformat(run.started_at).astimezone()
    return (
        str(run.id),
        f"{started:%Y-%m-%d %H:%M:%S}",
        clean(run.state),
        clock(run.seconds),
        f"{run.parents_done:,}",
        f"{run.parents_skipped:,}",
        f"{run.parents_failed:,}",
        f"{run.tracks_new:,}",
        f"{run.rate:,.0f}",
        "auto" if run.workers is None else str(run.workers),
        "auto" if run.batch_size is None else str(run.batch_size),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their cells in columns: words at the left, numbers at the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if head in _TEXTS else cell.rjust(width)
            for cell, width, head in zip(row, widths, _HEADS, strict=True)
        )
        yield f"  {'  '.join(cells)}"

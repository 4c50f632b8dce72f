"""Describe an audit and its progress in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import escape_unprintable, format_count, pluralize, printable_path

if TYPE_CHECKING:
    from midiprism.adopt.audit_report import AuditFinding, AuditProgress, AuditReport

_MAX_SHOWN = 5
_NAME_WIDTH = 14
_INDENT = " " * 16


def format_progress(progress: "AuditProgress") -> str:
    """Return the progress of an audit in words."""
    parts = [f"songs: {progress.seen:,} of {progress.total:,}"]
    if progress.total:
        parts.append(f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %")
    parts.append(f"{pluralize(progress.tracks_compared, 'track')} compared")
    if progress.wrong_time:
        parts.append(f"{progress.wrong_time:,} at the wrong time")
    return ", ".join(parts)


def audit_lines(report: "AuditReport", library: str, *, verbose: bool) -> Iterator[str]:
    """Yield what an audit found.

    Args:
        library: the address of the database.
        verbose: whether to list all findings that the report holds.
    """
    from midiprism.adopt.audit_report import FINDING_KINDS

    yield f"{escape_unprintable(library)}: {_headline(report)}"
    yield _count("songs", report.songs, f"audited, of {report.songs_total:,} that their owner has split")
    yield _count(
        "links", report.links, "rows of track_splits for these songs", "row of track_splits for these songs"
    )
    yield _count(
        "compared",
        report.tracks_compared,
        "tracks compared with those of their songs",
        "track compared with that of its song",
    )
    yield _count(
        "correct",
        report.tracks_correct,
        "of those have the same notes at the same times",
        "of those has the same notes at the same times",
    )
    wrong_share = report.wrong_share
    for kind, meaning in FINDING_KINDS.items():
        count = report.counts.get(kind, 0)
        if kind == "wrong_time" and wrong_share is not None:
            meaning = f"{meaning}: {100 * wrong_share:.2f} % of those compared{_format_margin(report)}"
        if kind == "not_linked":
            meaning = f"{meaning}, of {report.tracks_expected:,}"
        if count or kind == "wrong_time":
            yield _count(kind.replace("_", " "), count, meaning)
        examples = report.examples.get(kind, [])
        yield from _finding_lines(examples if verbose else examples[:_MAX_SHOWN], count)
    yield f"Nothing was written. {report.seconds:.1f} s"


def _count(name: str, count: int, meaning: str, one: str = "") -> str:
    return format_count(name, count, meaning, one=one, width=_NAME_WIDTH)


def _headline(report: "AuditReport") -> str:
    if report.stopped:
        return "stopped before the end"
    if not report.songs_total:
        return "no song of this library has been split"
    if set(report.counts) - {"not_linked"}:
        return "not every track is correct"
    return "every track is correct" + (", and not every track is linked" if report.counts else "")


def _format_margin(report: "AuditReport") -> str:
    margin = report.margin_of_error
    return "" if report.sample_share == 1 or margin is None else f" (whole library: ± {100 * margin:.2f})"


def _finding_lines(findings: "list[AuditFinding]", count: int) -> Iterator[str]:
    for finding in findings:
        place = printable_path(finding.path)
        if finding.path != finding.song_path and finding.track_number is not None:
            place = f"{place}, track {finding.track_number} of {printable_path(finding.song_path)}"
        yield f"{_INDENT}{place}: {escape_unprintable(finding.message)}"
    if 0 < len(findings) < count:
        yield f"{_INDENT}and {count - len(findings):,} more"

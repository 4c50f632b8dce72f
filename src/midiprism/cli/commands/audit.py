"""``midiprism audit``: how well another program split the songs of its library."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.adopt_options import PathMapOption, format_count, require_database
from midiprism.cli.commands.verify import parse_share
from midiprism.cli.database import DatabaseOption, SchemaOption
from midiprism.cli.interrupt import interruptible
from midiprism.cli.render.terminal import escape_unprintable, make_console, pluralize, printable_path

if TYPE_CHECKING:
    from midiprism.adopt.audit_report import AuditFinding, AuditProgress, AuditReport

_MAX_SHOWN = 5


def audit(
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Look at a share of the songs only, such as 5%."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Which songs a sample holds; the same number gives the same.")
    ] = 0,
    path_map: PathMapOption = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the findings as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no summary; the exit code says it.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Name everything found, as far as remembered (100 of a kind)."),
    ] = False,
) -> None:
    """Compare the splits of a library that another program keeps with the songs they were made from.

    Only reads. Tells which play at the wrong time, have lost events, are missing or damaged, and which tracks
    were never linked. The exit code is 1 where something was found.
    """
    from midiprism.adopt.audit import audit_library
    from midiprism.sources.path_map import parse_path_map as parsed

    address, paths = require_database(database, schema), parsed(path_map or ())
    part = 1.0 if sample is None else parse_share(sample)

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            listener = stack.enter_context(progress_bar(format_progress))
        found = audit_library(
            address, paths, sample_share=part, seed=seed, stop=stop, on_compile=compiling, listener=listener
        )
    if not quiet:
        screen = make_console(stderr=as_json)
        for line in _lines(found, str(address), verbose=verbose):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    if found.stopped:
        raise typer.Exit(stop.exit_code)
    raise typer.Exit(0 if found.ok else 1)


def format_progress(progress: "AuditProgress") -> str:
    """How far an audit is, in words."""
    parts = [f"songs: {progress.seen:,} of {progress.total:,}"]
    if progress.total:
        parts.append(f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %")
    parts.append(f"{pluralize(progress.tracks_compared, 'split')} compared")
    if progress.wrong_time:
        parts.append(f"{progress.wrong_time:,} at the wrong time")
    return ", ".join(parts)


def _lines(report: "AuditReport", where: str, *, verbose: bool) -> Iterator[str]:
    from midiprism.adopt.audit_report import FINDING_KINDS

    yield f"{escape_unprintable(where)}: {_headline(report)}"
    yield format_count("songs", report.songs, f"looked at, of {report.songs_total:,} that have splits")
    yield format_count("links", report.links, "rows of track_splits that they have")
    yield format_count("compared", report.tracks_compared, "splits with their tracks")
    yield format_count("right", report.tracks_correct, "of those: the notes of their track, each at its time")
    wrong = report.wrong_share
    for kind, meaning in FINDING_KINDS.items():
        count = report.counts.get(kind, 0)
        if kind == "wrong_time" and wrong is not None:
            meaning = f"{meaning}: {100 * wrong:.2f} % of those compared{_format_margin(report)}"
        if kind == "not_linked":
            meaning = f"{meaning}, of {report.tracks_expected:,}"
        if count or kind == "wrong_time":
            yield format_count(kind.replace("_", " "), count, meaning)
        shown = report.examples.get(kind, [])
        yield from _finding_lines(shown if verbose else shown[:_MAX_SHOWN], count)
    yield f"Nothing was written. {report.seconds:.1f} s"


def _headline(report: "AuditReport") -> str:
    if report.stopped:
        return "stopped before the end"
    if not report.songs_total:
        return "no song of this library has splits"
    if set(report.counts) - {"not_linked"}:
        return "not every split is right"
    return "every split is right" + (", and not every track is linked" if report.counts else "")


def _format_margin(report: "AuditReport") -> str:
    margin = report.margin_of_error
    return "" if report.sample_share == 1 or margin is None else f" (of all: ± {100 * margin:.2f})"


def _finding_lines(findings: "list[AuditFinding]", count: int) -> Iterator[str]:
    for finding in findings:
        place = printable_path(finding.path)
        if finding.path != finding.song_path and finding.track_number is not None:
            place = f"{place}, track {finding.track_number} of {printable_path(finding.song_path)}"
        yield f"{'':16}{place}: {escape_unprintable(finding.message)}"
    if 0 < len(findings) < count:
        yield f"{'':16}and {count - len(findings):,} more"

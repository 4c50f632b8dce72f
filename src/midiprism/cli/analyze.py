"""``midiprism analyze``: what limits a run, what would help, and by how much."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import Database, Schema, resolved
from midiprism.cli.following import followed
from midiprism.cli.terminal import console
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.advise.report import Report


def analyze(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    database: Database = None,
    schema: Schema = None,
    run: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The run with this number.  [default: the last one]"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Print it as one self-contained web page, with plots over time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")] = False,
) -> None:
    """Report on a run, which may be on or over: how far it is, what it uses, what limits it, which strategies
    would make it faster and by how much, and what to type.

    It only reads, at any time.
    """
    from midiprism.advise.report import analyze as analyzed

    if markdown + html + as_json > 1:
        raise UsageError("--markdown, --html and --json exclude each other.")
    out = followed(out)
    report = analyzed(out, resolved(database, schema, out), run)
    if as_json:
        typer.echo(json.dumps(facts(report)))
        return
    from midiprism.advise.sections import sections

    told = sections(report)
    if html:
        from midiprism.cli.analysis_html import page

        typer.echo(page(f"midiprism: {told[0].title}", told, report.points), nl=False)
        return
    from midiprism.cli import analysis_text

    if markdown:
        typer.echo(analysis_text.markdown(told), nl=False)
        return
    screen = console()
    for part in analysis_text.drawn(told):
        screen.print(part, soft_wrap=False)  # a command stays on one line, to be copied


def facts(report: "Report") -> dict[str, Any]:
    """The report, as ``--json`` has it."""
    from dataclasses import asdict

    run, found = report.run, report.bottleneck
    return {
        "progress": {
            "run": run.id,
            "state": run.state,
            "running": report.running,
            "started_at": run.started_at,
            "elapsed_seconds": round(run.seconds, 3),
            "songs": run.parents_seen,
            "songs_total": run.parents_total,
            "songs_done": run.parents_done,
            "songs_skipped": run.parents_skipped,
            "songs_failed": run.parents_failed,
            "songs_left": run.left,
            "tracks": run.tracks,
            "tracks_new": run.tracks_new,
            "bytes_written": run.bytes_written,
        },
        "resources": [asdict(use) | {"headroom": use.headroom} for use in report.uses],
        "settings": dict(report.settings),
        "rate": report.rate,
        "eta": report.eta_seconds,
        "bottleneck": None if found is None else asdict(found),
        "evidence": [] if found is None else [list(one) for one in found.evidence],
        "strategies": [asdict(one) for one in report.strategies],
        "plans": [asdict(one) for one in report.plans],
        "decisions": [dict(one) for one in report.decisions],
        "course": [point.as_dict() for point in report.points],
    }

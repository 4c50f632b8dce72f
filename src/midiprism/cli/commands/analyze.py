"""``midiprism analyze``: what limits a run, what would help, and by how much."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, resolve_database
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import make_console
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.advise.report.report import RunReport


def analyze(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    database: DatabaseOption = None,
    schema: SchemaOption = None,
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
    from midiprism.advise.report.report import analyze_run as analyzed

    if markdown + html + as_json > 1:
        raise UsageError("--markdown, --html and --json exclude each other.")
    out = follow_relocation(out)
    report = analyzed(out, resolve_database(database, schema, out), run)
    if as_json:
        typer.echo(json.dumps(to_json(report)))
        return
    from midiprism.advise.report.document import build_sections

    told = build_sections(report)
    if html:
        from midiprism.cli.render.analysis_html import render_html

        typer.echo(render_html(f"midiprism: {told[0].title}", told, report.points), nl=False)
        return
    from midiprism.cli.render import analysis_text

    if markdown:
        typer.echo(analysis_text.render_markdown(told), nl=False)
        return
    screen = make_console()
    for part in analysis_text.render_rich(told):
        screen.print(part, soft_wrap=False)  # a command stays on one line, to be copied


def to_json(report: "RunReport") -> dict[str, Any]:
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
            "songs": run.songs_seen,
            "songs_total": run.songs_total,
            "songs_done": run.songs_done,
            "songs_skipped": run.songs_skipped,
            "songs_failed": run.songs_failed,
            "songs_left": run.songs_left,
            "tracks": run.tracks,
            "tracks_new": run.tracks_new,
            "bytes_written": run.bytes_written,
        },
        "resources": [asdict(use) | {"headroom": use.headroom} for use in report.utilizations],
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

"""``midiprism analyze``: report what limits a run, what would help, and by how much."""

from typing import Annotated

import typer

from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.render.terminal import make_console, print_json
from midiprism.cli.result_location import locate
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url


def analyze(
    out: ReadableOutArgument,
    catalog: CatalogOptions,
    run: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Report on the run with this number.  [default: the last one]"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")] = False,
    html: Annotated[
        bool,
        typer.Option("--html", help="Print the report as one self-contained web page, with plots over time."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Report on a run, active or finished: its progress, what it uses, what limits it, which strategies would
    make it faster and by how much, and the commands for them.

    Nothing is written, and it works at any time.
    """
    from midiprism.advise.report.document import build_sections
    from midiprism.advise.report.report import analyze_run

    if markdown + html + as_json > 1:
        raise UsageError("--markdown, --html and --json exclude each other.")
    if is_storage_url(out):
        from midiprism.cli.commands.storage_results import require_unused

        require_unused(
            database=catalog.database, schema=catalog.schema, run=run, markdown=markdown, html=html
        )
        _analyze_in_storage(out, as_json=as_json)
        return
    result = locate(out, catalog, quiet=quiet)
    report = analyze_run(result.folder, result.database, run)
    if as_json:
        from midiprism.advise.report.report_json import report_to_json

        print_json(report_to_json(report))
        return
    sections = build_sections(report)
    if html:
        from midiprism.cli.render.analysis_html import render_html

        page = render_html(f"midiprism: {sections[0].title}", sections, report.timeline)
        typer.echo(page, nl=False)
        return
    from midiprism.cli.render import analysis_text

    if markdown:
        typer.echo(analysis_text.render_markdown(sections), nl=False)
        return
    console = make_console()
    for part in analysis_text.render_rich(sections):
        console.print(part.content, soft_wrap=part.on_one_line)


def _analyze_in_storage(url: str, *, as_json: bool) -> None:
    from midiprism.cli.render.bottleneck_text import clocks_table, limits_lines, limits_table, limits_to_json
    from midiprism.generations.bottleneck import analyze_generation

    limits = analyze_generation(url)
    if as_json:
        print_json(limits_to_json(limits))
        return
    console = make_console()
    if limits.passes:
        console.print(limits_table(limits))
        console.print(clocks_table(limits))
    for line in limits_lines(limits):
        console.print(line, markup=False, highlight=False, soft_wrap=True)

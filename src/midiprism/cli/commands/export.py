"""``midiprism export``: a tree of tracks for people."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, resolve_database
from midiprism.cli.interrupt import interruptible
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import format_size, make_console, pluralize, print_message, printable_path
from midiprism.cli.selection import (
    ChannelOption,
    FamilyOption,
    InstrumentOption,
    NameOption,
    NotesOption,
    SongOption,
    parse_selection,
)

if TYPE_CHECKING:
    from midiprism.export.export import Export

_MAX_SHOWN = 5


def export(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    to: Annotated[
        str, typer.Option("--to", metavar="DIR", help="Folder of the tree; made where there is none.")
    ],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="song|instrument|TEMPLATE",
            help="A folder per song, folders per family and instrument, or a template such as "
            "'{family}/{song} {track:02} {name}.mid'.",
        ),
    ] = "song",
    instrument: InstrumentOption = None,
    family: FamilyOption = None,
    song: SongOption = None,
    name: NameOption = None,
    notes: NotesOption = None,
    channel: ChannelOption = None,
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    hardlink: Annotated[
        bool,
        typer.Option(
            "--hardlink",
            help="Link files instead of copying them: they take no space, and are read-only, being the "
            "store's own.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No summary; errors only.")] = False,
) -> None:
    """Make a tree of the tracks, or of those that the filters select, under names of your choice.

    Files that are there are left as they are, so the same command can be given again.
    """
    from midiprism.export.export import export_tracks
    from midiprism.export.path_template import PathTemplate

    template = PathTemplate(by)
    wanted = parse_selection(instrument, family, song, name, notes, channel)
    out = follow_relocation(out, quiet=quiet)
    address = resolve_database(database, schema, out)
    with interruptible("Stopping after the file in hand.") as stop:
        done = export_tracks(
            out, to, template, wanted, database=address, hardlink=hardlink, dry_run=dry_run, stop=stop
        )
        interrupted = stop()
    _print_summary(done, as_json=as_json, quiet=quiet)
    if interrupted:
        print_message("Stopped before the end; the same command goes on.")
        raise typer.Exit(130)
    raise typer.Exit(1 if done.failed else 0)


def _print_summary(summary: "Export", *, as_json: bool, quiet: bool) -> None:
    for path, message in summary.failures[:_MAX_SHOWN]:
        print_message(f"{path}: {message}")
    rest = summary.files_differing + summary.files_failed - _MAX_SHOWN
    if rest > 0:
        print_message(f"and {rest:,} more.")
    if not quiet:
        screen = make_console(stderr=as_json)
        what = "Would write" if summary.dry_run else "Wrote"
        screen.print(
            f"{what} {pluralize(summary.files_new, 'file')} ({format_size(summary.bytes)}) in {printable_path(summary.to)}; "
            f"{summary.files_unchanged:,} were there already. {summary.seconds:.1f} s"
        )
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))

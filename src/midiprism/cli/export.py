"""``midiprism export``: a tree of tracks for people."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import Database, Schema, resolved
from midiprism.cli.following import followed
from midiprism.cli.interrupt import interruptible
from midiprism.cli.selection import Channel, Family, Instrument, Name, Notes, Song, selection
from midiprism.cli.terminal import clean_path, complain, console, plural, size

if TYPE_CHECKING:
    from midiprism.run.export import Export

_SHOWN = 5


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
    instrument: Instrument = None,
    family: Family = None,
    song: Song = None,
    name: Name = None,
    notes: Notes = None,
    channel: Channel = None,
    database: Database = None,
    schema: Schema = None,
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
    from midiprism.run.export import export_tracks
    from midiprism.run.template import Template

    template = Template(by)
    wanted = selection(instrument, family, song, name, notes, channel)
    out = followed(out, quiet=quiet)
    address = resolved(database, schema, out)
    with interruptible("Stopping after the file in hand.") as stop:
        done = export_tracks(
            out, to, template, wanted, database=address, hardlink=hardlink, dry_run=dry_run, stop=stop
        )
        interrupted = stop()
    _tell(done, as_json=as_json, quiet=quiet)
    if interrupted:
        complain("Stopped before the end; the same command goes on.")
        raise typer.Exit(130)
    raise typer.Exit(1 if done.failed else 0)


def _tell(done: "Export", *, as_json: bool, quiet: bool) -> None:
    for path, message in done.failures[:_SHOWN]:
        complain(f"{path}: {message}")
    rest = done.files_differing + done.files_failed - _SHOWN
    if rest > 0:
        complain(f"and {rest:,} more.")
    if not quiet:
        screen = console(stderr=as_json)
        what = "Would write" if done.dry_run else "Wrote"
        screen.print(
            f"{what} {plural(done.files_new, 'file')} ({size(done.bytes)}) in {clean_path(done.to)}; "
            f"{done.files_kept:,} were there already. {done.seconds:.1f} s"
        )
    if as_json:
        typer.echo(json.dumps(done.totals()))

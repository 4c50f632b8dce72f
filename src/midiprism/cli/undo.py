"""``midiprism catalog undo``: what a run added, taken back."""

import json
from typing import Annotated

import typer

from midiprism.cli.confirm import confirmed
from midiprism.cli.database import Database, Schema
from midiprism.cli.foreign import figure, required
from midiprism.cli.terminal import console, plural


def undo(
    run: Annotated[
        int, typer.Argument(metavar="RUN", min=1, help="The run's number, as `midiprism status` has it.")
    ],
    database: Database = None,
    schema: Schema = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what there is to take back, and write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the figures as one JSON object, the last line of the output."),
    ] = False,
) -> None:
    """Take back what a run added to a catalogue in PostgreSQL, and to a library that was taken over.

    All in one transaction. Files of tracks stay in OUT; `midiprism verify --repair` removes those that no
    song has any more.
    """
    from midiprism.catalog import PostgresAddress, open_catalog, read_catalog
    from midiprism.catalog.postgres import PostgresCatalog
    from midiprism.catalog.undo import added_by, undo_run

    address: PostgresAddress = required(database, schema)
    screen = console(stderr=as_json)
    with read_catalog(address) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        added = added_by(catalog, run)
    if dry_run:
        screen.print(f"Run {run} is to be taken back:")
        screen.print(figure("songs", added.songs, "got an outcome by it"))
        screen.print(figure("tracks", added.tracks, "were recorded by it first"))
        screen.print(figure("links", added.their_links, "rows were added to track_splits"))
        screen.print(figure("files", added.their_files, "rows were added to files"))
        screen.print(figure("replaced", added.replaced, "rows of both were taken out"))
        screen.print("Nothing was written.")
        if as_json:
            typer.echo(json.dumps({"run_id": run, "dry_run": True, **added._asdict()}))
        return
    confirmed(
        f"Take back run {run}: {plural(added.songs, 'song')}, {plural(added.their_links, 'row')} of "
        f"track_splits, {plural(added.their_files, 'row')} of files?",
        yes=yes,
    )
    with open_catalog(address) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        undone = undo_run(catalog, run)
    screen.print(f"Run {run} has been undone.")
    for name, count, meaning in (
        ("songs", undone.songs, "have no outcome any more"),
        (
            "tracks",
            undone.tracks,
            "belong to no song any more; `midiprism verify --repair` removes their files",
        ),
        ("links", undone.their_links, "rows were deleted from track_splits"),
        ("files", undone.their_files, "rows were deleted from files"),
        ("restored", undone.restored, "rows that it had taken out are back"),
        ("kept", undone.kept, "rows stay, since others refer to them"),
        ("not restored", undone.not_restored, "rows could not be put back: others have their place"),
    ):
        if count:
            screen.print(figure(name, count, meaning))
    if as_json:
        typer.echo(json.dumps({"run_id": run, "dry_run": False, **undone._asdict()}))

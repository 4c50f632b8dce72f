"""``midiprism catalog undo``: what a run added, taken back."""

import json
from typing import Annotated

import typer

from midiprism.cli.adopt_options import format_count, require_database
from midiprism.cli.confirm import require_confirmation
from midiprism.cli.database import DatabaseOption, SchemaOption
from midiprism.cli.render.terminal import make_console, pluralize


def undo(
    run: Annotated[
        int, typer.Argument(metavar="RUN", min=1, help="The run's number, as `midiprism status` has it.")
    ],
    database: DatabaseOption = None,
    schema: SchemaOption = None,
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
    from midiprism.adopt.db.undo import count_additions, undo_run
    from midiprism.catalog import PostgresAddress, open_catalog, open_read_only
    from midiprism.catalog.postgres.catalog import PostgresCatalog

    address: PostgresAddress = require_database(database, schema)
    screen = make_console(stderr=as_json)
    with open_read_only(address) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        added = count_additions(catalog, run)
    if dry_run:
        screen.print(f"Run {run} is to be taken back:")
        screen.print(format_count("songs", added.songs, "got an outcome by it"))
        screen.print(format_count("tracks", added.tracks, "were recorded by it first"))
        screen.print(format_count("links", added.foreign_links, "rows were added to track_splits"))
        screen.print(format_count("files", added.foreign_files, "rows were added to files"))
        screen.print(format_count("replaced", added.foreign_rows_replaced, "rows of both were taken out"))
        screen.print("Nothing was written.")
        if as_json:
            typer.echo(json.dumps({"run_id": run, "dry_run": True, **added._asdict()}))
        return
    require_confirmation(
        f"Take back run {run}: {pluralize(added.songs, 'song')}, {pluralize(added.foreign_links, 'row')} of "
        f"track_splits, {pluralize(added.foreign_files, 'row')} of files?",
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
        ("links", undone.foreign_links, "rows were deleted from track_splits"),
        ("files", undone.foreign_files, "rows were deleted from files"),
        ("restored", undone.foreign_rows_restored, "rows that it had taken out are back"),
        ("kept", undone.foreign_rows_kept, "rows stay, since others refer to them"),
        (
            "not restored",
            undone.foreign_rows_not_restored,
            "rows could not be put back: others have their place",
        ),
    ):
        if count:
            screen.print(format_count(name, count, meaning))
    if as_json:
        typer.echo(json.dumps({"run_id": run, "dry_run": False, **undone._asdict()}))

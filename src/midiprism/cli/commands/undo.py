"""``midiprism catalog undo``: take back what a run added."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.confirm import require_confirmation
from midiprism.cli.database import require_database
from midiprism.cli.options import CatalogOptions, DryRunOption, JsonOption, QuietOption, YesOption
from midiprism.cli.render.terminal import format_count, make_console, pluralize, print_json

if TYPE_CHECKING:
    from midiprism.adopt.db.undo import RunAdditions, UndoResult

_NAME_WIDTH = 14


def undo(
    run: Annotated[
        int, typer.Argument(metavar="RUN", min=1, help="Number of the run, as `midiprism status` shows it.")
    ],
    catalog: CatalogOptions,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take back what a run added to a catalog in PostgreSQL, and to an adopted library.

    It is one transaction. Track files stay in OUT; `midiprism verify --repair` removes those that no song has
    any more.
    """
    from midiprism.adopt.db.undo import count_additions, undo_run

    address = require_database(catalog)
    console = make_console(stderr=as_json)
    additions = count_additions(address, run)
    if dry_run:
        if not quiet:
            console.print("\n".join(_addition_lines(run, additions)))
        if as_json:
            print_json({"run_id": run, "dry_run": True, **additions._asdict()})
        return
    require_confirmation(
        f"Take back run {run}: {pluralize(additions.songs, 'song')}, "
        f"{pluralize(additions.foreign_links, 'row')} of track_splits, "
        f"{pluralize(additions.foreign_files, 'row')} of files?",
        yes=yes,
    )
    undone = undo_run(address, run)
    if not quiet:
        console.print("\n".join(_undone_lines(run, undone)))
    if as_json:
        print_json({"run_id": run, "dry_run": False, **undone._asdict()})


def _addition_lines(run: int, additions: "RunAdditions") -> Iterator[str]:
    yield f"Run {run} would be taken back:"
    for name, count, meaning in (
        ("songs", additions.songs, "got an outcome by it"),
        ("tracks", additions.tracks, "were recorded by it first"),
        ("links", additions.foreign_links, "rows were added to track_splits"),
        ("files", additions.foreign_files, "rows were added to files"),
        ("replaced", additions.foreign_rows_replaced, "rows of both tables were taken out"),
        ("removed", additions.songs_removed, "songs were removed by it, and stay removed"),
    ):
        yield format_count(name, count, meaning, width=_NAME_WIDTH)
    yield "Nothing was written."


def _undone_lines(run: int, undone: "UndoResult") -> Iterator[str]:
    yield f"Run {run} has been undone."
    for name, count, meaning in (
        ("songs", undone.songs, "have no outcome any more"),
        ("tracks", undone.tracks, "have no song any more; `midiprism verify --repair` removes their files"),
        ("links", undone.foreign_links, "rows were deleted from track_splits"),
        ("files", undone.foreign_files, "rows were deleted from files"),
        ("restored", undone.foreign_rows_restored, "rows that the run had taken out were put back"),
        ("kept", undone.foreign_rows_kept, "rows stay since others refer to them"),
        (
            "not restored",
            undone.foreign_rows_not_restored,
            "rows could not be put back: their place is taken",
        ),
        ("removed", undone.songs_removed, "songs that it had removed stay removed"),
    ):
        if count:
            yield format_count(name, count, meaning, width=_NAME_WIDTH)

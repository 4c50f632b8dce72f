"""``midiprism relocate``: a result moved to another folder, as on another drive."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, quote_result, resolve_database
from midiprism.cli.interrupt import interruptible
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import (
    format_clock,
    format_size,
    make_console,
    pluralize,
    print_message,
    printable_path,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.relocate.relocation import Relocation, RelocationProgress


def relocate(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Where it is to be: a folder that is new, or empty.")
    ],
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Once all of it is in NEW, checked and flushed, remove what midiprism wrote in OUT.",
        ),
    ] = False,
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary; errors only.")] = False,
) -> None:
    """Move a result to another folder, as on another drive, while no run is on.

    It is renamed where that can be, else copied, each file checked by its digest. What was cut off is gone on
    with by the same command. Other commands find the result by its old place, too, where it was copied.
    """
    from midiprism.relocate.relocate import relocate_result

    address = resolve_database(database, schema, follow_relocation(out, quiet=True))
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping after the files in hand; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            listener = stack.enter_context(progress_bar(format_progress))
        done = relocate_result(
            out, new, database=address, remove=remove, dry_run=dry_run, stop=stop, listener=listener
        )
    if not quiet:
        screen = make_console(stderr=as_json)
        for line in _lines(done, new, address, remove=remove):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps(done.as_dict()))
    if done.stopped:
        print_message("Stopped before the end; the same command goes on.")
        raise typer.Exit(stop.exit_code)


def format_progress(progress: "RelocationProgress") -> str:
    """How far a relocation is, in words."""
    if progress.stage == "catalog":
        return f"copying the catalog, {format_clock(progress.seconds)}"
    if progress.stage == "cleanup":
        return f"cleaning the old folder: {progress.seen:,} files"
    if not progress.total:
        return f"{progress.seen:,} files"
    share = 100 * min(progress.seen, progress.total) / progress.total
    return f"{progress.seen:,} of {progress.total:,} files, {share:.0f} %, {format_size(progress.bytes_copied)} copied"


def _lines(
    relocation: "Relocation", new: str, address: "PostgresAddress | None", *, remove: bool
) -> Iterator[str]:
    what, source, seconds = (
        pluralize(relocation.files, "file"),
        printable_path(relocation.source),
        f"{relocation.seconds:.1f} s",
    )
    where = printable_path(relocation.target)
    if relocation.dry_run and not relocation.arrived:
        way = (
            "rename" if relocation.method == "rename" else f"copy {what} ({format_size(relocation.bytes)}) of"
        )
        yield f"Would {way} {source} to {where}; nothing was written. {seconds}"
        return
    if relocation.already_moved:
        yield f"The result is in {where} already. {seconds}"
    elif relocation.method == "rename" and relocation.arrived:
        yield f"Renamed {source} to {where}: {what} ({format_size(relocation.bytes)}). {seconds}"
    else:
        did = "Copied" if relocation.arrived else "Stopped; copied"
        yield f"{did} {pluralize(relocation.files_copied, 'file')} ({format_size(relocation.bytes_copied)}) to {where}. {seconds}"
    yield from _count_lines(relocation)
    if not relocation.arrived:
        yield f"The result is still in {source}."
        return
    if relocation.method == "rename":
        yield "From now on name that folder:"
        yield f"  midiprism status {quote_result(new, address)}"
    elif remove:
        yield f"{source} says where the result is; commands that name it go on there."
    else:
        yield f"{source} says where the result is; commands that name it go on there. To empty it:"
        place = shell_quote(relocation.source) + f" {quote_result(new, address)}"
        yield f"  midiprism relocate {place} --remove"


def _count_lines(relocation: "Relocation") -> Iterator[str]:
    counts = (
        (
            "were there",
            relocation.files_already_copied,
            "files that an earlier call had copied, and that are whole",
        ),
        ("shared", relocation.files_reflinked, "of the copied files share their blocks with the originals"),
        ("removed", relocation.files_removed, "files of the old place"),
        ("left", relocation.files_left, "files there that are not the result's"),
    )
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"

"""``midiprism relocate``: a result moved to another folder, as on another drive."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import Database, Schema, named, resolved
from midiprism.cli.following import followed
from midiprism.cli.interrupt import interruptible
from midiprism.cli.terminal import clean_path, clock, complain, console, plural, quoted, size

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.run.carrying import Relocation, Way


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
    database: Database = None,
    schema: Schema = None,
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
    from midiprism.run.relocate import relocate_result

    address = resolved(database, schema, followed(out, quiet=True))
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping after the files in hand; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.progress import bar

            listener = stack.enter_context(bar(far))
        done = relocate_result(
            out, new, database=address, remove=remove, dry_run=dry_run, stop=stop, listener=listener
        )
    if not quiet:
        screen = console(stderr=as_json)
        for line in _lines(done, new, address, remove=remove):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps(done.as_dict()))
    if done.stopped:
        complain("Stopped before the end; the same command goes on.")
        raise typer.Exit(stop.code)


def far(way: "Way") -> str:
    """How far a relocation is, in words."""
    if way.stage == "catalogue":
        return f"copying the catalogue, {clock(way.seconds)}"
    if way.stage == "emptying":
        return f"emptying the old place: {way.seen:,} files"
    if not way.total:
        return f"{way.seen:,} files"
    share = 100 * min(way.seen, way.total) / way.total
    return f"{way.seen:,} of {way.total:,} files, {share:.0f} %, {size(way.bytes)} copied"


def _lines(done: "Relocation", new: str, address: "PostgresAddress | None", *, remove: bool) -> Iterator[str]:
    what, source, seconds = plural(done.files, "file"), clean_path(done.source), f"{done.seconds:.1f} s"
    where = clean_path(done.target)
    if done.dry_run and not done.arrived:
        way = "rename" if done.how == "rename" else f"copy {what} ({size(done.bytes)}) of"
        yield f"Would {way} {source} to {where}; nothing was written. {seconds}"
        return
    if done.already:
        yield f"The result is in {where} already. {seconds}"
    elif done.how == "rename" and done.arrived:
        yield f"Renamed {source} to {where}: {what} ({size(done.bytes)}). {seconds}"
    else:
        did = "Copied" if done.arrived else "Stopped; copied"
        yield f"{did} {plural(done.files_copied, 'file')} ({size(done.bytes_copied)}) to {where}. {seconds}"
    yield from _figures(done)
    if not done.arrived:
        yield f"The result is still in {source}."
        return
    if done.how == "rename":
        yield "From now on name that folder:"
        yield f"  midiprism status {named(new, address)}"
    elif remove:
        yield f"{source} says where the result is; commands that name it go on there."
    else:
        yield f"{source} says where the result is; commands that name it go on there. To empty it:"
        place = quoted(done.source) + f" {named(new, address)}"
        yield f"  midiprism relocate {place} --remove"


def _figures(done: "Relocation") -> Iterator[str]:
    counts = (
        ("were there", done.files_there, "files that an earlier call had copied, and that are whole"),
        ("shared", done.files_shared, "of the copied files share their blocks with the originals"),
        ("removed", done.removed, "files of the old place"),
        ("left", done.left, "files there that are not the result's"),
    )
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"

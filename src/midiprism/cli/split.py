"""``midiprism split``: songs into tracks."""

import json
import os
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.adopting import asked_for, begun, spelled, tell_outlook
from midiprism.cli.database import Database, Schema, named, resolved
from midiprism.cli.following import followed
from midiprism.cli.foreign import PathMaps
from midiprism.cli.interrupt import interruptible
from midiprism.cli.metrics import LOOPBACK, MetricsAddress, MetricsPort, serving
from midiprism.cli.terminal import complain
from midiprism.cli.tuning import number
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.run import Summary
    from midiprism.run.progress import Listener, Progress


_MOST_WORKERS, _MOST_SONGS, _MOST_BATCHES = 1_000, 100_000, 10_000


class By(StrEnum):
    auto = "auto"
    track = "track"
    channel = "channel"
    program = "program"


class Store(StrEnum):
    files = "files"
    parquet = "parquet"


class Context(StrEnum):
    conductor = "conductor"
    full = "full"


def split(
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="OUT", help="Folder of the result; made where there is none."),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Folders, searched with all below; files; archives (.zip .tar .tar.gz ...); Parquet files.",
        ),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(help="What becomes a file of its own.  [default: as OUT was made, else auto]"),
    ] = None,
    context: Annotated[
        Context | None,
        typer.Option(
            help="What each file gets of its song: tempo and signatures, or also what other tracks set on "
            "its channels.  [default: as OUT was made, else conductor]"
        ),
    ] = None,
    store: Annotated[
        Store | None,
        typer.Option(
            help="What the tracks lie in: a file each, or many in a Parquet file, with tables of links and "
            "songs.  [default: as OUT was made, else files]"
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Look at the first N songs only, in the folders' order."),
    ] = None,
    archives: Annotated[
        bool,
        typer.Option(
            "--archives", help="Enter archives in folders too; one that is named as a SOURCE always is."
        ),
    ] = False,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The column of Parquet files that holds the songs.  [default: the only one of bytes]",
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="NAME", help="The column that names them.  [default: the rows' numbers]"
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Columns that the catalogue is to keep with each song."),
    ] = None,
    database: Database = None,
    schema: Schema = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Take over the library that another program keeps in that database: split the songs in its "
            "table files that nobody has split, and fill its tables beside ours.",
        ),
    ] = False,
    path_map: PathMaps = None,
    complete_existing: Annotated[
        bool,
        typer.Option(
            "--complete-existing", help="With --adopt: also add what songs lack that their owner has split."
        ),
    ] = False,
    redo_existing: Annotated[
        bool,
        typer.Option(
            "--redo-existing",
            help="With --adopt: split those songs again; their owner's rows stay beside ours.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="With --redo-existing: take the owner's rows out that lead to other contents."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --replace: do not ask.")] = False,
    lease: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="How long what this run has planned stays reserved for it if it dies, where several runs "
            "share a catalogue in PostgreSQL.",
        ),
    ] = 60.0,
    workers: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Processes that split. auto: at first as many as there are processors, then more as long as "
            "that helps; none where a library is small. 0: all in this process.",
        ),
    ] = "auto",
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Most songs that are split, flushed and committed as one. auto: 250, or 1,000 with "
            "--database, then more as long as that helps.",
        ),
    ] = "auto",
    in_flight: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Most batches handed out and not yet committed. auto: enough for the processes, then more "
            "as long as that helps.",
        ),
    ] = "auto",
    timeout: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Longest that a process may spend on one song. 0: no limit."
        ),
    ] = 60.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed in earlier runs.")
    ] = False,
    redo: Annotated[
        bool,
        typer.Option("--redo", help="Split again what is known, as after an update that splits better."),
    ] = False,
    no_scan: Annotated[
        bool, typer.Option("--no-scan", help="Do not count the songs beside the work: no percentage.")
    ] = False,
    metrics_port: MetricsPort = None,
    metrics_address: MetricsAddress = LOOPBACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and split, and write nothing.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary; errors only.")] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Name every song that failed, as far as they are remembered (100); tell what auto changes.",
        ),
    ] = False,
) -> None:
    """Split songs into one MIDI file per playing track, stored once, with a catalogue.

    Songs are files and members of archives ending in .mid .midi .kar .rmi or .smf, in any case, and rows of
    Parquet files. What is known from an earlier run is
    skipped, so a run that was cut off is continued by running it again.
    """
    from midiprism.advise.controller import Controller
    from midiprism.library import Library, open_library
    from midiprism.run import Settings, Wish, split_library
    from midiprism.run.result import read_identity

    sources = sources or []
    out = followed(out, quiet=quiet)
    kept = [name for name in (keep or "").split(",") if name]
    given = {"column": column, "id": id_column, "keep": keep}
    reading = ["--archives"] * archives + [f"--{name}={value}" for name, value in given.items() if value]
    adoption = asked_for(
        adopt=adopt,
        sources=sources,
        reading=reading,
        redo=redo,
        path_maps=path_map or (),
        complete=complete_existing,
        redo_existing=redo_existing,
        replace=replace,
    )
    if adoption is not None:
        reading = spelled(adoption)
    settings = Settings(
        None if by is None else by.value,
        None if context is None else context.value,
        None if store is None else store.value,
        workers=number("--workers", workers, 0, _MOST_WORKERS),
        batch_parents=number("--batch-size", batch_size, 1, _MOST_SONGS),
        in_flight=number("--in-flight", in_flight, 1, _MOST_BATCHES),
        timeout=timeout or None,
        wish=Wish(redo, retry_failed, existing=adoption is not None and adoption.existing != "leave"),
        scan=not no_scan,
        database=resolved(database, schema, out, adopt=adopt),
        lease_seconds=lease,
        reading=tuple(reading),
        adoption=adoption,
    )
    if adoption is not None:
        settings.identity(read_identity(out), out)  # before the library is looked at, which may take long

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping after the songs in hand; again stops at once."))
        library: Library
        if adoption is None:
            library = open_library(
                sources, os.fsencode(out), archives=archives, column=column, name=id_column, keep=kept
            )
        else:
            if settings.database is None:
                raise UsageError("--adopt takes over a library in PostgreSQL: name it with --database.")
            if dry_run:
                tell_outlook(settings.database, adoption, out, stop, as_json=as_json, quiet=quiet)
                return
            library = stack.enter_context(begun(settings.database, adoption, out, stop, yes=yes))
        listeners: list[Listener] = []
        if metrics_port is not None:
            listeners.append(stack.enter_context(serving(metrics_port, metrics_address, quiet=quiet)))
        if not (quiet or dry_run) and settings.identity(read_identity(out), out).store == "files":
            from midiprism.cli.probe import hint_at_place

            hint_at_place(out)
        if not quiet:
            from midiprism.cli.progress import shown

            listeners.append(stack.enter_context(shown()))
        summary = split_library(
            library,
            out,
            settings,
            limit=limit,
            dry_run=dry_run,
            stop=stop,
            compiling=compiling,
            warn=complain,
            listener=_all_of(listeners),
            tuner=Controller.of(settings, complain if verbose and not quiet else None),
        )
    place = named(out, settings.database)
    _tell(summary, out, place, [*sources, *reading], as_json=as_json, quiet=quiet, verbose=verbose)
    if summary.error is not None:
        complain(str(summary.error))
    if summary.state == "interrupted":
        raise typer.Exit(stop.code)
    raise typer.Exit(1 if summary.failed or summary.error else 0)


def _all_of(listeners: "list[Listener]") -> "Listener | None":
    def listen(progress: "Progress") -> None:
        for listener in listeners:
            listener(progress)

    return listen if listeners else None


def _tell(
    summary: "Summary",
    out: str,
    place: str,
    sources: list[str],
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from midiprism.cli.report import failures, report

    if not quiet:
        report(summary, out, place, sources, verbose=verbose, stderr=as_json)
    elif summary.failed:
        for line in failures(summary, everything=verbose):
            complain(line)
    if as_json:
        facts = {
            "state": summary.state,
            "dry_run": summary.dry_run,
            "by": summary.by,
            "context": summary.context,
            **summary.totals(),
            "catalog": None if summary.dry_run else summary.catalog,
            "run_id": summary.run_id,
        }
        typer.echo(json.dumps(facts))

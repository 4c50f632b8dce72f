"""``midiprism split``: songs into tracks."""

import json
import os
from contextlib import ExitStack
from dataclasses import replace as replace_fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.adopt_options import PathMapOption
from midiprism.cli.auto_int import parse_auto_int
from midiprism.cli.commands.split_adopt import open_adopted, parse_options, print_adoption_plan, to_options
from midiprism.cli.database import DatabaseOption, SchemaOption, quote_result, resolve_database
from midiprism.cli.interrupt import interruptible
from midiprism.cli.metrics import LOOPBACK, MetricsAddressOption, MetricsPortOption, serve_metrics
from midiprism.cli.relocated import follow_relocation
from midiprism.cli.render.terminal import print_message
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.pipeline import Summary
    from midiprism.pipeline.progress import RunListener, RunProgress


_MAX_WORKERS, _MAX_BATCH_SIZE, _MAX_IN_FLIGHT = 1_000, 100_000, 10_000


class ByChoice(StrEnum):
    auto = "auto"
    track = "track"
    channel = "channel"
    program = "program"


class StoreChoice(StrEnum):
    files = "files"
    parquet = "parquet"


class ContextChoice(StrEnum):
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
        ByChoice | None,
        typer.Option(help="What becomes a file of its own.  [default: as OUT was made, else auto]"),
    ] = None,
    context: Annotated[
        ContextChoice | None,
        typer.Option(
            help="What each file gets of its song: tempo and signatures, or also what other tracks set on "
            "its channels.  [default: as OUT was made, else conductor]"
        ),
    ] = None,
    store: Annotated[
        StoreChoice | None,
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
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Take over the library that another program keeps in that database: split the songs in its "
            "table files that nobody has split, and fill its tables beside ours.",
        ),
    ] = False,
    path_map: PathMapOption = None,
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
    metrics_port: MetricsPortOption = None,
    metrics_address: MetricsAddressOption = LOOPBACK,
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
    from midiprism.advise.tune.controller import Controller
    from midiprism.pipeline import RerunPolicy, Settings, split_library
    from midiprism.results.result_dir import read_identity
    from midiprism.sources import Source, open_source

    sources = sources or []
    out = follow_relocation(out, quiet=quiet)
    kept = [name for name in (keep or "").split(",") if name]
    given = {"column": column, "id": id_column, "keep": keep}
    reading = ["--archives"] * archives + [f"--{name}={value}" for name, value in given.items() if value]
    adoption = parse_options(
        adopt=adopt,
        sources=sources,
        source_options=reading,
        redo=redo,
        path_maps=path_map or (),
        complete_existing=complete_existing,
        redo_existing=redo_existing,
        replace=replace,
    )
    if adoption is not None:
        reading = to_options(adoption)
    settings = Settings(
        None if by is None else by.value,
        None if context is None else context.value,
        None if store is None else store.value,
        workers=parse_auto_int("--workers", workers, 0, _MAX_WORKERS),
        batch_songs=parse_auto_int("--batch-size", batch_size, 1, _MAX_BATCH_SIZE),
        in_flight=parse_auto_int("--in-flight", in_flight, 1, _MAX_IN_FLIGHT),
        timeout=timeout or None,
        rerun_policy=RerunPolicy(
            redo, retry_failed, redo_adopted=adoption is not None and adoption.existing != "leave"
        ),
        count_songs=not no_scan,
        database=resolve_database(database, schema, out, adopt=adopt),
        lease_seconds=lease,
        source_options=tuple(reading),
    )
    # Checked before the library is looked at, which may take long.
    if adoption is not None and settings.identity(read_identity(out), out).store != "files":
        raise UsageError(
            "The tables of a library that is taken over name files: leave --store out, and choose a "
            "folder that was not made with --store parquet."
        )

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping after the songs in hand; again stops at once."))
        library: Source
        if adoption is None:
            library = open_source(
                sources,
                os.fsencode(out),
                enter_archives=archives,
                song_column=column,
                name_column=id_column,
                kept_columns=kept,
            )
        else:
            if settings.database is None:
                raise UsageError("--adopt takes over a library in PostgreSQL: name it with --database.")
            if dry_run:
                print_adoption_plan(settings.database, adoption, out, stop, as_json=as_json, quiet=quiet)
                return
            adopted = stack.enter_context(open_adopted(settings.database, adoption, out, stop, yes=yes))
            library, settings = adopted.source, replace_fields(settings, hooks=(adopted.hook,))
        listeners: list[RunListener] = []
        if metrics_port is not None:
            listeners.append(stack.enter_context(serve_metrics(metrics_port, metrics_address, quiet=quiet)))
        if not (quiet or dry_run) and settings.identity(read_identity(out), out).store == "files":
            from midiprism.cli.commands.probe import suggest_faster_place

            suggest_faster_place(out)
        if not quiet:
            from midiprism.cli.render.progress import show_run_progress

            listeners.append(stack.enter_context(show_run_progress()))
        summary = split_library(
            library,
            out,
            settings,
            limit=limit,
            dry_run=dry_run,
            stop=stop,
            on_compile=compiling,
            warn=print_message,
            listener=_combine_listeners(listeners),
            tuner=Controller.from_settings(settings, print_message if verbose and not quiet else None),
        )
    place = quote_result(out, settings.database)
    _print_summary(summary, out, place, [*sources, *reading], as_json=as_json, quiet=quiet, verbose=verbose)
    if summary.error is not None:
        print_message(str(summary.error))
    if summary.state == "interrupted":
        raise typer.Exit(stop.exit_code)
    raise typer.Exit(1 if summary.has_failures or summary.error else 0)


def _combine_listeners(listeners: "list[RunListener]") -> "RunListener | None":
    def listen(progress: "RunProgress") -> None:
        for listener in listeners:
            listener(progress)

    return listen if listeners else None


def _print_summary(
    summary: "Summary",
    out: str,
    quoted_result: str,
    sources: list[str],
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from midiprism.cli.render.split_text import failure_lines, print_report

    if not quiet:
        print_report(summary, out, quoted_result, sources, verbose=verbose, stderr=as_json)
    elif summary.has_failures:
        for line in failure_lines(summary, verbose=verbose):
            print_message(line)
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

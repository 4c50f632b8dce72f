"""``midiprism split``: split songs into tracks."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from midiprism.cli import exit_codes
from midiprism.cli.advice import explain
from midiprism.cli.commands.split_adopt import (
    AdoptOptions,
    add_adoption,
    adoption_arguments,
    open_adopted,
    print_adoption_plan,
    require_postgres,
)
from midiprism.cli.commands.split_options import (
    EngineOptions,
    ExtentOptions,
    IdentityOptions,
    OutOption,
    PricesOption,
    RerunOptions,
    SourceOptions,
    VerboseSplitOption,
    WorkOptions,
)
from midiprism.cli.commands.split_storage import LocalOptions, is_in_storage, split_in_storage
from midiprism.cli.database import resolve_database
from midiprism.cli.interrupt import interruptible
from midiprism.cli.metrics import MetricsOptions, serve_metrics
from midiprism.cli.options import CatalogOptions, SummaryOptions
from midiprism.cli.render.probe_text import suggest_faster_place
from midiprism.cli.render.split_text import RepeatedCommand, print_summary, summary_to_json
from midiprism.cli.render.terminal import print_json, print_message
from midiprism.cli.result_location import follow_relocation, quote_result
from midiprism.cli.shell import compile_display, exit_code
from midiprism.errors import UsageError
from midiprism.stores import STORE_KINDS

if TYPE_CHECKING:
    from midiprism.catalog import Address, PostgresAddress
    from midiprism.cli.render.progress import ProgressDisplay
    from midiprism.pipeline import CatalogSettings, Scope, Settings, Summary
    from midiprism.pipeline.progress import RunListener, RunProgress
    from midiprism.results.background import Background


def split(
    out: OutOption,
    source_options: SourceOptions,
    identity: IdentityOptions,
    catalog: CatalogOptions,
    adopt_options: AdoptOptions,
    rerun: RerunOptions,
    work: WorkOptions,
    metrics: MetricsOptions,
    output: SummaryOptions,
    extent: ExtentOptions,
    engine: EngineOptions,
    prices: PricesOption = None,
    verbose: VerboseSplitOption = False,
) -> int:
    """Split songs into one MIDI file per playing track, stored once, with a catalog.

    Songs are files and members of archives ending in .mid .midi .kar .rmi or .smf, in any case, and rows of
    Parquet files. Songs known from an earlier run are skipped, so the same command continues an interrupted
    run. Where SOURCE and OUT are URLs of object storage, `midiprism work` on other machines helps, and
    --engine ray uses a cluster.
    """
    sources = source_options.sources or []
    if is_in_storage(out, sources):
        groups = (catalog, adopt_options, metrics, work, extent, rerun, identity)
        return split_in_storage(out, LocalOptions(source_options, *groups), engine, output, prices)
    engine.require_none()
    if prices is not None:
        raise UsageError("--prices is for results in object storage: leave it out.")
    out = follow_relocation(out, quiet=output.quiet)
    if not os.path.isdir(out):  # a run that finds its result may find nothing to do
        from midiprism.pipeline.executors import prepare_executor

        prepare_executor(None, work.parse_workers())
    from midiprism.advise.tune.controller import Controller
    from midiprism.pipeline import RunCallbacks, RunParts, Scope, run_pipeline
    from midiprism.pipeline.missing_songs import require_believed
    from midiprism.search.upkeep import load_update
    from midiprism.similarity.run_listener import listener_of_run

    source_arguments = source_options.arguments()
    adoption = adopt_options.parse(sources, source_arguments, redo=rerun.redo)
    if adoption is not None:
        source_arguments = adoption_arguments(adoption)
    source_arguments += extent.arguments()
    database = resolve_database(catalog, out, adopt=adopt_options.adopt)
    if rerun.prune and extent.limit is not None:
        raise UsageError("--prune needs all songs of the sources: leave --limit out.")
    trust_scan = rerun.prune and adopt_options.yes
    scope = Scope(extent.limit, not extent.no_scan, tuple(source_arguments), rerun.prune, trust_scan)
    settings = _make_settings(identity, rerun, work, _catalog_settings(database, work), scope, extent)
    # Refuse another identity before an adopted library is checked, which may take long.
    store = _resolve_store(settings, out, adopted=adoption is not None)
    with ExitStack() as stack:
        stop = stack.enter_context(
            interruptible("Stopping after the current songs; a second signal stops at once.")
        )
        if adoption is None:
            source = source_options.open(out)
        elif extent.dry_run:
            address = require_postgres(database)
            print_adoption_plan(address, adoption, out, stop, as_json=output.as_json, quiet=output.quiet)
            return exit_codes.DONE
        else:
            adopted = stack.enter_context(
                open_adopted(require_postgres(database), adoption, out, stop, yes=adopt_options.yes)
            )
            source, settings = adopted.source, add_adoption(settings, adoption, adopted)
        if not (output.quiet or extent.dry_run) and STORE_KINDS[store].tracks_are_files:
            suggest_faster_place(out)
        display = stack.enter_context(_display(quiet=output.quiet))
        listener = stack.enter_context(_listener(metrics, display, quiet=output.quiet))
        callbacks = RunCallbacks(
            stop,
            compile_display(display),
            print_message,
            listener,
            listener_of_run,
            _start_update,
            load_update,
        )
        tuner = Controller.from_settings(settings, print_message if verbose and not output.quiet else None)
        summary = run_pipeline(source, out, settings, callbacks, RunParts(tuner=tuner))
    command = RepeatedCommand(out, quote_result(out, database), (*sources, *source_arguments))
    _print_result(summary, command, output, verbose=verbose)
    if rerun.prune and summary.state == "done":
        require_believed(summary.missing)
    are_songs_ok = extent.allow_failed_songs or not summary.has_failures
    ok = are_songs_ok and summary.error is None and summary.lost_track is None
    return exit_code(stop, stopped=summary.state == "interrupted", ok=ok)


def _start_update(
    out: str, address: "Address", in_background: "Background", is_busy: bool
) -> Callable[[], None]:
    """Begin what follows a run: from here on, this process has large arrays, and few of them at a time."""
    from midiprism.memory import return_large_arrays
    from midiprism.search.upkeep import start_update_after_run

    return_large_arrays()
    return start_update_after_run(out, address, in_background, is_busy)


def _print_result(
    summary: "Summary", command: RepeatedCommand, output: SummaryOptions, *, verbose: bool
) -> None:
    print_summary(summary, command, quiet=output.quiet, verbose=verbose, stderr=output.as_json)
    if output.as_json:
        print_json(summary_to_json(summary))
    if summary.error is not None:
        print_message(explain(summary.error))


def _resolve_store(settings: "Settings", out: str, *, adopted: bool) -> str:
    """Return the kind of the store of the result in ``out``, existing or new.

    Raises:
        UsageError: it has another identity than the settings request.
    """
    from midiprism.results.result_dir import read_identity

    return replace(settings.result_request, adopted=adopted).resolve(read_identity(out), out).store


def _catalog_settings(database: "PostgresAddress | None", work: WorkOptions) -> "CatalogSettings":
    """Return the place of the catalog and its options.

    Raises:
        UsageError: a lease is given for a catalog that no other run can share.
    """
    from midiprism.pipeline import CatalogSettings

    if work.lease is None:
        return CatalogSettings(database)
    if database is None:
        raise UsageError(
            "--lease is for runs that share a catalog in PostgreSQL: leave it out, or name the catalog with "
            "--database."
        )
    return CatalogSettings(database, work.lease)


def _make_settings(
    identity: IdentityOptions,
    rerun: RerunOptions,
    work: WorkOptions,
    catalog: "CatalogSettings",
    scope: "Scope",
    extent: ExtentOptions,
) -> "Settings":
    from midiprism.pipeline import RequestedIdentity, RerunPolicy, Resources, Settings, song_limits

    return Settings(
        RequestedIdentity(
            by=None if identity.by is None else identity.by.value,
            context=None if identity.context is None else identity.context.value,
            store=identity.store,
        ),
        limits=song_limits(extent.parse_max_song_size()),
        resources=Resources(
            workers=work.parse_workers(),
            batch_songs=work.parse_batch_size(),
            in_flight=work.parse_in_flight(),
            timeout=work.timeout or None,
        ),
        rerun_policy=RerunPolicy(rerun.redo, rerun.retry_failed),
        catalog=catalog,
        scope=scope,
        encoding=extent.encoding,
        dry_run=extent.dry_run,
        facts=not extent.no_facts,
    )


@contextmanager
def _display(*, quiet: bool) -> "Iterator[ProgressDisplay[RunProgress] | None]":
    """Give a display of the progress of a run; None if it is quiet."""
    if quiet:
        yield None
        return
    from midiprism.cli.render.progress import show_run_progress

    with show_run_progress() as display:
        yield display


@contextmanager
def _listener(
    metrics: MetricsOptions, display: "RunListener | None", *, quiet: bool
) -> "Iterator[RunListener | None]":
    """Give a listener that serves metrics and shows progress; None if neither is wanted."""
    with ExitStack() as stack:
        listeners: list[RunListener] = []
        if metrics.metrics_port is not None:
            listeners.append(
                stack.enter_context(serve_metrics(metrics.metrics_port, metrics.metrics_address, quiet=quiet))
            )
        if display is not None:
            listeners.append(display)

        def notify_all(progress: "RunProgress") -> None:
            for listener in listeners:
                listener(progress)

        yield notify_all if listeners else None

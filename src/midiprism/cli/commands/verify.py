"""``midiprism verify``: check that a result is complete and undamaged, and repair it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.commands.split_options import MAX_WORKERS, EngineOptions
from midiprism.cli.commands.storage_results import require_unused, verify_storage
from midiprism.cli.option_values import parse_auto_int, parse_share
from midiprism.cli.options import CatalogOptions, ReadableOutArgument, SummaryOptions, VerboseOption
from midiprism.cli.render.terminal import print_json
from midiprism.cli.render.verify_text import format_progress, print_repair, print_verification
from midiprism.cli.result_location import locate
from midiprism.cli.shell import compile_display, exit_code, session
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url

if TYPE_CHECKING:
    from midiprism.catalog import VerifyScope

_MAX_RUN_DIGITS = 9
_DATE_DIGITS = len("20251231")


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """Options that limit a check to a part of the result."""

    sample: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT", help="Check a random share of the tracks and songs only, such as 2%."
        ),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|DATE",
            help="Check only what run number RUN and later ones recorded, or runs that started on DATE, such "
            "as 2025-12-31, or later.",
        ),
    ] = None


def verify(
    out: ReadableOutArgument,
    catalog: CatalogOptions,
    output: SummaryOptions,
    scope_options: ScopeOptions,
    engine: EngineOptions,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="With a URL: number of worker processes of each machine. auto: one per processor, fewer for "
            "a small result. 0: everything in this process.  [default: auto]",
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Repair the damage: restore files from their songs, and links by splitting songs again; "
            "remove from OUT/tracks what belongs to no track.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: say what would be done, and write nothing.")
    ] = False,
    verbose: VerboseOption = False,
) -> int:
    """Check that every track has its file, every file its track, and every song its links.

    Nothing is written without --repair. The exit code is 1 if damage was found or remains.
    """
    from midiprism.integrity.repair import repair_result
    from midiprism.integrity.verify import verify_result

    if dry_run and not repair:
        raise UsageError("--dry-run needs --repair; without it, nothing is written anyway.")
    if is_storage_url(out):
        scope_values = {"sample": scope_options.sample, "since": scope_options.since}
        values = {"repair": repair, "verbose": verbose, **scope_values}
        require_unused(database=catalog.database, schema=catalog.schema, **values)
        return verify_storage(
            out, output, engine, parse_auto_int("--workers", workers or "auto", 0, MAX_WORKERS)
        )
    if engine != EngineOptions() or workers is not None:
        raise UsageError(
            "--engine, --address and --workers are for results in object storage: leave them out."
        )
    scope, since_date = parse_scope(scope_options.sample, scope_options.since)
    result = locate(out, catalog, quiet=output.quiet)
    request = {
        "sample_percent": round(100 * scope.share, 6) if scope.is_sample else None,
        "since": scope_options.since,
    }
    with session("Stopping; a second signal stops at once.", format_progress, quiet=output.quiet) as (
        stop,
        listener,
    ):
        if repair:
            repaired = repair_result(
                result.folder,
                scope,
                since=since_date,
                database=result.database,
                dry_run=dry_run,
                stop=stop,
                on_compile=compile_display(listener),
                listener=listener,
            )
        else:
            report = verify_result(
                result.folder,
                scope,
                since=since_date,
                database=result.database,
                stop=stop,
                listener=listener,
            )
    if repair:
        print_repair(repaired, result, quiet=output.quiet, verbose=verbose, stderr=output.as_json)
        facts, stopped = repaired.as_dict(), repaired.stopped
        ok = repaired.damage_report.ok if dry_run else repaired.ok
    else:
        print_verification(report, result, quiet=output.quiet, verbose=verbose, stderr=output.as_json)
        facts, stopped, ok = report.as_dict(), report.stopped, report.ok
    if output.as_json:
        print_json(facts | request)
    return exit_code(stop, stopped=stopped, ok=ok)


def parse_scope(sample: str | None, since: str | None) -> tuple["VerifyScope", str | None]:
    """Return the part of a result to check, and the date in UTC if a date limits it.

    A number of eight digits is a date.

    Raises:
        UsageError: an option is not valid, or both are given.
    """
    from midiprism.catalog import VerifyScope

    if sample is not None and since is not None:
        raise UsageError("--sample and --since exclude each other.")
    if sample is not None:
        return VerifyScope(parse_share(sample), random.random()), None
    if since is None:
        return VerifyScope(), None
    is_number = since.isascii() and since.isdecimal()
    if is_number and len(since) <= _MAX_RUN_DIGITS and len(since) != _DATE_DIGITS:
        return VerifyScope(first_run=int(since)), None
    try:
        date = datetime.fromisoformat(since)
        if date.tzinfo is None:
            date = date.astimezone()  # the user's own time zone
        return VerifyScope(), date.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since {since} is neither the number of a run nor a date such as 2025-12-31."
        ) from error

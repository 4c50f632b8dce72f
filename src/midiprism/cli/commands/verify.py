"""``midiprism verify``: whether a result is whole, and mending it."""

import json
import random
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, quote_result, resolve_database
from midiprism.cli.interrupt import interruptible
from midiprism.cli.relocated import follow_relocation
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import VerifyScope
    from midiprism.integrity.damage_report import DamageReport, RepairReport

_MAX_RUN_DIGITS = 9  # digits


def verify(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder of the result.")],
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT", help="Check a random share of the tracks and songs only, such as 2%."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|DATE",
            help="Check only what run number RUN and later ones recorded, or those that started on DATE, "
            "such as 2025-12-31, or later.",
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what can be mended: files come back from their songs, links from splitting those "
            "again, and what belongs to no track is removed from OUT/tracks.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: say what would be done, and write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the findings as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no summary; damage and errors only.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Name every damage, as far as they are remembered (100 of a kind)."),
    ] = False,
) -> None:
    """Check that every track has its file, every file its track, and every song its links.

    Nothing is written without --repair. The exit code is 1 where damage was found, or is left.
    """
    from midiprism.cli.render.verify_text import format_progress, print_repair, print_verification
    from midiprism.integrity.repair import repair_result
    from midiprism.integrity.verify import verify_result

    if dry_run and not repair:
        raise UsageError("--dry-run needs --repair; without that, nothing is written anyway.")
    scope, started = _parse_scope(sample, since)
    out = follow_relocation(out, quiet=quiet)
    address = resolve_database(database, schema, out)

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    done: RepairReport | None = None
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            listener = stack.enter_context(progress_bar(format_progress))
        if repair:
            done = repair_result(
                out,
                scope,
                since=started,
                database=address,
                dry_run=dry_run,
                stop=stop,
                on_compile=compiling,
                listener=listener,
            )
            found, stopped = done.damage_report, done.stopped
        else:
            found = verify_result(out, scope, since=started, database=address, stop=stop, listener=listener)
            stopped = found.stopped
    if done is None:
        print_verification(
            found, out, quote_result(out, address), quiet=quiet, verbose=verbose, stderr=as_json
        )
    else:
        print_repair(done, out, quote_result(out, address), quiet=quiet, verbose=verbose, stderr=as_json)
    if as_json:
        typer.echo(json.dumps(_to_json(found, done, scope, since)))
    if stopped:
        raise typer.Exit(stop.exit_code)
    whole = found.ok if done is None or dry_run else done.ok
    raise typer.Exit(0 if whole else 1)


def _to_json(
    verification: "DamageReport", repair: "RepairReport | None", scope: "VerifyScope", since: str | None
) -> dict[str, object]:
    facts = verification.as_dict() if repair is None else repair.as_dict()
    percent = round(100 * scope.share, 6) if scope.is_sample else None
    return {**facts, "sample_percent": percent, "since": since}


def _parse_scope(sample: str | None, since: str | None) -> tuple["VerifyScope", str | None]:
    """Which part is to be checked; where that is said by a date, the date in UTC."""
    from midiprism.catalog import VerifyScope

    if sample is not None and since is not None:
        raise UsageError("--sample and --since exclude each other.")
    if sample is not None:
        return VerifyScope(parse_share(sample), random.random()), None
    if since is None:
        return VerifyScope(), None
    if (
        since.isascii()
        and since.isdecimal()
        and len(since) <= _MAX_RUN_DIGITS
        and len(since) != len("20251231")
    ):
        return VerifyScope(first_run=int(since)), None
    try:
        date = datetime.fromisoformat(since)
        if date.tzinfo is None:
            date = date.astimezone()  # the user's own time
        return VerifyScope(), date.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since {since} is neither the number of a run nor a date such as 2025-12-31."
        ) from error


def parse_share(sample: str) -> float:
    """A share of something, from what --sample says.

    Raises:
        UsageError: it is none.
    """
    try:
        percent = float(sample.strip().removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise UsageError(f"--sample {sample} is not a share such as 2%: more than 0, at most 100.")
    return percent / 100

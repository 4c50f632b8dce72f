"""``midiprism audit``: how well another program split the songs of its library."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import Database, Schema
from midiprism.cli.foreign import PathMaps, figure, required
from midiprism.cli.interrupt import interruptible
from midiprism.cli.terminal import clean, clean_path, console, plural
from midiprism.cli.verify import share

if TYPE_CHECKING:
    from midiprism.run.audited import Audited, Auditing, Finding

_SHOWN = 5


def audit(
    database: Database = None,
    schema: Schema = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Look at a share of the songs only, such as 5%."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Which songs a sample holds; the same number gives the same.")
    ] = 0,
    path_map: PathMaps = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the findings as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no summary; the exit code says it.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Name everything found, as far as remembered (100 of a kind)."),
    ] = False,
) -> None:
    """Compare the splits of a library that another program keeps with the songs they were made from.

    Only reads. Tells which play at the wrong time, have lost events, are missing or damaged, and which tracks
    were never linked. The exit code is 1 where something was found.
    """
    from midiprism.library.pathmap import path_map as parsed
    from midiprism.run.audit import audit_library

    address, paths = required(database, schema), parsed(path_map or ())
    part = 1.0 if sample is None else share(sample)

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.progress import bar

            listener = stack.enter_context(bar(far))
        found = audit_library(
            address, paths, share=part, seed=seed, stop=stop, compiling=compiling, listener=listener
        )
    if not quiet:
        screen = console(stderr=as_json)
        for line in _lines(found, str(address), verbose=verbose):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    if found.stopped:
        raise typer.Exit(stop.code)
    raise typer.Exit(0 if found.ok else 1)


def far(progress: "Auditing") -> str:
    """How far an audit is, in words."""
    parts = [f"songs: {progress.seen:,} of {progress.total:,}"]
    if progress.total:
        parts.append(f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %")
    parts.append(f"{plural(progress.compared, 'split')} compared")
    if progress.wrong:
        parts.append(f"{progress.wrong:,} at the wrong time")
    return ", ".join(parts)


def _lines(found: "Audited", where: str, *, verbose: bool) -> Iterator[str]:
    from midiprism.run.audited import KINDS

    yield f"{clean(where)}: {_headline(found)}"
    yield figure("songs", found.parents, f"looked at, of {found.total:,} that have splits")
    yield figure("links", found.links, "rows of track_splits that they have")
    yield figure("compared", found.compared, "splits with their tracks")
    yield figure("right", found.right, "of those: the notes of their track, each at its time")
    wrong = found.wrong_share
    for kind, meaning in KINDS.items():
        count = found.counts.get(kind, 0)
        if kind == "wrong_time" and wrong is not None:
            meaning = f"{meaning}: {100 * wrong:.2f} % of those compared{_margin(found)}"
        if kind == "never_linked":
            meaning = f"{meaning}, of {found.contents:,}"
        if count or kind == "wrong_time":
            yield figure(kind.replace("_", " "), count, meaning)
        shown = found.examples.get(kind, [])
        yield from _named(shown if verbose else shown[:_SHOWN], count)
    yield f"Nothing was written. {found.seconds:.1f} s"


def _headline(found: "Audited") -> str:
    if found.stopped:
        return "stopped before the end"
    if not found.total:
        return "no song of this library has splits"
    if set(found.counts) - {"never_linked"}:
        return "not every split is right"
    return "every split is right" + (", and not every track is linked" if found.counts else "")


def _margin(found: "Audited") -> str:
    margin = found.margin
    return "" if found.share == 1 or margin is None else f" (of all: ± {100 * margin:.2f})"


def _named(shown: "list[Finding]", count: int) -> Iterator[str]:
    for finding in shown:
        place = clean_path(finding.path)
        if finding.path != finding.parent and finding.track_number is not None:
            place = f"{place}, track {finding.track_number} of {clean_path(finding.parent)}"
        yield f"{'':16}{place}: {clean(finding.message)}"
    if 0 < len(shown) < count:
        yield f"{'':16}and {count - len(shown):,} more"

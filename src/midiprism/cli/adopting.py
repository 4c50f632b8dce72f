"""``midiprism split --adopt``: what is particular to a library that another program keeps."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import typer

from midiprism.cli.confirm import confirmed
from midiprism.cli.foreign import figure
from midiprism.cli.terminal import clean, console, plural
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.catalog.bridge import Existing
    from midiprism.run.adoption import AdoptedLibrary
    from midiprism.run.settings import Adoption


def asked_for(
    *,
    adopt: bool,
    sources: Sequence[str],
    reading: Sequence[str],
    redo: bool,
    path_maps: Sequence[str],
    complete: bool,
    redo_existing: bool,
    replace: bool,
) -> "Adoption | None":
    """What is to be taken over, and how; None where there are sources of one's own.

    Raises:
        UsageError: options do not go together.
    """
    if not adopt:
        if path_maps or complete or redo_existing or replace:
            raise UsageError(
                "--path-map, --complete-existing, --redo-existing and --replace go with --adopt."
            )
        if not sources:
            raise UsageError("Name a SOURCE: folders, files, archives.")
        return None
    if sources or reading:
        raise UsageError("With --adopt, the songs are those that the database lists: leave SOURCE out.")
    if redo:
        raise UsageError(
            "--redo does not go with --adopt: `midiprism catalog undo` takes a run back, and --redo-existing "
            "splits again what the library's owner had split."
        )
    if replace and not redo_existing:
        raise UsageError("--replace goes with --redo-existing.")
    from midiprism.library.pathmap import path_map
    from midiprism.run.settings import Adoption

    existing: Existing = "replace" if replace else "complete" if complete or redo_existing else "leave"
    return Adoption(path_map(path_maps), existing)


def spelled(adoption: "Adoption") -> list[str]:
    """The options that say so, for a command that goes on."""
    again = {"leave": [], "complete": ["--complete-existing"], "replace": ["--redo-existing", "--replace"]}
    moved = [f"--path-map={os.fsdecode(old)}={os.fsdecode(new)}" for old, new in adoption.paths.rules]
    return ["--adopt", *moved, *again[adoption.existing]]


def begun(
    address: "PostgresAddress", adoption: "Adoption", out: str, stop: Callable[[], bool], *, yes: bool
) -> "AbstractContextManager[AdoptedLibrary]":
    """The library, once all is known to be in order and a person agrees to what cannot simply be undone.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: the library cannot be taken over.
    """
    from midiprism.run.adoption import adopted_library, require_adoptable

    require_adoptable(address, adoption, out, stop)
    if adoption.existing == "replace":
        confirmed(
            "Of songs that their owner has split, rows of track_splits that lead to other contents than ours "
            "are taken out; `midiprism catalog undo` puts them back. Go on?",
            yes=yes,
        )
    return adopted_library(address, adoption, stop)


def tell_outlook(
    address: "PostgresAddress",
    adoption: "Adoption",
    out: str,
    stop: Callable[[], bool],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what taking over the library would do."""
    from midiprism.run.adoption import look_ahead

    outlook = look_ahead(address, adoption, out, stop)
    again = (
        "splits again, with what is missing added" if adoption.existing != "leave" else "leaves as they are"
    )
    if not quiet:
        screen = console(stderr=as_json)
        screen.print(f"{clean(str(address))}: {plural(outlook.parents, 'song')} with several tracks")
        for name, count, meaning in (
            ("adopted", outlook.adopted, f"their owner has split, which the run {again}"),
            ("known", outlook.known, "midiprism has come to in earlier runs"),
            ("to split", outlook.to_split, "are left"),
            ("missing", outlook.missing, "of these are not where they should be; --path-map says where else"),
        ):
            screen.print(figure(name, count, meaning))
        screen.print("Nothing was written.")
    if as_json:
        typer.echo(json.dumps({"dry_run": True, **outlook._asdict()}))

"""``midiprism split --adopt``: what is particular to a library that another program keeps."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import typer

from midiprism.cli.adopt_options import format_count
from midiprism.cli.confirm import require_confirmation
from midiprism.cli.render.terminal import escape_unprintable, make_console, pluralize
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.adopt.adoption import AdoptedLibrary
    from midiprism.adopt.options import Adoption, ExistingLinksPolicy
    from midiprism.catalog import PostgresAddress


def parse_options(
    *,
    adopt: bool,
    sources: Sequence[str],
    source_options: Sequence[str],
    redo: bool,
    path_maps: Sequence[str],
    complete_existing: bool,
    redo_existing: bool,
    replace: bool,
) -> "Adoption | None":
    """What is to be taken over, and how; None where there are sources of one's own.

    Raises:
        UsageError: options do not go together.
    """
    if not adopt:
        if path_maps or complete_existing or redo_existing or replace:
            raise UsageError(
                "--path-map, --complete-existing, --redo-existing and --replace go with --adopt."
            )
        if not sources:
            raise UsageError("Name a SOURCE: folders, files, archives.")
        return None
    if sources or source_options:
        raise UsageError("With --adopt, the songs are those that the database lists: leave SOURCE out.")
    if redo:
        raise UsageError(
            "--redo does not go with --adopt: `midiprism catalog undo` takes a run back, and --redo-existing "
            "splits again what the library's owner had split."
        )
    if replace and not redo_existing:
        raise UsageError("--replace goes with --redo-existing.")
    from midiprism.adopt.options import Adoption
    from midiprism.sources.path_map import parse_path_map

    existing: ExistingLinksPolicy = (
        "replace" if replace else "complete" if complete_existing or redo_existing else "leave"
    )
    return Adoption(parse_path_map(path_maps), existing)


def to_options(adoption: "Adoption") -> list[str]:
    """The options that say so, for a command that goes on."""
    again = {"leave": [], "complete": ["--complete-existing"], "replace": ["--redo-existing", "--replace"]}
    moved = [f"--path-map={os.fsdecode(old)}={os.fsdecode(new)}" for old, new in adoption.path_map.rules]
    return ["--adopt", *moved, *again[adoption.existing]]


def open_adopted(
    address: "PostgresAddress", adoption: "Adoption", out: str, stop: Callable[[], bool], *, yes: bool
) -> "AbstractContextManager[AdoptedLibrary]":
    """The library, once all is known to be in order and a person agrees to what cannot simply be undone.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: the library cannot be taken over.
    """
    from midiprism.adopt.adoption import open_adopted_library, require_adoptable

    require_adoptable(address, adoption, out, stop)
    if adoption.existing == "replace":
        require_confirmation(
            "Of songs that their owner has split, rows of track_splits that lead to other contents than ours "
            "are taken out; `midiprism catalog undo` puts them back. Go on?",
            yes=yes,
        )
    return open_adopted_library(address, adoption, out, stop)


def print_adoption_plan(
    address: "PostgresAddress",
    adoption: "Adoption",
    out: str,
    stop: Callable[[], bool],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what taking over the library would do."""
    from midiprism.adopt.adoption import plan_adoption

    outlook = plan_adoption(address, adoption, out, stop)
    again = (
        "splits again, with what is missing added" if adoption.existing != "leave" else "leaves as they are"
    )
    if not quiet:
        screen = make_console(stderr=as_json)
        screen.print(
            f"{escape_unprintable(str(address))}: {pluralize(outlook.songs, 'song')} with several tracks"
        )
        for name, count, meaning in (
            ("adopted", outlook.adopted, f"their owner has split, which the run {again}"),
            ("known", outlook.known, "midiprism has come to in earlier runs"),
            ("to split", outlook.to_split, "are left"),
            ("missing", outlook.missing, "of these are not where they should be; --path-map says where else"),
        ):
            screen.print(format_count(name, count, meaning))
        screen.print("Nothing was written.")
    if as_json:
        typer.echo(json.dumps({"dry_run": True, **outlook._asdict()}))

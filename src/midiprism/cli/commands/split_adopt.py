"""``midiprism split --adopt``: adopt a library that another program keeps."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.confirm import require_confirmation
from midiprism.cli.options import PathMapOption
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_count,
    make_console,
    pluralize,
    print_json,
)
from midiprism.errors import UsageError
from midiprism.fs.path_text import path_text

if TYPE_CHECKING:
    from midiprism.adopt.adoption import AdoptedLibrary
    from midiprism.adopt.options import Adoption, ExistingLinksPolicy
    from midiprism.catalog import PostgresAddress
    from midiprism.pipeline import Settings

_NAME_WIDTH = 14


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """Options for the adoption of another program's library."""

    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Adopt the library that another program keeps in that database: split the songs in its "
            "table files that nobody has split, and fill its tables too.",
        ),
    ] = False
    path_map: PathMapOption = None
    complete_existing: Annotated[
        bool,
        typer.Option(
            "--complete-existing",
            help="With --adopt: also add the tracks that are missing for songs their owner has split.",
        ),
    ] = False
    redo_existing: Annotated[
        bool,
        typer.Option(
            "--redo-existing",
            help="With --adopt: split those songs again; their owner's rows stay beside ours.",
        ),
    ] = False
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="With --redo-existing: take out the owner's rows that lead to tracks with other content.",
        ),
    ] = False
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="With --replace: do not ask for confirmation. With --prune: remove songs even if more than "
            "half of a source is gone. With --adopt: go on although most songs are not at their paths.",
        ),
    ] = False

    def parse(
        self, sources: Sequence[str], source_arguments: Sequence[str], *, redo: bool
    ) -> "Adoption | None":
        """Return which library is adopted and how; None without ``--adopt``.

        Args:
            sources: and their options, which exclude ``--adopt``.
            redo: whether ``--redo`` is given, which excludes it too.

        Raises:
            UsageError: options exclude or need each other.
        """
        if not self.adopt:
            if self.path_map or self.complete_existing or self.redo_existing or self.replace:
                raise UsageError(
                    "--path-map, --complete-existing, --redo-existing and --replace need --adopt."
                )
            if not sources:
                raise UsageError("Name a SOURCE: folders, files, archives.")
            return None
        if sources or source_arguments:
            raise UsageError("With --adopt, the database lists the songs: leave SOURCE out.")
        if redo:
            raise UsageError(
                "--redo cannot be used with --adopt: `midiprism catalog undo` takes a run back, and "
                "--redo-existing splits again what the library's owner had split."
            )
        if self.replace and not self.redo_existing:
            raise UsageError("--replace needs --redo-existing.")
        from midiprism.adopt.options import Adoption
        from midiprism.sources.path_map import parse_path_map

        return Adoption(parse_path_map(self.path_map or ()), self._existing_links_policy())

    def _existing_links_policy(self) -> "ExistingLinksPolicy":
        if self.replace:
            return "replace"
        return "complete" if self.complete_existing or self.redo_existing else "leave"


def adoption_arguments(adoption: "Adoption") -> list[str]:
    """Return the options of ``split`` that repeat an adoption."""
    policy = {"leave": [], "complete": ["--complete-existing"], "replace": ["--redo-existing", "--replace"]}
    rules = [f"--path-map={path_text(old)}={path_text(new)}" for old, new in adoption.path_map.rules]
    return ["--adopt", *rules, *policy[adoption.existing]]


def require_postgres(database: "PostgresAddress | None") -> "PostgresAddress":
    """Return the database of the library to adopt.

    Raises:
        UsageError: none is named.
    """
    if database is None:
        raise UsageError("--adopt adopts a library in PostgreSQL: name it with --database.")
    return database


def add_adoption(settings: "Settings", adoption: "Adoption", adopted: "AdoptedLibrary") -> "Settings":
    """Return the settings of a run that fills the tables of an adopted library."""
    policy = replace(settings.rerun_policy, redo_adopted=adoption.existing != "leave")
    return replace(settings, rerun_policy=policy, catalog=replace(settings.catalog, hooks=(adopted.hook,)))


def open_adopted(
    address: "PostgresAddress", adoption: "Adoption", out: str, stop: Callable[[], bool], *, yes: bool
) -> "AbstractContextManager[AdoptedLibrary]":
    """Return the library, after checks, and after a person agrees to replace rows.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: the library cannot be adopted.
        SourceError: most of its songs are not at their paths.
    """
    from midiprism.adopt.adoption import count_owner_links, open_adopted_library, require_adoptable

    require_adoptable(address, adoption, out, stop, trusted=yes)
    if adoption.existing == "replace":
        count = count_owner_links(address)
        require_confirmation(
            "For songs that their owner has split, rows of track_splits that lead to tracks with other "
            f"content are taken out: up to {pluralize(count, 'row')}. `midiprism catalog undo` puts them "
            "back. Continue?",
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
    """Print what adopting the library would do."""
    from midiprism.adopt.adoption import plan_adoption

    plan = plan_adoption(address, adoption, out, stop)
    treatment = (
        "splits again, adding what is missing" if adoption.existing != "leave" else "leaves as they are"
    )
    if not quiet:
        console = make_console(stderr=as_json)
        console.print(
            f"{escape_unprintable(str(address))}: {pluralize(plan.songs, 'song')} with several tracks"
        )
        for name, count, meaning in (
            ("adopted", plan.adopted, f"were split by their owner, which the run {treatment}"),
            ("known", plan.known, "have an outcome from earlier runs of midiprism"),
            ("to split", plan.to_split, "are left"),
            ("missing", plan.missing, "of these do not exist at their paths; --path-map gives other paths"),
        ):
            console.print(format_count(name, count, meaning, width=_NAME_WIDTH))
        if adoption.existing == "replace":
            meaning = "rows of track_splits are the owner's; those that lead to other tracks are taken out"
            console.print(format_count("replaced", plan.replaceable_rows, meaning, width=_NAME_WIDTH))
        console.print("Nothing was written.")
    if as_json:
        print_json({"dry_run": True, **plan._asdict()})

"""Turn typed errors into a sentence that says what to do on the command line."""

import shlex
from functools import singledispatch

from midiprism import errors
from midiprism.adopt.errors import (
    ForeignTablesError,
    NotAdoptableError,
    NothingAddedError,
    SongsMissingError,
    UnknownRunError,
)
from midiprism.catalog.bound_error import BoundCatalogError
from midiprism.errors import MidiprismError
from midiprism.export.errors import HardlinkError
from midiprism.integrity.errors import EmptyCatalogError
from midiprism.metrics.errors import MetricsServerError
from midiprism.relocate.errors import DamagedResultError, RelocationRemainsError
from midiprism.results.errors import UnsuitableFileSystemError
from midiprism.web.errors import AddressError


@singledispatch
def explain(error: MidiprismError) -> str:
    """Return the message for an error: what happened and, where something helps, which option or command."""
    return str(error)


@explain.register
def _(error: errors.DoubtedScanError) -> str:
    return f"{error.reason}, so nothing of it was removed: bring it back, or add --yes if they are gone."


@explain.register
def _(error: errors.NotAResultError) -> str:
    if error.is_export:
        return f"{error.out} is a tree that `midiprism export` made: choose another folder for the result."
    return f"{error.out} holds no midiprism result: name the folder that `midiprism split` wrote to."


@explain.register
def _(error: errors.NotGroupedError) -> str:
    return f"{error} `midiprism duplicates --similar` finds them."


@explain.register
def _(error: errors.OlderContractError) -> str:
    return (
        f"{error.out} was made by an earlier version of midiprism, which split differently: "
        "--redo splits its songs again, or choose another folder for the result."
    )


@explain.register
def _(error: errors.IdentityMismatchError) -> str:
    if error.other_store:
        return (
            f"{error.out} was made with --store {error.store}: leave --store out, or choose another folder "
            "for the result."
        )
    return (
        f"{error.out} was made with --by {error.by} --context {error.context}: use the same, "
        "or choose another folder for the result."
    )


@explain.register
def _(error: errors.CatalogLocationError) -> str:
    if error.database is None:
        return f"The catalog of {error.out} is in that folder: leave --database out."
    return (
        f"The catalog of {error.out} is in PostgreSQL, {error.database}, as another user recorded: give its "
        "address by --database or MIDIPRISM_DATABASE_URL."
    )


@explain.register
def _(error: errors.AdoptionMismatchError) -> str:
    if error.adopted:
        return (
            f"{error.out} belongs to an adopted library, whose tables each run fills: split with --adopt, or "
            "choose another folder for songs of your own."
        )
    return f"{error.out} was made without --adopt: choose a new folder for the library's tracks."


@explain.register
def _(_error: errors.AdoptionNeedsFilesError) -> str:
    return (
        "The tables of an adopted library name files: leave --store out, and choose a folder that was not "
        "made with --store parquet."
    )


@explain.register
def _(error: HardlinkError) -> str:
    return f"The tracks of {error.out} are no files of their own: leave --hardlink out."


@explain.register
def _(error: RelocationRemainsError) -> str:
    return (
        f"{error.out} still holds what was relocated from there before: `midiprism relocate "
        f"{shlex.quote(error.out)} {shlex.quote(error.relocated_to)} --remove` empties it."
    )


@explain.register
def _(error: DamagedResultError) -> str:
    result = f"{shlex.quote(error.out)} {error.database_options}".rstrip()
    return (
        f"{error.reason} {error.out} is still the result: repair it with "
        f"`midiprism verify {result} --repair`, and give the same command again."
    )


@explain.register
def _(error: BoundCatalogError) -> str:
    if error.is_lost and error.out is not None:
        return (
            f"{error} `midiprism catalog rebind {shlex.quote(error.out)} {error.options}` makes the folder "
            "anew, and says how its tracks come back."
        )
    return (
        f"{error} Name that folder, or another --schema for a new catalog. If the folder is lost, `midiprism "
        f"catalog rebind NEW {error.options}` makes a new one, and says how its tracks come back."
    )


@explain.register
def _(error: EmptyCatalogError) -> str:
    return f"{error.catalog} is empty: give the same `midiprism split` first."


@explain.register
def _(error: errors.CommitHooksMismatchError) -> str:
    if error.bound:
        return f"The catalog {error.catalog} belongs to an adopted library: split with --adopt."
    return f"The catalog {error.catalog} was made without --adopt: name another --schema and folder."


@explain.register
def _(error: NotAdoptableError) -> str:
    return f"{error} `midiprism catalog check` says more."


@explain.register
def _(error: ForeignTablesError) -> str:
    return f"{error} `midiprism catalog check` says which tables are needed."


@explain.register
def _(error: SongsMissingError) -> str:
    return (
        f"{str(error).removesuffix('.')}, or name their new place with --path-map. If they are gone, add "
        "--yes. Nothing was written."
    )


@explain.register
def _(error: UnknownRunError) -> str:
    return f"{error} `midiprism status` lists them."


@explain.register
def _(error: NothingAddedError) -> str:
    if error.out is not None:
        command = f"midiprism forget {shlex.quote(error.out)} {error.options}".rstrip()
        return f"{error} `{command} --undo` puts them back."
    if error.removed:
        return f"{error} They cannot be put back: split again those that are still in their sources."
    return str(error)


@explain.register
def _(_error: errors.NoParquetSourceError) -> str:
    return "--column, --id and --keep are for Parquet files, and none of the sources is one."


@explain.register
def _(error: errors.AmbiguousSongColumnError) -> str:
    columns = ", ".join(error.candidates)
    return f"{error.path} has several columns of bytes: choose one of {columns} with --column."


@explain.register
def _(error: errors.PathMapRuleError) -> str:
    if error.fault == "incomplete":
        return f"--path-map {error.rule} is not OLD=NEW: the beginning of paths, and what it is now."
    if error.fault == "parent_folder":
        return f"--path-map {error.rule} has a component `..`: write the path out."
    return f"--path-map names {error.rule} twice."


@explain.register
def _(error: errors.UnfinishedRelocationError) -> str:
    return (
        f"{error.out} holds an unfinished relocation of {error.source}, which is still the result: "
        f"`midiprism relocate {shlex.quote(error.source)} {shlex.quote(error.out)}` continues it."
    )


@explain.register
def _(error: errors.NetworkFileSystemError) -> str:
    return (
        f"{error.out} is on a network file system ({error.kind}), where neither locks nor SQLite are "
        "reliable: choose a folder on a disk of this machine, or keep the catalog in PostgreSQL with "
        "--database."
    )


@explain.register
def _(error: UnsuitableFileSystemError) -> str:
    if error.fault == "locks":
        return (
            f"{error.reason}: choose a folder on another disk, or keep the catalog in PostgreSQL with "
            "--database."
        )
    return f"{error.reason}: choose a folder on another disk, or --store parquet."


@explain.register
def _(error: errors.InUseError) -> str:
    if error.owner:
        return str(error)
    return f"{error.out} is in use, such as by `midiprism verify`: wait until that has ended."


@explain.register
def _(error: errors.WorkerStartError) -> str:
    return (
        f"Worker processes end before they begin ({error.exit_description}): a split with --workers 0 works "
        "without them."
    )


@explain.register
def _(error: MetricsServerError) -> str:
    return (
        f"Metrics cannot be served at {error.address}, port {error.port}: {error.reason}. "
        "Choose another --metrics-port."
    )


@explain.register
def _(error: AddressError) -> str:
    return f"{error} Choose another --port or --host."

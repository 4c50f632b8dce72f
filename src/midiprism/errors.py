"""The exceptions of midiprism.

::

    MidiprismError                     anything that midiprism raises on purpose
    ├── CorruptMidiError               bytes that cannot be read as MIDI at all, or that exceed a limit
    ├── UsageError                     a request that cannot be followed as given (exit code 2)
    │   ├── NotAResultError            the folder holds no result
    │   ├── FolderError                a folder that the request cannot use
    │   │   ├── OlderBuildError        the result was made by an older build
    │   │   └── OlderContractError     the result was split by an earlier version of the contract
    │   ├── IdentityMismatchError      the result was made with another ``by``, ``context`` or store
    │   ├── CatalogLocationError       the catalog of the result is somewhere else
    │   ├── AdoptionMismatchError      an adopted result without its library, or the other way round
    │   ├── AdoptionNeedsFilesError    an adopted library with another store than ``files``
    │   ├── UnfinishedRelocationError  the folder is the target of a relocation that has not ended
    │   ├── NetworkFileSystemError     SQLite cannot be used on the file system of the result
    │   ├── NoParquetSourceError       columns are named, and no source is a Parquet file
    │   ├── AmbiguousSongColumnError   a Parquet file has several columns that may hold songs
    │   └── PathMapRuleError           a rule of a path map cannot be followed
    ├── SourceError                    a source that existed when the run began is missing
    │   └── DoubtedScanError           so many songs of a source are gone that it may not be all there
    ├── StoreError                     the folder of results cannot be written or read
    │   └── InUseError                 another process holds the folder
    ├── DamagedIndexError              a file of an index cannot be used; it is made again
    ├── CatalogError                   the catalog cannot be opened, read or written
    │   └── CommitHooksMismatchError   commits to the catalog go through other hooks
    └── WorkerStartError               worker processes cannot be started

``UnreadableError`` of ``midiprism.sources`` is one too: the bytes of a song cannot be read.
Some packages add errors of their own: see ``errors`` in ``adopt``, ``export``, ``integrity``, ``metrics``,
``relocate``, ``results`` and ``search``.

Every message is one sentence that says what happened and, where something can be done, what to do. Messages
name no command-line option: the facts are attributes, from which the command line phrases its own advice.
"""

from collections.abc import Iterable, Sequence
from typing import Literal


class MidiprismError(Exception):
    """Base class of every exception that midiprism raises on purpose."""


class KernelCacheWarning(UserWarning):
    """The splitter is compiled again each time, since no folder is safe to keep its compiled form in."""


def unexpected_error_message(error: Exception) -> str:
    """Return the message about one song or file whose handling raised what nobody expected."""
    return f"midiprism failed on it, which is a bug to report: {type(error).__name__}: {error}"


class CorruptMidiError(MidiprismError):
    """Bytes that cannot be read as a MIDI file at all, or that exceed a limit.

    Attributes:
        code: stable, short reason: ``empty``, ``apple_double``, ``not_midi``, ``header``, ``division``,
            ``unreadable_music``, ``song_size`` or ``limit``.
        offset: where in the bytes it was found.
    """

    def __init__(self, code: str, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset

    def __reduce__(self) -> tuple[type["CorruptMidiError"], tuple[str, str, int]]:
        return type(self), (self.code, str(self), self.offset)


class UsageError(MidiprismError):
    """A request that cannot be followed as it was given."""


class FolderError(UsageError):
    """A folder that a request cannot use.

    Attributes:
        out: its path.
    """

    def __init__(self, out: str) -> None:
        super().__init__(out)
        self.out = out


class NotGroupedError(FolderError):
    """A result in which no groups of similar tracks were found yet."""

    def __str__(self) -> str:
        return f"The groups of similar tracks of {self.out} are not known yet."


class NotAResultError(UsageError):
    """A folder that holds no result.

    Attributes:
        out: the folder.
        is_export: whether it is a tree that an export made.
    """

    def __init__(self, out: str, *, is_export: bool = False) -> None:
        super().__init__(out)
        self.out = out
        self.is_export = is_export

    def __str__(self) -> str:
        if self.is_export:
            return f"{self.out} is a tree that an export made: choose another folder for the result."
        return f"{self.out} holds no midiprism result: name the folder of one."


class OlderBuildError(FolderError):
    """A result that was made by an older build, whose layout this one does not read."""

    def __str__(self) -> str:
        return f"{self.out} was made by an older build; split again, into another folder."


class OlderContractError(FolderError):
    """A result whose songs were split by an earlier version of the contract."""

    def __str__(self) -> str:
        return (
            f"{self.out} was made by an earlier version of midiprism, which split differently: "
            "redo its songs, or choose another folder for the result."
        )


class IdentityMismatchError(UsageError):
    """A result that was made with other settings than those requested.

    Attributes:
        out: its folder.
        by: what it was made with; likewise ``context`` and ``store``.
        other_store: whether only the store differs.
    """

    def __init__(self, out: str, by: str, context: str, store: str, other_store: bool) -> None:
        super().__init__(out, by, context, store, other_store)
        self.out = out
        self.by = by
        self.context = context
        self.store = store
        self.other_store = other_store

    def __str__(self) -> str:
        made_with = f"store={self.store}" if self.other_store else f"by={self.by} and context={self.context}"
        return f"{self.out} was made with {made_with}: use the same, or choose another folder for the result."


class CatalogLocationError(UsageError):
    """A result whose catalog is not where it was looked for.

    Attributes:
        out: folder of the result.
        database: the PostgreSQL catalog of the result, without a password; None where the catalog is a file
            in the folder.
    """

    def __init__(self, out: str, database: str | None) -> None:
        super().__init__(out, database)
        self.out = out
        self.database = database

    def __str__(self) -> str:
        if self.database is None:
            return f"The catalog of {self.out} is in that folder: name no database."
        return (
            f"The catalog of {self.out} is in PostgreSQL, {self.database}: give the address of that database."
        )


class AdoptionMismatchError(UsageError):
    """A result of an adopted library for songs of one's own, or the other way round.

    Attributes:
        out: folder of the result.
        adopted: whether the result belongs to an adopted library.
    """

    def __init__(self, out: str, adopted: bool) -> None:
        super().__init__(out, adopted)
        self.out = out
        self.adopted = adopted

    def __str__(self) -> str:
        if self.adopted:
            return (
                f"{self.out} belongs to an adopted library, whose tables each run fills: adopt it again, or "
                "choose another folder for songs of your own."
            )
        return (
            f"{self.out} was made without adopting a library: choose a new folder for the library's tracks."
        )


class AdoptionNeedsFilesError(UsageError):
    """An adopted library with another store than ``files``."""

    def __str__(self) -> str:
        return "The tables of an adopted library name files: use the store of files, in a folder that has it."


class UnfinishedRelocationError(UsageError):
    """A folder to which a result is still being relocated.

    Attributes:
        out: that folder.
        source: the folder that is still the result.
    """

    def __init__(self, out: str, source: str) -> None:
        super().__init__(out, source)
        self.out = out
        self.source = source

    def __str__(self) -> str:
        return (
            f"{self.out} holds an unfinished relocation of {self.source}, which is still the result: "
            "relocate it again to continue."
        )


class NetworkFileSystemError(UsageError):
    """A result with a catalog in SQLite on a network file system.

    Attributes:
        out: folder of the result.
        kind: the file system, such as ``nfs4``.
    """

    def __init__(self, out: str, kind: str) -> None:
        super().__init__(out, kind)
        self.out = out
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"{self.out} is on a network file system ({self.kind}), where neither locks nor SQLite are "
            "reliable: choose a folder on a disk of this machine, or keep the catalog in PostgreSQL."
        )


class NoParquetSourceError(UsageError):
    """Columns of Parquet files were named, and no source is a Parquet file."""

    def __str__(self) -> str:
        return "Columns are named, and none of the sources is a Parquet file."


class AmbiguousSongColumnError(UsageError):
    """A Parquet file with several columns that may hold songs.

    Attributes:
        path: of the file.
        candidates: names of the columns.
    """

    def __init__(self, path: str, candidates: Sequence[str]) -> None:
        super().__init__(path, candidates)
        self.path = path
        self.candidates = tuple(candidates)

    def __str__(self) -> str:
        return f"{self.path} has several columns of bytes: choose one of {', '.join(self.candidates)}."


PathMapFault = Literal["incomplete", "parent_folder", "duplicate"]
"""Why a rule is refused: it is not OLD=NEW, it has a component ``..``, or another rule has the same OLD."""


class PathMapRuleError(UsageError):
    """A rule of a path map that cannot be followed.

    Attributes:
        rule: the rule; of a duplicate its OLD.
        fault: what is wrong with it.
    """

    def __init__(self, rule: str, fault: PathMapFault) -> None:
        super().__init__(rule, fault)
        self.rule = rule
        self.fault = fault

    def __str__(self) -> str:
        if self.fault == "incomplete":
            return f"The path mapping {self.rule} is not OLD=NEW: the beginning of paths, and what it is now."
        if self.fault == "parent_folder":
            return f"The path mapping {self.rule} has a component `..`: write the path out."
        return f"There are two path mappings for {self.rule}."


class SourceError(MidiprismError):
    """A source that existed when the run began is missing."""


class DoubtedScanError(SourceError):
    """So many songs of a source are gone that the source itself may not be all there.

    Attributes:
        reason: which source, and how much of it is missing, as a sentence without its end.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}, so nothing of it was removed: bring it back, or say that they are gone."


class StoreError(MidiprismError):
    """The folder of results cannot be written or read."""


class InUseError(StoreError):
    """A folder that another process holds.

    Attributes:
        out: the folder.
        owner: the process that writes it, such as ``process 12 on host``; empty where others only read it.
    """

    def __init__(self, out: str, owner: str = "") -> None:
        super().__init__(out, owner)
        self.out = out
        self.owner = owner

    def __str__(self) -> str:
        if not self.owner:
            return f"{self.out} is in use by a process that reads it: wait until that has ended."
        return f"{self.out} is being written by {self.owner}: wait until it has ended."


class DamagedIndexError(MidiprismError):
    """A file of an index that cannot be used: cut off, changed, or of another version."""


class CatalogError(MidiprismError):
    """The catalog cannot be opened, read or written."""


class CommitHooksMismatchError(CatalogError):
    """A catalog whose commits go through other hooks than those of a run.

    Attributes:
        catalog: its address, without a password.
        bound: names of the catalog's hooks.
        given: names of the run's hooks.
    """

    def __init__(self, catalog: str, bound: Iterable[str], given: Iterable[str]) -> None:
        self.catalog = catalog
        self.bound = frozenset(bound)
        self.given = frozenset(given)
        super().__init__(catalog, self.bound, self.given)

    def __str__(self) -> str:
        bound, given = (" and ".join(sorted(names)) or "no hook" for names in (self.bound, self.given))
        return f"Commits to the catalog {self.catalog} go through {bound}, and those of this run {given}."


class WorkerStartError(MidiprismError):
    """Worker processes end before they begin.

    Attributes:
        exit_description: how they ended, such as ``exit code 1``.
    """

    def __init__(self, exit_description: str) -> None:
        super().__init__(exit_description)
        self.exit_description = exit_description

    def __str__(self) -> str:
        return (
            f"Worker processes end before they begin ({self.exit_description}): work without them, with "
            "workers=0."
        )

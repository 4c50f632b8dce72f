"""The interface of a store of tracks.

Every kind of store implements ``TrackStore``, and ``midiprism.stores`` lists the kinds. Code that uses a
store does not ask for its kind: its ``capabilities`` say what it can do, and its ``shards`` are the
operations that only stores of shards have.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.records.batches import BatchRecord
from midiprism.stores.shard_sink import ShardSink
from midiprism.stores.sharded import ShardedTracks
from midiprism.stores.types import (
    CopyOutcome,
    EntryFilter,
    FileStatus,
    PrefixFilter,
    ScannedEntry,
    StoredTrack,
    TrackLocation,
    any_entry,
    any_prefix,
)


@dataclass(frozen=True, slots=True)
class StoreCapabilities:
    """Capabilities of a store.

    Attributes:
        writes_in_commit: ``put`` only collects tracks, and a sink writes them in the commit
            (``commit_sink``).
        flush_covers_all_writers: ``flush`` makes durable also what other processes have put.
        tracks_are_files: each track is a file of its own (``local_path``), which can be linked to.
        moves_with_folder: renaming the folder of the result moves its tracks.
        block_size: a track takes a multiple of so many bytes.
        folders: folders below the result that belong to the store.
    """

    writes_in_commit: bool = False
    flush_covers_all_writers: bool = True
    tracks_are_files: bool = False
    moves_with_folder: bool = True
    block_size: int = 1
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Options for opening a store.

    Attributes:
        metadata: facts about the result, which a store may write into its files.
        commits_in_order: batches are committed in the order in which their tracks are taken, so that no
            track has to be taken twice.
        replaces_obstacles: ``put`` removes anything in the place of a track, as a repair does.
        file_system: through which files are listed, checked and removed.
        mirrored_url: URL of object storage that holds the tracks, below the same names; empty for the folder.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    commits_in_order: bool = False
    replaces_obstacles: bool = False
    file_system: FileSystem = LOCAL_FILE_SYSTEM
    mirrored_url: str = ""


class TrackCopier(Protocol):
    """Copies what a store holds to another store of its kind. Any number of threads may use it."""

    def copy(self, path: str, digest: bytes) -> CopyOutcome:
        """Copy a track or a shard, and check it by its digest; what is already present is read and left.

        Args:
            path: see ``TrackStore.path_of``.
            digest: BLAKE3 of its bytes.

        Raises:
            LostOrDamagedError: it is lost or damaged.
            StoreError: the copy cannot be written.
        """

    def copy_derived(self) -> None:
        """Copy the files that derive from the catalog, such as the table of songs, if there are any.

        Raises:
            LostOrDamagedError: one of them cannot be read.
            StoreError: the copy cannot be written.
        """

    def flush(self) -> None:
        """Return when all copies would survive a power cut.

        Raises:
            StoreError: they would not.
        """


class TrackStore(Protocol):
    """A store of the tracks of one result. It can be pickled, so that worker processes can put tracks.

    Paths are relative to its root, with ``/`` between their parts.
    """

    @property
    def capabilities(self) -> StoreCapabilities:
        """Capabilities of the store."""

    @property
    def shards(self) -> ShardedTracks | None:
        """Further operations, if the store keeps many tracks in one file; else None."""

    def close(self) -> None:
        """Close the files that are open for reading."""

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        """Stage a track, unless it is stored already.

        Args:
            data: its bytes.
            digest: their BLAKE3.
            name: the track name that they state; None without one.
            instrument: the instrument that they state.
            family: its family.

        Raises:
            StoreError: it cannot be written.
        """

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        """Return by their digests the tracks put since the last call that a commit has to write.

        Only a store that ``writes_in_commit`` has any.

        Args:
            wanted: of which tracks; None for all.
        """

    def forget_taken(self) -> None:
        """Give tracks that were taken before to ``take_pending`` again: commits are not in that order."""

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> ShardSink | None:
        """Return the writer of a commit's tracks and links; None unless the store ``writes_in_commit``.

        Args:
            run_id: of the run that commits.
            batches: that are committed, with the bytes of their tracks.
        """

    def flush(self) -> None:
        """Return when everything that was put, or was found present, would survive a power cut.

        Another thread may put more meanwhile, which may not be durable yet.

        Raises:
            StoreError: the system reports that it would not.
        """

    def path_of(self, location: TrackLocation) -> str | None:
        """Return the path of the file that holds a track; None where no file does."""

    def local_path(self, location: TrackLocation) -> str | None:
        """Return the absolute path of a track's own file; None where it has none.

        Raises:
            StoreError: the file is missing.
        """

    def read(self, location: TrackLocation) -> bytes:
        """Return the bytes of a track.

        Raises:
            StoreError: it is missing, or cannot be read.
        """

    def status_of(self, location: TrackLocation) -> FileStatus:
        """Return what is in the place of a track, which is read whole. Several threads may call it."""

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:
        """Return everything that the store holds, some entries at a time, in a stable order.

        Args:
            wants_prefix: returns whether tracks whose digest has this first byte are wanted; others may be
                left out.
        """

    def is_same_file(self, listed_path: str, path: str) -> bool:
        """Return whether an entry of ``scan`` is the file at ``path``, which ``path_of`` gave.

        A file system may list names in another spelling than they were created with.
        """

    def entry_status(self, path: str) -> FileStatus:
        """Return what is at the path of an entry of ``scan``; a file is read whole."""

    def delete(self, path: str) -> None:
        """Remove an entry of ``scan``, or what ``path_of`` gave, if it is there; of a link only itself.

        Raises:
            StoreError: it cannot be removed.
        """

    def remove_temporary_files(self, may_remove: EntryFilter = any_entry) -> int:
        """Remove what interrupted writes left, and return how many files; no process may be writing.

        Args:
            may_remove: returns whether one may be removed.
        """

    def copier_to(self, root: str) -> TrackCopier:
        """Return a copier to the store of the same kind in another folder, which exists."""

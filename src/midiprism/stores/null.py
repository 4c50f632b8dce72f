"""A store that keeps nothing: for dry runs, and to measure everything else."""

from collections.abc import Iterator, Sequence, Set

from midiprism.errors import StoreError
from midiprism.records.batches import BatchRecord
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_path, track_stem
from midiprism.stores.interface import StoreCapabilities, TrackCopier
from midiprism.stores.types import (
    EntryFilter,
    FileStatus,
    PrefixFilter,
    ScannedEntry,
    StoredTrack,
    TrackLocation,
    any_entry,
    any_prefix,
)

_CAPABILITIES = StoreCapabilities()


class NullStore:
    """Names the path of each track as a store of files does, and keeps nothing; see ``TrackStore``."""

    shards = None

    @property
    def capabilities(self) -> StoreCapabilities:
        return _CAPABILITIES

    def close(self) -> None:
        pass

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        stem = track_stem(name, instrument)
        return StoredTrack(track_path(family, stem, digest), stem, SHORT_DIGEST_DIGITS, new=True, unseen=True)

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:  # noqa: ARG002
        return {}

    def forget_taken(self) -> None:
        pass

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> None:  # noqa: ARG002
        return None

    def flush(self) -> None:
        pass

    def path_of(self, location: TrackLocation) -> str:
        return track_path(location.family, location.stem, location.digest, location.digest_digits)

    def local_path(self, location: TrackLocation) -> None:  # noqa: ARG002
        return None

    def read(self, location: TrackLocation) -> bytes:
        raise StoreError(f"{self.path_of(location)} is not there: this store keeps nothing.")

    def status_of(self, location: TrackLocation) -> FileStatus:  # noqa: ARG002
        return FileStatus("missing", reason="This store keeps nothing.")

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:  # noqa: ARG002
        return iter(())

    def is_same_file(self, listed_path: str, path: str) -> bool:
        return listed_path == path

    def entry_status(self, path: str) -> FileStatus:  # noqa: ARG002
        return FileStatus("missing", reason="This store keeps nothing.")

    def delete(self, path: str) -> None:
        pass

    def remove_temporary_files(self, may_remove: EntryFilter = any_entry) -> int:  # noqa: ARG002
        return 0

    def copier_to(self, root: str) -> TrackCopier:
        raise StoreError(f"There is nothing to copy to {root}: this store keeps nothing.")

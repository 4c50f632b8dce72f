"""A store that keeps nothing: for dry runs, and to measure everything else."""

from collections.abc import Iterator

from midiprism.errors import StoreError
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_path, track_stem
from midiprism.stores.interface import StoredTrack


class NullStore:
    """Says where each split would go; every one is new to it."""

    block_size = 1
    flush_covers_all_writers = True

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        stem = track_stem(name, instrument)
        return StoredTrack(track_path(family, stem, digest), stem, SHORT_DIGEST_DIGITS, new=True)

    def get(self, path: str) -> bytes:
        raise StoreError(f"{path} is not kept: this store keeps nothing.")

    def exists(self, path: str) -> bool:  # noqa: ARG002
        return False

    def path_of(self, family: str, stem: str, digest: bytes, digits: int) -> str:
        return track_path(family, stem, digest, digits)

    def remove(self, path: str) -> None:
        pass

    def flush(self) -> None:
        pass

    def walk(self) -> Iterator[str]:
        return iter(())

    def remove_temporary_files(self) -> int:
        return 0

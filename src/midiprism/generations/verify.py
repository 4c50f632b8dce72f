"""Checks that a result in object storage is complete and undamaged."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from blake3 import blake3

from midiprism.generations.digests import DIGEST_BYTES, as_array
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.result import GenerationResult, Manifest, TableFile, open_result
from midiprism.generations.stored_objects import read_object
from midiprism.objects import ObjectMissingError, open_storage
from midiprism.stores.parquet.io import open_reader, parquet_errors
from midiprism.stores.parquet.schema import DIGEST_COLUMN, MUSIC_COLUMN, import_pyarrow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLUMNS = {
    TRACKS: (DIGEST_COLUMN, MUSIC_COLUMN),
    LINKS: ("song_blake3", "track_blake3"),
    SONGS: ("blake3",),
    PATHS: ("blake3",),
}


class Damage(NamedTuple):
    """Something wrong with a result.

    Attributes:
        name: of the object concerned; empty for the result.
        message: one sentence.
    """

    name: str
    message: str


class Verification(NamedTuple):
    """The result of a check.

    Attributes:
        url: of the result.
        generation: that was checked; 0 if none is committed.
        files: that were read.
        tracks: whose bytes were compared with their digests.
        damage: all that was found.
    """

    url: str
    generation: int
    files: int
    tracks: int
    damage: tuple[Damage, ...]


def verify_generations(
    url: str,
    stop: Callable[[], bool] = lambda: False,
    on_file: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Read every file that the newest manifest names, and return what is damaged. Nothing is written.

    Memory grows by about 100 bytes for each track and song.

    Args:
        url: of the result.
        stop: once true, the check ends.
        on_file: called with the number of files that were checked, and of all.

    Raises:
        UsageError: there is no result.
        ObjectStorageError: the store does not answer.
        GenerationStoppedError: the check was stopped.
    """
    result = open_result(open_storage(url))
    manifest = result.newest_manifest()
    check = _Check(result, manifest)
    files = sorted(manifest.files, key=lambda file: (*_COLUMNS,).index(file.table))
    for number, file in enumerate(files):
        if stop():
            raise GenerationStoppedError
        on_file(number, len(files))
        check.add(file)
    check.finish()
    on_file(len(files), len(files))
    return Verification(result.storage.url, manifest.number, len(files), check.tracks, tuple(check.damage))


class _Check:
    """Collects digests of songs and tracks, and what is damaged."""

    def __init__(self, result: GenerationResult, manifest: Manifest) -> None:
        self._result = result
        self._manifest = manifest
        self._digests: dict[str, list[bytes]] = {name: [] for name in ("tracks", "songs")}
        self._linked: dict[str, list[NDArray[np.bytes_]]] = {name: [] for name in self._digests}
        self._on_paths: list[NDArray[np.bytes_]] = []
        self.tracks = 0
        self.damage: list[Damage] = []

    def add(self, file: TableFile) -> None:
        """Read a file, and check what it says by itself."""
        columns = self._read(file)
        if columns is None:
            return
        if file.table == TRACKS:
            self._add_tracks(file, columns)
        elif file.table == LINKS:
            self._linked["songs"].append(_unique(columns["song_blake3"]))
            self._linked["tracks"].append(_unique(columns["track_blake3"]))
        elif file.table == SONGS:
            self._digests["songs"] += _shortened(columns["blake3"])
        else:
            self._on_paths.append(_unique(columns["blake3"]))

    def finish(self) -> None:
        """Check what files say of each other."""
        index = {"songs": self._index(songs=True), "tracks": self._index(songs=False)}
        for name, digests in self._digests.items():
            present = as_array(b"".join(sorted(digests)))
            doubles = len(present) - len(_distinct([present]))
            if doubles:
                self.damage.append(Damage("", f"{doubles:,} {name} are there twice."))
            self._compare(present, index[name], f"{{:,}} {name} that were found new are in no file.")
            self._compare(present, _distinct(self._linked[name]), f"{{:,}} {name} of links are in no file.")
        songs = as_array(b"".join(sorted(self._digests["songs"])))
        self._compare(songs, _distinct(self._on_paths), "{:,} songs at paths have no outcome.")

    def _compare(self, present: "NDArray[np.bytes_]", needed: "NDArray[np.bytes_]", message: str) -> None:
        import numpy as np

        missing = int(np.isin(needed, present, invert=True).sum())
        if missing:
            self.damage.append(Damage("", message.format(missing)))

    def _index(self, *, songs: bool) -> "NDArray[np.bytes_]":
        """Return the digests of songs, or else of tracks, that all generations have added."""
        lanes = []
        for file in self._manifest.index:
            data = self._object(file)
            middle = file.stored.rows * DIGEST_BYTES
            lanes.append(as_array(data[:middle] if songs else data[middle:]))
        return _distinct(lanes)

    def _add_tracks(self, file: TableFile, columns: dict[str, Any]) -> None:
        wrong = 0
        for digest, music in zip(columns[DIGEST_COLUMN], columns[MUSIC_COLUMN], strict=True):
            wrong += blake3(music).hexdigest() != digest
        if wrong:
            self.damage.append(Damage(file.stored.name, f"{wrong:,} tracks are not those of their digests."))
        self.tracks += len(columns[DIGEST_COLUMN])
        self._digests["tracks"] += _shortened(columns[DIGEST_COLUMN])

    def _read(self, file: TableFile) -> dict[str, Any] | None:
        """Return the columns of a file that are checked; None if it is damaged."""
        data = self._object(file)
        if not data:
            return None
        errors: tuple[type[Exception], ...] = (OSError, *parquet_errors())
        try:
            reader = open_reader(import_pyarrow().BufferReader(data))
            table = reader.read(columns=[*_COLUMNS[file.table]])
        except errors as error:
            self.damage.append(Damage(file.stored.name, f"It cannot be read as Parquet: {error}."))
            return None
        if len(table) != file.stored.rows:
            self.damage.append(
                Damage(file.stored.name, f"It has {len(table):,} rows instead of {file.stored.rows:,}.")
            )
        return {name: table.column(name).to_pylist() for name in _COLUMNS[file.table]}

    def _object(self, file: TableFile) -> bytes:
        """Return the bytes of an object; none if it is missing or damaged."""
        try:
            return read_object(self._result.storage, file.stored)
        except (ObjectMissingError, GenerationError) as error:
            message = "It is missing." if isinstance(error, ObjectMissingError) else "It is damaged."
            if all(known.name != file.stored.name for known in self.damage):
                self.damage.append(Damage(file.stored.name, message))
            return b""


def _shortened(digests: list[str | None]) -> Iterator[bytes]:
    return (bytes.fromhex(digest)[:DIGEST_BYTES] for digest in digests if digest is not None)


def _unique(digests: list[str | None]) -> "NDArray[np.bytes_]":
    return as_array(b"".join({*_shortened(digests)}))


def _distinct(parts: "list[NDArray[np.bytes_]]") -> "NDArray[np.bytes_]":
    """Return the digests of several arrays, each once."""
    import numpy as np

    distinct: NDArray[np.bytes_] = np.unique(np.concatenate([as_array(b""), *parts]))
    return distinct

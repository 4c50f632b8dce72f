"""Reads the files of a result for a check, which goes on after a damaged one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import GROUPS, LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.result import TableFile
from midiprism.generations.stored_objects import read_object
from midiprism.objects import ObjectMissingError, ObjectStorage
from midiprism.stores.parquet.io import open_reader, parquet_errors
from midiprism.stores.parquet.schema import DIGEST_COLUMN, MUSIC_COLUMN, import_pyarrow

COLUMNS = {
    TRACKS: (DIGEST_COLUMN, MUSIC_COLUMN),
    LINKS: ("song_blake3", "track_blake3"),
    SONGS: ("blake3", "track_count"),
    PATHS: ("blake3",),
    GROUPS: ("blake3", "song_group", "fold"),
}
"""The columns of each table that are checked."""

ROWS_AT_ONCE = 1_024


class Damage(NamedTuple):
    """Something wrong with a result.

    Attributes:
        name: of the object concerned; empty for the result.
        message: one sentence.
    """

    name: str
    message: str

    @property
    def is_of_groups(self) -> bool:
        """True if it is below ``groups/``, all of which can be removed and made again."""
        return self.name.startswith(f"{GROUPS}/")


class DamagedFileError(Exception):
    """A file cannot be read as what it is.

    Attributes:
        damage: of the file.
    """

    def __init__(self, file: TableFile, message: str) -> None:
        super().__init__(message)
        self.damage = Damage(file.stored.name, message)


def read_bytes(storage: ObjectStorage, file: TableFile) -> bytes:
    """Return the bytes of an object.

    Raises:
        DamagedFileError: it is missing or damaged.
        ObjectStorageError: the store does not answer.
    """
    try:
        return read_object(storage, file.stored)
    except ObjectMissingError:
        raise DamagedFileError(file, "It is missing.") from None
    except GenerationError:
        raise DamagedFileError(file, "It is damaged.") from None


def read_tables(storage: ObjectStorage, file: TableFile, columns: tuple[str, ...]) -> Iterator[Any]:
    """Yield the rows of a file as Arrow tables of up to ``ROWS_AT_ONCE`` rows.

    Raises:
        DamagedFileError: it is missing, damaged or no Parquet file with these columns.
        ObjectStorageError: the store does not answer.
    """
    data = read_bytes(storage, file)
    errors: tuple[type[Exception], ...] = (OSError, KeyError, *parquet_errors())
    pyarrow = import_pyarrow()
    try:
        reader = open_reader(pyarrow.BufferReader(data))
        lost = {*columns} - {*reader.schema_arrow.names}
        if lost:
            raise DamagedFileError(file, f"It has no columns {', '.join(sorted(lost))}.")
        for batch in reader.iter_batches(ROWS_AT_ONCE, columns=[*columns]):
            yield pyarrow.Table.from_batches([batch])
    except errors as error:
        raise DamagedFileError(file, f"It cannot be read as Parquet: {error}.") from None

"""Damage to results in object storage: objects that are changed, and manifests that name other files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from midiprism.generations.layout import manifest_key
from midiprism.generations.result import Manifest, TableFile, open_result
from midiprism.generations.stored_objects import put_object
from midiprism.objects import ObjectStorage, ReadRequest, create_record, open_storage

NOBODY = "ab" * 32
"""A digest that nothing has."""


class DamagedResult:
    """A result that is damaged on request.

    Args:
        url: of the result.
    """

    def __init__(self, url: str) -> None:
        self.storage: ObjectStorage = open_storage(url)
        self._result = open_result(self.storage)

    @property
    def manifest(self) -> Manifest:
        return self._result.newest_manifest()

    def file_of(self, table: str) -> TableFile:
        """Return the first file of a table that has rows."""
        return next(file for file in self.manifest.files if file.table == table and file.stored.rows)

    def name_files(self, files: Sequence[TableFile]) -> None:
        """Let the manifest name other files."""
        manifest = self.manifest
        self.storage.delete([manifest_key(manifest.number)])
        changed = replace(manifest, files=tuple(files))
        create_record(self.storage, manifest_key(manifest.number), changed.as_json())

    def leave_out(self, table: str) -> None:
        dropped = self.file_of(table)
        self.name_files([file for file in self.manifest.files if file != dropped])

    def name_twice(self, table: str) -> None:
        self.name_files([*self.manifest.files, self.file_of(table)])

    def spoil(self, name: str) -> None:
        """Change the first byte of an object."""
        data = self.storage.read(ReadRequest(name))
        self.storage.put(name, bytes([data[0] ^ 1]) + data[1:])

    def write(self, table: str, data: bytes, rows: int | None = None) -> None:
        """Put another object in the place of the first file of a table, and name it."""
        old = self.file_of(table)
        stored = put_object(
            self.storage, f"{old.stored.name}-2", data, old.stored.rows if rows is None else rows
        )
        changed = replace(old, stored=stored)
        self.name_files([changed if file == old else file for file in self.manifest.files])

    def rewrite(self, table: str, change: Callable[[Any], Any]) -> None:
        """Put a file with other rows in the place of the first file of a table.

        Args:
            table: of the file.
            change: takes the rows as an Arrow table, and returns others.
        """
        data = self.storage.read(ReadRequest(self.file_of(table).stored.name))
        rows = change(pyarrow.parquet.read_table(pyarrow.BufferReader(data)))
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(rows, sink)
        self.write(table, bytes(sink.getvalue()))


def with_first(name: str, value: object) -> Callable[[Any], Any]:
    """Return a function that changes the first value of a column that is not null."""

    def change(rows: Any) -> Any:
        values = rows.column(name).to_pylist()
        values[next(place for place, it in enumerate(values) if it is not None)] = value
        return rows.set_column(rows.schema.get_field_index(name), name, pyarrow.array(values))

    return change


class Damaging(NamedTuple):
    """A kind of damage.

    Attributes:
        cause: damages a result.
        message: a part of what a check says of it.
    """

    cause: Callable[[DamagedResult], None]
    message: str


def _index_object(result: DamagedResult) -> str:
    return next(file.stored.name for file in result.manifest.index if file.stored.size)


KINDS_OF_DAMAGE = {
    "missing tracks": Damaging(
        lambda it: it.storage.delete([it.file_of("tracks").stored.name]), "It is missing."
    ),
    "spoiled links": Damaging(lambda it: it.spoil(it.file_of("links").stored.name), "It is damaged."),
    "missing songs": Damaging(lambda it: it.storage.delete([it.file_of("songs").stored.name]), "no outcome"),
    "spoiled paths": Damaging(lambda it: it.spoil(it.file_of("paths").stored.name), "It is damaged."),
    "no tracks": Damaging(lambda it: it.leave_out("tracks"), "tracks that were found new are in no file"),
    "no links": Damaging(lambda it: it.leave_out("links"), "do not have as many links as they should"),
    "no songs": Damaging(lambda it: it.leave_out("songs"), "songs at paths have no outcome"),
    "tracks twice": Damaging(lambda it: it.name_twice("tracks"), "tracks are there twice."),
    "links twice": Damaging(lambda it: it.name_twice("links"), "do not have as many links as they should"),
    "songs twice": Damaging(lambda it: it.name_twice("songs"), "songs are there twice."),
    "spoiled index": Damaging(lambda it: it.spoil(_index_object(it)), "It is damaged."),
    "missing index": Damaging(lambda it: it.storage.delete([_index_object(it)]), "It is missing."),
    "other music": Damaging(
        lambda it: it.rewrite("tracks", with_first("music", b"MThd")), "1 tracks are not those of their"
    ),
    "another track": Damaging(
        lambda it: it.rewrite("links", with_first("track_blake3", NOBODY)),
        "1 tracks of links are in no file.",
    ),
    "another song": Damaging(
        lambda it: it.rewrite("links", with_first("song_blake3", NOBODY)),
        "1 songs of links are in no file.",
    ),
    "another path": Damaging(
        lambda it: it.rewrite("paths", with_first("blake3", NOBODY)), "1 songs at paths have no outcome."
    ),
    "no digest": Damaging(
        lambda it: it.rewrite("links", with_first("song_blake3", "z" * 64)), "It cannot be read: it has"
    ),
    "short digest": Damaging(
        lambda it: it.rewrite("paths", with_first("blake3", "ab")), "It cannot be read: it has"
    ),
    "no column": Damaging(
        lambda it: it.rewrite("songs", lambda rows: rows.drop_columns(["track_count"])), "no columns"
    ),
    "other rows": Damaging(lambda it: it.rewrite("paths", lambda rows: rows.slice(1)), "rows instead of"),
    "no Parquet": Damaging(lambda it: it.write("links", b"junk"), "It cannot be read as Parquet"),
}

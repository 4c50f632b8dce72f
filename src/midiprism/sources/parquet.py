"""Parquet files as sources: each row of a column of bytes is a song.

A song's path is the file's, the column's name, the number of the row and, if songs have names, the name:
``songs.parquet/midi/00000017/Björn/Blue Moon.mid``. So paths are in the order of the rows, which have to be
read forward; two songs of one name are two paths; another column gives other paths; and a path alone says
which row it is. What a person reads as the song begins behind the number.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.file_cache import FileCache
from midiprism.sources.file_types import MAX_NAME_BYTES, MIDI_SUFFIXES
from midiprism.sources.parquet_reader import MAX_FACTS_CHARACTERS, ColumnRoles, ParquetRows, require_pyarrow
from midiprism.sources.read_file import read_error
from midiprism.sources.source import MemberLocation, Notice, SongContent, SongRef, Source, UnreadableError

_SEPARATOR = os.fsencode(os.sep)
_ROW_NUMBER_DIGITS = 8
_MAX_ROW_NUMBER_DIGITS = 18
_UNQUOTED_CHARACTERS = " !#$&'()+,;=@[]{}"


class ParquetReader:
    """Parquet files, of which rows are read. The last few stay open."""

    def __init__(self) -> None:
        self._open_files = FileCache(ParquetRows)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["ParquetReader"], tuple[()]]:
        return type(self), ()

    def read(
        self, path: bytes, row_number: int, column_roles: ColumnRoles, mtime_ns: int | None, limit: int
    ) -> SongContent:
        """Read a row's song. A null is a song without bytes.

        Args:
            mtime_ns: of the file when the row was found; None for now.

        Raises:
            UnreadableError: it cannot be had.
        """
        try:
            with self._lock:  # a row leads the way to the next
                rows = self._open_files.get(path)
                row = rows.read_row(row_number, column_roles)
            changed = rows.file.has_changed() or mtime_ns not in (None, rows.file.mtime_ns)
        except OSError as error:
            raise read_error(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", str(error)) from error
        if changed:
            raise UnreadableError("changing", "Its file changed since it was listed.")
        if row.facts is not None and len(row.facts) > MAX_FACTS_CHARACTERS:
            raise UnreadableError(
                "limit", f"What is to be kept of it has more than {MAX_FACTS_CHARACTERS:,} characters."
            )
        data = row.data or b""
        kept = data if len(data) <= limit else None
        return SongContent(kept, blake3(data).digest(), len(data), rows.file.mtime_ns, row.facts)

    def seek(self, path: bytes, row_number: int, column_roles: ColumnRoles) -> None:
        """Go to where a row is; what goes wrong is told by ``read``."""
        try:
            with self._lock:
                self._open_files.get(path).seek(row_number, column_roles)
        except (DamagedError, UnreadableError, OSError):
            return

    def read_by_name(self, path: bytes, name: bytes, limit: int) -> SongContent:
        """Read a row by what stands behind the file in its path.

        Raises:
            UnreadableError: it is not there, or cannot be had.
        """
        column, number, *_ = *name.split(_SEPARATOR), b""
        columns = ColumnRoles(unquote(column.decode("utf-8", "replace")))
        if not number.isdigit() or len(number) > _MAX_ROW_NUMBER_DIGITS:
            raise UnreadableError("vanished", "There is no such row.")
        try:
            with self._lock:
                self._open_files.get(path).require_columns(columns)
        except UsageError as error:
            raise UnreadableError("vanished", f"It cannot be read: {error}.") from error
        except OSError as error:
            raise read_error(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", str(error)) from error
        return self.read(path, int(number), columns, None, limit)


@dataclass(frozen=True)
class ParquetSource(Source):
    """The songs of one Parquet file.

    Attributes:
        path: absolute.
        columns: which columns are what.
        trouble: why the file cannot be read, if it cannot.
    """

    path: bytes
    column_roles: ColumnRoles
    open_error: str | None = None
    parquet_reader: ParquetReader = field(default_factory=ParquetReader, compare=False)

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every row, in their order. Only names are read."""
        if self.open_error is not None:
            yield Notice(self.path, "archive", self.open_error)
            return
        columns = self.column_roles
        inside = (
            self.path + _SEPARATOR + quote(columns.song_column, _UNQUOTED_CHARACTERS).encode() + _SEPARATOR
        )
        try:
            rows = ParquetRows(self.path)
            names = rows.song_names(columns.name_column) if columns.name_column else iter(())
            for number, size in enumerate(rows.estimated_sizes(columns.song_column)):
                path, root_length = inside + b"%0*d" % (_ROW_NUMBER_DIGITS, number), len(inside)
                name = _name_as_path(next(names, None))
                if name:
                    root_length = len(path) + 1
                    path += _SEPARATOR + name
                member = MemberLocation(len(self.path), number, size_is_exact=False)
                yield SongRef(path, root_length, size, rows.file.mtime_ns, member)
        except (DamagedError, UnreadableError) as error:
            yield Notice(self.path, "archive", str(error))
        except OSError as error:
            yield Notice(self.path, "archive", str(read_error(error)))

    def running_count(self) -> Iterator[int]:
        """How many rows there are."""
        try:
            yield 0 if self.open_error else ParquetRows(self.path).row_count
        except (DamagedError, UnreadableError, OSError):  # the walk tells of it
            yield 0

    def missing_paths(self) -> list[bytes]:
        """The file, if it is gone."""
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a row's song, and what is kept of it."""
        assert song_ref.member is not None
        return self.parquet_reader.read(
            self.path, song_ref.member.position, self.column_roles, song_ref.mtime_ns, limit
        )

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a row is; what goes wrong is told by ``read``."""
        assert song_ref.member is not None
        self.parquet_reader.seek(self.path, song_ref.member.position, self.column_roles)


def open_parquet(
    path: bytes, song_column: str | None, name_column: str | None, kept_columns: tuple[str, ...]
) -> ParquetSource:
    """The songs of a Parquet file.

    Args:
        column: holds the songs; None for the only one that can.
        name: names them.
        keep: columns of which the content is told as facts.

    Raises:
        UsageError: pyarrow is missing; the file has no such columns, or there is more than one that may hold
            songs.
    """
    require_pyarrow()
    shown = os.fsdecode(path)
    try:
        rows = ParquetRows(path)
    except (DamagedError, UnreadableError) as error:  # it costs the run nothing but this file
        return ParquetSource(path, ColumnRoles(song_column or "", name_column, kept_columns), str(error))
    except OSError as error:
        return ParquetSource(
            path, ColumnRoles(song_column or "", name_column, kept_columns), str(read_error(error))
        )
    if song_column is None:
        candidates = rows.song_column_candidates()
        if not candidates:
            raise UsageError(f"{shown} has no column of bytes, in which songs could be.")
        if len(candidates) > 1:
            there = ", ".join(candidates)
            raise UsageError(f"{shown} has several columns of bytes: say with --column which one of {there}.")
        song_column = candidates[0]
    columns = ColumnRoles(song_column, name_column, kept_columns)
    try:
        rows.require_columns(columns)
    except UsageError as error:
        raise UsageError(f"{shown} cannot be read like that: {error}.") from error
    return ParquetSource(path, columns)


def _name_as_path(name: str | None) -> bytes:
    """A song's name as the end of a path, with the suffix that a song's path ends in; empty for none."""
    if name is None:
        return b""
    parts = [part for part in name.replace("\0", "_").split("/") if part.strip() not in ("", ".", "..")]
    if not parts:
        return b""
    path = "/".join(parts).encode("utf-8", "replace")
    suffix = next((it for it in MIDI_SUFFIXES if path.lower().endswith(it)), None)
    if suffix is None:
        path, suffix = path + MIDI_SUFFIXES[0], MIDI_SUFFIXES[0]
    if len(path) <= MAX_NAME_BYTES:
        return path
    return path[: MAX_NAME_BYTES - len(suffix)].decode("utf-8", "ignore").encode().rstrip(b"/") + suffix

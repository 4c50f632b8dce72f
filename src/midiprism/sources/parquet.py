"""Parquet files as sources: each row of a column of bytes is a song.

The path of a song consists of the file's path, the column's name, the row number and, if songs have names,
the name: ``songs.parquet/midi/00000017/Björn/Blue Moon.mid``. So paths are in the order of the rows, which
have to be read forward; songs with the same name have different paths; each column has paths of its own; and
a path alone identifies the row. The part after the row number is the song's name for people.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from blake3 import blake3

from midiprism.errors import AmbiguousSongColumnError, UsageError
from midiprism.fs.path_text import path_text
from midiprism.smf.riff import cut_sound_bank
from midiprism.sources.file_cache import FileCache
from midiprism.sources.file_types import MAX_NAME_BYTES, MIDI_SUFFIXES
from midiprism.sources.parquet_process import IsolatedRows
from midiprism.sources.parquet_reader import ColumnRoles, ParquetRows, require_pyarrow
from midiprism.sources.song_errors import reading_song, unreadable_error
from midiprism.sources.source import (
    MemberLocation,
    Notice,
    PathRange,
    SongContent,
    SongRef,
    Source,
    UnreadableError,
    paths_below,
)

_SEPARATOR = os.fsencode(os.sep)
_ROW_NUMBER_DIGITS = 8
_MAX_ROW_NUMBER_DIGITS = 18
_UNQUOTED_CHARACTERS = " !#$&'()+,;=@[]{}"

OpenRows = ParquetRows | IsolatedRows


class ParquetReader:
    """Reads rows of Parquet files, of which the most recently used stay open.

    A damaged file may end the process that reads it. So files are read in another process, unless the reader
    was sent to a worker process, which may end.

    Args:
        open_rows: opens a file by its path.
    """

    def __init__(self, open_rows: Callable[[bytes], OpenRows] = IsolatedRows) -> None:
        self.open_rows = open_rows
        self._open_files = FileCache(open_rows)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["ParquetReader"], tuple[type[ParquetRows]]]:
        return type(self), (ParquetRows,)

    def read(
        self, path: bytes, row_number: int, column_roles: ColumnRoles, mtime_ns: int | None, limit: int
    ) -> SongContent:
        """Read the song of a row. A null is a song without bytes.

        Args:
            path: of the file.
            row_number: of the row.
            column_roles: which columns are read.
            mtime_ns: time of the file's last change when the row was listed; None to accept any.
            limit: most bytes of a song that are kept.

        Raises:
            UnreadableError: the row cannot be read.
        """
        with reading_song():
            with self._lock:  # rows are decoded one after the other
                rows = self._open_files.get(path)
                row = rows.read_row(row_number, column_roles)
            changed = rows.file.has_changed() or mtime_ns not in (None, rows.file.mtime_ns)
        if changed:
            raise UnreadableError("changing", "Its file changed since it was listed.")
        kept_data = bytes(row.data) if len(row.data) <= limit else cut_sound_bank(bytes(row.data), limit)
        return SongContent(kept_data, blake3(row.data).digest(), len(row.data), rows.file.mtime_ns, row.facts)

    def seek(self, path: bytes, row_number: int, column_roles: ColumnRoles) -> None:
        """Decode the rows up to a row; errors are raised by ``read``."""
        with suppress(Exception), self._lock:
            self._open_files.get(path).seek(row_number, column_roles)

    def read_by_name(self, path: bytes, name: bytes, limit: int) -> SongContent:
        """Read a row by the part of its path after the file.

        Raises:
            UnreadableError: there is no such row, or it cannot be read.
        """
        column, number, *_ = *name.split(_SEPARATOR), b""
        column_roles = ColumnRoles(unquote(column.decode("utf-8", "replace")))
        if not number.isdigit() or len(number) > _MAX_ROW_NUMBER_DIGITS:
            raise UnreadableError("vanished", "There is no such row.")
        try:
            with reading_song(), self._lock:
                self._open_files.get(path).require_columns(column_roles)
        except UsageError as error:
            raise UnreadableError("vanished", f"It cannot be read: {error}.") from error
        return self.read(path, int(number), column_roles, None, limit)


@dataclass(frozen=True)
class ParquetSource(Source):
    """The songs of one Parquet file.

    Attributes:
        path: absolute path of the file.
        column_roles: which columns are read.
        open_error: why the file cannot be read, as a sentence; None if it can.
        parquet_reader: reads its rows; several sources may share one.
    """

    path: bytes
    column_roles: ColumnRoles
    open_error: str | None = None
    parquet_reader: ParquetReader = field(default_factory=ParquetReader, compare=False)

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield a song for each row, in order. Only names are read."""
        if self.open_error is not None:
            yield Notice(self.path, "archive", self.open_error)
            return
        columns, column_path = self.column_roles, self._column_path
        try:
            rows = self.parquet_reader.open_rows(self.path)
            names = rows.song_names(columns.name_column) if columns.name_column else iter(())
            for number, size in enumerate(rows.estimated_sizes(columns.song_column)):
                path, root_length = column_path + b"%0*d" % (_ROW_NUMBER_DIGITS, number), len(column_path)
                name = _name_as_path(next(names, None))
                if name:
                    root_length = len(path) + 1
                    path += _SEPARATOR + name
                member = MemberLocation(len(self.path), number, size_is_exact=False)
                yield SongRef(path, root_length, size, rows.file.mtime_ns, member)
        except Exception as error:  # noqa: BLE001 - one file never ends a run
            yield Notice(self.path, "archive", str(unreadable_error(error)))

    @property
    def covered_ranges(self) -> tuple[PathRange, ...]:
        return () if self.open_error is not None else (paths_below(self.path, self._column_path),)

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 - a walk yields all rows
        return True

    @property
    def _column_path(self) -> bytes:
        """The beginning of the paths of all rows."""
        column_name = quote(self.column_roles.song_column, _UNQUOTED_CHARACTERS).encode()
        return self.path + _SEPARATOR + column_name + _SEPARATOR

    def running_count(self) -> Iterator[int]:
        try:
            yield 0 if self.open_error else self.parquet_reader.open_rows(self.path).row_count
        except Exception:  # noqa: BLE001 - walk yields a notice
            yield 0

    def missing_paths(self) -> list[bytes]:
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        assert song_ref.member is not None
        return self.parquet_reader.read(
            self.path, song_ref.member.position, self.column_roles, song_ref.mtime_ns, limit
        )

    def seek(self, song_ref: SongRef) -> None:
        assert song_ref.member is not None
        self.parquet_reader.seek(self.path, song_ref.member.position, self.column_roles)


def open_parquet(
    path: bytes,
    song_column: str | None,
    name_column: str | None,
    kept_columns: tuple[str, ...],
    parquet_reader: ParquetReader,
) -> ParquetSource:
    """Open a Parquet file as a source.

    Args:
        path: absolute path of the file.
        song_column: column that holds the songs; None for the only one that can, but for those below.
        name_column: column that names the songs; None to name them by their row numbers.
        kept_columns: columns whose values are kept as facts of a song; see ``SongContent``.
        parquet_reader: reads the file.

    Raises:
        AmbiguousSongColumnError: several columns may hold songs.
        UsageError: pyarrow is missing, or the file has no such columns.
    """
    require_pyarrow()
    shown_path = path_text(path)
    try:
        rows = parquet_reader.open_rows(path)
        candidates = rows.song_column_candidates((*kept_columns, *filter(None, (name_column,))))
    except Exception as error:  # noqa: BLE001 - only this file fails, not the run
        roles = ColumnRoles(song_column or "", name_column, kept_columns)
        return ParquetSource(path, roles, str(unreadable_error(error)), parquet_reader)
    if song_column is None:
        if not candidates:
            raise UsageError(f"{shown_path} has no column of bytes, which could hold songs.")
        if len(candidates) > 1:
            raise AmbiguousSongColumnError(shown_path, candidates)
        song_column = candidates[0]
    columns = ColumnRoles(song_column, name_column, kept_columns)
    try:
        rows.require_columns(columns)
    except UsageError as error:
        raise UsageError(f"{shown_path} cannot be read like that: {error}.") from error
    return ParquetSource(path, columns, None, parquet_reader)


def _name_as_path(name: str | None) -> bytes:
    """Return a song's name as the end of a path, with a suffix of MIDI files; nothing for no name."""
    if name is None:
        return b""
    parts = [part for part in name.replace("\0", "_").split("/") if part.strip() not in ("", ".", "..")]
    if not parts:
        return b""
    path = "/".join(parts).encode("utf-8", "replace")
    suffix = next((suffix for suffix in MIDI_SUFFIXES if path.lower().endswith(suffix)), None)
    if suffix is None:
        path, suffix = path + MIDI_SUFFIXES[0], MIDI_SUFFIXES[0]
    if len(path) <= MAX_NAME_BYTES:
        return path
    return path[: MAX_NAME_BYTES - len(suffix)].decode("utf-8", "ignore").encode().rstrip(b"/") + suffix

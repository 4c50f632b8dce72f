"""Parquet files as sources: each row of a column of bytes is a song.

A parent's path is the file's, the column's name, the number of the row and, if songs have names, the name:
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
from midiprism.library.names import LONGEST_NAME, SUFFIXES
from midiprism.library.opened import Kept
from midiprism.library.reading import unreadable
from midiprism.library.rows import MOST_FACTS, Columns, Rows, require_pyarrow
from midiprism.library.source import Content, Found, Member, Notice, UnreadableError
from midiprism.library.stream import DamagedError

_SEPARATOR = os.fsencode(os.sep)
_DIGITS = 8
_MOST_DIGITS = 18
_NEVER_QUOTED = " !#$&'()+,;=@[]{}"


class Tables:
    """Parquet files, of which rows are read. The last few stay open."""

    def __init__(self) -> None:
        self._kept = Kept(Rows)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["Tables"], tuple[()]]:
        return type(self), ()

    def read(self, path: bytes, number: int, columns: Columns, mtime_ns: int | None, limit: int) -> Content:
        """Read a row's song. A null is a song without bytes.

        Args:
            mtime_ns: of the file when the row was found; None for now.

        Raises:
            UnreadableError: it cannot be had.
        """
        try:
            with self._lock:  # a row leads the way to the next
                rows = self._kept.get(path)
                row = rows.row(number, columns)
            changed = rows.file.has_changed() or mtime_ns not in (None, rows.file.mtime_ns)
        except OSError as error:
            raise unreadable(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", str(error)) from error
        if changed:
            raise UnreadableError("changing", "Its file changed since it was listed.")
        if row.facts is not None and len(row.facts) > MOST_FACTS:
            raise UnreadableError(
                "limit", f"What is to be kept of it has more than {MOST_FACTS:,} characters."
            )
        data = row.data or b""
        kept = data if len(data) <= limit else None
        return Content(kept, blake3(data).digest(), len(data), rows.file.mtime_ns, row.facts)

    def approach(self, path: bytes, number: int, columns: Columns) -> None:
        """Go to where a row is; what goes wrong is told by ``read``."""
        try:
            with self._lock:
                self._kept.get(path).approach(number, columns)
        except (DamagedError, UnreadableError, OSError):
            return

    def reread(self, path: bytes, name: bytes, limit: int) -> Content:
        """Read a row by what stands behind the file in its path.

        Raises:
            UnreadableError: it is not there, or cannot be had.
        """
        column, number, *_ = *name.split(_SEPARATOR), b""
        columns = Columns(unquote(column.decode("utf-8", "replace")))
        if not number.isdigit() or len(number) > _MOST_DIGITS:
            raise UnreadableError("vanished", "There is no such row.")
        try:
            with self._lock:
                self._kept.get(path).require(columns)
        except UsageError as error:
            raise UnreadableError("vanished", f"It cannot be read: {error}.") from error
        except OSError as error:
            raise unreadable(error) from error
        except DamagedError as error:
            raise UnreadableError("damaged", str(error)) from error
        return self.read(path, int(number), columns, None, limit)


@dataclass(frozen=True)
class ParquetLibrary:
    """The songs of one Parquet file.

    Attributes:
        path: absolute.
        columns: which columns are what.
        trouble: why the file cannot be read, if it cannot.
    """

    path: bytes
    columns: Columns
    trouble: str | None = None
    tables: Tables = field(default_factory=Tables, compare=False)

    @property
    def sources(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[Found | Notice]:
        """Every row, in their order. Only names are read."""
        if self.trouble is not None:
            yield Notice(self.path, "archive", self.trouble)
            return
        columns = self.columns
        inside = self.path + _SEPARATOR + quote(columns.song, _NEVER_QUOTED).encode() + _SEPARATOR
        try:
            rows = Rows(self.path)
            names = rows.names(columns.name) if columns.name else iter(())
            for number, size in enumerate(rows.sizes(columns.song)):
                path, root_length = inside + b"%0*d" % (_DIGITS, number), len(inside)
                name = _as_path(next(names, None))
                if name:
                    root_length = len(path) + 1
                    path += _SEPARATOR + name
                member = Member(len(self.path), number, sized=False)
                yield Found(path, root_length, size, rows.file.mtime_ns, member)
        except (DamagedError, UnreadableError) as error:
            yield Notice(self.path, "archive", str(error))
        except OSError as error:
            yield Notice(self.path, "archive", str(unreadable(error)))

    def count(self) -> Iterator[int]:
        """How many rows there are."""
        try:
            yield 0 if self.trouble else Rows(self.path).count
        except (DamagedError, UnreadableError, OSError):  # the walk tells of it
            yield 0

    def missing(self) -> list[bytes]:
        """The file, if it is gone."""
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, found: Found, limit: int) -> Content:
        """Read a row's song, and what is kept of it."""
        assert found.member is not None
        return self.tables.read(self.path, found.member.at, self.columns, found.mtime_ns, limit)

    def approach(self, found: Found) -> None:
        """Go to where a row is; what goes wrong is told by ``read``."""
        assert found.member is not None
        self.tables.approach(self.path, found.member.at, self.columns)


def open_parquet(path: bytes, column: str | None, name: str | None, keep: tuple[str, ...]) -> ParquetLibrary:
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
        rows = Rows(path)
    except (DamagedError, UnreadableError) as error:  # it costs the run nothing but this file
        return ParquetLibrary(path, Columns(column or "", name, keep), str(error))
    except OSError as error:
        return ParquetLibrary(path, Columns(column or "", name, keep), str(unreadable(error)))
    if column is None:
        candidates = rows.candidates()
        if not candidates:
            raise UsageError(f"{shown} has no column of bytes, in which songs could be.")
        if len(candidates) > 1:
            there = ", ".join(candidates)
            raise UsageError(f"{shown} has several columns of bytes: say with --column which one of {there}.")
        column = candidates[0]
    columns = Columns(column, name, keep)
    try:
        rows.require(columns)
    except UsageError as error:
        raise UsageError(f"{shown} cannot be read like that: {error}.") from error
    return ParquetLibrary(path, columns)


def _as_path(name: str | None) -> bytes:
    """A song's name as the end of a path, with the suffix that a song's path ends in; empty for none."""
    if name is None:
        return b""
    parts = [part for part in name.replace("\0", "_").split("/") if part.strip() not in ("", ".", "..")]
    if not parts:
        return b""
    path = "/".join(parts).encode("utf-8", "replace")
    suffix = next((it for it in SUFFIXES if path.lower().endswith(it)), None)
    if suffix is None:
        path, suffix = path + SUFFIXES[0], SUFFIXES[0]
    if len(path) <= LONGEST_NAME:
        return path
    return path[: LONGEST_NAME - len(suffix)].decode("utf-8", "ignore").encode().rstrip(b"/") + suffix

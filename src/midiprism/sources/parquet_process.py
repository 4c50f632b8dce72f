"""Reading Parquet files of others in a process of its own, which a damaged file may end.

The reader of pyarrow is compiled code, and some damaged files end the process that reads them. So the process
of the caller never opens one. Where a file ends the process twice, the file is damaged, or the row that was
asked for.

Worker processes read directly, since their executor handles that one of them ends; see ``ParquetReader``.
"""

import atexit
import contextlib
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.file_cache import OpenFile
from midiprism.sources.parquet_reader import ColumnRoles, SourceRow

_READER = "midiprism.sources.parquet_reader:ParquetRows"
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from midiprism.sources.parquet_child import main
main(sys.argv[2])
"""
_ATTEMPTS = 2
_ROWS_PER_REQUEST = 16
_NAMES_PER_REQUEST = 1_000
_MAX_CONSECUTIVE_ROWS = 4
_SHARED: dict[int, "ParquetProcess"] = {}


class ParquetProcess:
    """A process that reads Parquet files. It is started when it is needed, and again after it has ended.

    Args:
        reader: opens a file there, as the names of its module and of its class or function.
    """

    def __init__(self, reader: str = _READER) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def request(self, method: str, path: bytes, *arguments: Any, attempts: int = _ATTEMPTS) -> Any:
        """Return the answer to a request.

        Raises:
            ReaderEndedError: the process has ended in each of the attempts.
            DamagedError: the file or the row is damaged; also any other error of ``ParquetRows``.
        """
        with self._lock:
            for _ in range(attempts):
                with contextlib.suppress(_EndedError):
                    return self._exchange((method, path, arguments))
        raise ReaderEndedError("It is damaged: reading it ended the process that reads Parquet files.")

    @property
    def pid(self) -> int | None:
        """The id of the process; None if there is none."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]
            process.wait()

    def _exchange(self, request: tuple[str, bytes, tuple[Any, ...]]) -> Any:
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(request, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            kind, answer = pickle.load(process.stdout)  # noqa: S301 - from a process of ours
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.close()
            raise _EndedError from error
        except BaseException:  # an answer that is not read would be taken for that of the next request
            self.close()
            raise
        if kind == "error":
            raise answer
        return answer

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), self._reader]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the caller's process alone
        )


class _EndedError(Exception):
    """The process has ended."""


class ReaderEndedError(DamagedError):
    """Reading has ended the process that reads."""


def shared_process() -> ParquetProcess:
    """Return the process that reads for this process; one that was forked has its own."""
    pid = os.getpid()
    if pid not in _SHARED:
        _SHARED[pid] = ParquetProcess()
        atexit.register(_close_shared, pid)
    return _SHARED[pid]


def _close_shared(pid: int) -> None:
    if pid == os.getpid():
        _SHARED[pid].close()


class _RowsThatEnd:
    """Rows in succession that end the process, as all of a damaged row group do.

    After a few, the next ones are tried at distances that double, so that a later row group is read again.

    Attributes:
        read_singly_until: rows before this one are read one at a time.
    """

    def __init__(self) -> None:
        self.read_singly_until = 0
        self._first = self._next_attempt = 0
        self._count = 0

    def add(self, row_number: int) -> None:
        """Remember a row that ended the process."""
        if not self._count:
            self._first = row_number
        self._count += 1
        if self._count >= _MAX_CONSECUTIVE_ROWS:
            self._next_attempt = row_number + max(1, row_number - self._first)

    def clear(self) -> None:
        """Forget them: a row was read."""
        self._count = self._next_attempt = 0

    def forbid(self, row_number: int) -> bool:
        """Return whether a row is given up without an attempt."""
        return self._first <= row_number < self._next_attempt


class IsolatedRows:
    """The rows of a Parquet file that another process reads; used like ``ParquetRows``.

    Args:
        path: of the file.
        process: reads it; None for the one that this process shares.

    Attributes:
        file: the open file.
        row_count: the number of rows.

    Raises:
        DamagedError: it is not a Parquet file.
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
    """

    def __init__(self, path: bytes, process: ParquetProcess | None = None) -> None:
        self.file = OpenFile(path)
        self._path = path
        self._process = process
        self._ends = _RowsThatEnd()
        self._roles: ColumnRoles | None = None
        self._rows: dict[int, SourceRow] = {}
        self.row_count: int = self._request("row_count")

    def song_column_candidates(self, excluded: tuple[str, ...] = ()) -> list[str]:
        """Return the names of the columns that may hold songs: those of bytes, or else of bytes as text."""
        candidates: list[str] = self._request("song_column_candidates", excluded)
        return candidates

    def require_columns(self, column_roles: ColumnRoles) -> None:
        """Raise UsageError unless the columns exist and have types that fit their roles."""
        self._request("require_columns", column_roles)

    def song_names(self, column: str) -> Iterator[str | None]:
        """Yield the songs' names, row by row; None for no name."""
        first = 0
        while page := self._request("song_names", column, first, _NAMES_PER_REQUEST):
            yield from page
            first += len(page)

    def estimated_sizes(self, column: str) -> Iterator[int]:
        """Yield the approximate size of each row's song in bytes."""
        for size, count in self._request("estimated_sizes", column):
            yield from repeat(size, count)

    def read_row(self, row_number: int, column_roles: ColumnRoles) -> SourceRow:
        """Read a row, which is fast if the rows before it were read.

        Raises:
            DamagedError: there is no such row, or it cannot be read.
        """
        if column_roles != self._roles:
            self._roles = column_roles
            self._rows.clear()
        row = self._rows.pop(row_number, None)
        return row or self._request_row(row_number, column_roles)

    def seek(self, row_number: int, column_roles: ColumnRoles) -> None:
        """Prepare to read a row, which other rows wait for too."""
        if column_roles != self._roles or row_number not in self._rows:
            self._rows[row_number] = self.read_row(row_number, column_roles)

    def _request_row(self, row_number: int, column_roles: ColumnRoles) -> SourceRow:
        """Read a row, and with it some of those after it, unless one of these ends the process."""
        self._rows.clear()
        if self._ends.forbid(row_number):
            raise ReaderEndedError("It is damaged: reading rows before it ended the process that reads them.")
        rows: list[SourceRow] | None = None
        if row_number >= self._ends.read_singly_until:
            try:
                rows = self._request("rows", row_number, column_roles, _ROWS_PER_REQUEST, attempts=1)
            except ReaderEndedError:
                self._ends.read_singly_until = row_number + _ROWS_PER_REQUEST
        if rows is None:
            try:
                rows = self._request("rows", row_number, column_roles, 1)
            except ReaderEndedError:
                self._ends.add(row_number)
                raise
        self._ends.clear()
        self._rows.update(zip(range(row_number, row_number + len(rows)), rows, strict=True))
        return self._rows.pop(row_number)

    def _request(self, method: str, *arguments: Any, attempts: int = _ATTEMPTS) -> Any:
        process = self._process or shared_process()
        return process.request(method, self._path, *arguments, attempts=attempts)

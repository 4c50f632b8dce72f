"""The process that reads Parquet files of others for ``parquet_process``, which starts it.

It reads requests from its standard input and answers each on its standard output, until the input ends.
"""

import os
import pickle
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO

from midiprism.errors import UsageError, unexpected_error_message
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.file_cache import FileCache
from midiprism.sources.parquet_reader import ColumnRoles, ParquetRows, SourceRow
from midiprism.sources.source import UnreadableError

_MAX_ANSWER_BYTES = 16 << 20
_EXPECTED_ERRORS = (DamagedError, UnreadableError, UsageError, OSError)


class RequestHandler:
    """Answers requests about Parquet files, of which the most recently used stay open.

    Args:
        open_rows: opens a file by its path.
    """

    def __init__(self, open_rows: Any = ParquetRows) -> None:
        self._open_files: FileCache[ParquetRows] = FileCache(open_rows)
        self._names: tuple[bytes, str, int, Iterator[str | None]] = (b"", "", 0, iter(()))

    def handle(self, method: str, path: bytes, arguments: tuple[Any, ...]) -> Any:
        """Return the answer to one request."""
        rows = self._open_files.get(path)
        if method == "row_count":
            return rows.row_count
        if method == "song_column_candidates":
            return rows.song_column_candidates(*arguments)
        if method == "require_columns":
            return rows.require_columns(*arguments)
        if method == "estimated_sizes":
            return _runs_of_equal(rows.estimated_sizes(*arguments))
        if method == "song_names":
            return self._page_of_names(path, rows, *arguments)
        return _consecutive_rows(rows, *arguments)

    def _page_of_names(
        self, path: bytes, rows: ParquetRows, column: str, first: int, count: int
    ) -> list[str | None]:
        """Return the names of up to ``count`` rows from ``first`` on; fewer at the end of the file."""
        *state, names = self._names
        if state != [path, column, first]:
            names = rows.song_names(column)
            next(islice(names, first, first), None)
        page = list(islice(names, count))
        self._names = (path, column, first + len(page), names)
        return page


def main(reader: str) -> None:
    """Answer requests until there are no more.

    Args:
        reader: opens a file, as the names of its module and of its class or function.
    """
    requests, answers = _take_over_standard_streams()
    module, _, name = reader.partition(":")
    handler = RequestHandler(getattr(import_module(module), name))
    while True:
        try:
            method, path, arguments = pickle.load(requests)  # noqa: S301 - from the process that started this
        except (EOFError, OSError):
            return
        answer: tuple[str, Any]
        try:
            answer = ("value", handler.handle(method, path, arguments))
        except _EXPECTED_ERRORS as error:
            answer = ("error", error)
        except Exception as error:  # noqa: BLE001 - it is about this file
            answer = ("error", DamagedError(unexpected_error_message(error)))
        try:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except OSError:
            return


def _take_over_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the streams of requests and answers, to which nothing else has access then."""
    for name in ("SIGINT", "SIGTERM"):  # only the process that started this one decides what they mean
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    sys.stdin = sys.stdout = None
    return requests, answers


def _runs_of_equal(values: Iterator[int]) -> list[tuple[int, int]]:
    """Return consecutive equal values as pairs of the value and its count."""
    runs: list[tuple[int, int]] = []
    for value in values:
        count = runs.pop()[1] if runs and runs[-1][0] == value else 0
        runs.append((value, count + 1))
    return runs


def _consecutive_rows(
    rows: ParquetRows, row_number: int, column_roles: ColumnRoles, count: int
) -> list[SourceRow]:
    """Return a row and some of those after it, up to one that cannot be read."""
    found = [_picklable(rows.read_row(row_number, column_roles))]
    size = len(found[0].data)
    for number in range(row_number + 1, min(row_number + count, rows.row_count)):
        if size > _MAX_ANSWER_BYTES:
            break
        try:
            found.append(_picklable(rows.read_row(number, column_roles)))
        except _EXPECTED_ERRORS:  # raised when it is asked for
            break
        size += len(found[-1].data)
    return found


def _picklable(row: SourceRow) -> SourceRow:
    return row._replace(data=bytes(row.data))

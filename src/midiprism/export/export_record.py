"""The record of what exports wrote to a tree: a line of JSON for each file, in a hidden file of the tree.

A line counts only for the result that it names, and a file only while it has the bytes of its line. So
nothing is ever taken for an exported file that somebody else made or changed.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from types import TracebackType
from typing import IO

from blake3 import blake3

from midiprism.catalog import ExportedFile, ExportedFiles
from midiprism.errors import StoreError
from midiprism.fs.atomic_write import random_temporary_name
from midiprism.fs.exclusive_create import read_regular_file
from midiprism.fs.path_text import native_path

RECORD_FILE = ".midiprism-exported"
_DIGEST_BYTES = 32


class ExportRecord:
    """Reads what exports of a result wrote to a tree, and records what this one writes.

    Args:
        out: the folder of the result.
        to: the folder of the tree, held for writing.
        dry_run: write nothing.
    """

    def __init__(self, out: str, to: str, *, dry_run: bool) -> None:
        self._result = os.path.realpath(out)
        self._to = to
        self._path = os.path.join(to, RECORD_FILE)
        self._dry_run = dry_run
        self._files = ExportedFiles()
        self._output: IO[str] | None = None

    def __enter__(self) -> "ExportRecord":
        for line in self._lines():
            file = _parse(line, self._result)
            if file is not None:
                self._files.add(file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if self._output is not None:
            self._output.close()

    def add(self, file: ExportedFile) -> None:
        """Record a file that has just been written.

        Raises:
            StoreError: the record cannot be written.
        """
        self._files.add(file, is_current=True)
        with self._store_errors():
            if self._output is None:
                # Each line leaves this process at once: a killed export has recorded its files but the last.
                self._output = open(self._path, "a", 1, encoding="ascii")  # noqa: SIM115 - closed at the end
                if not self._ends_with_line():  # an export was killed
                    self._output.write("\n")
            self._output.write(_format(file, self._result))

    def keep(self, file: ExportedFile) -> None:
        """Note whose track a file is that is there already: its song may have another name than before.

        Raises:
            StoreError: the record cannot be written.
        """
        if not self._files.is_outdated(file.path, file.digest):
            return
        if self._dry_run:
            self._files.add(file, is_current=True)
        else:
            self.add(file)

    def mark_current(self, song: str, digest: bytes) -> None:
        """Note that a song of the result has a track."""
        self._files.mark_current(song, digest)

    def has_other(self, path: str, digest: bytes) -> bool:
        """Return whether an export wrote other bytes to a path."""
        known = self._files.digest_of(path)
        return known is not None and known != digest

    def has_outdated(self) -> bool:
        """Return whether there may be files of songs that the result no longer has under their names."""
        return self._files.has_outdated()

    def outdated(self) -> Iterator[ExportedFile]:
        """Yield these files, as far as they are there, unchanged."""
        for file in self._files.outdated():
            if self._is_unchanged(file):
                yield file

    def remove(self, file: ExportedFile) -> None:
        """Remove a file from the tree, with the folders that are empty then; in a dry run only from here.

        Raises:
            StoreError: it cannot be removed.
        """
        self._files.remove(file.path)
        if self._dry_run:
            return
        target = self._target(file)
        with self._store_errors():
            os.unlink(target)
        folder = os.path.dirname(target)
        with contextlib.suppress(OSError):  # it is not empty
            while folder != self._to:
                os.rmdir(folder)
                folder = os.path.dirname(folder)

    def rewrite(self) -> None:
        """Write the record anew, without the files that were removed.

        Raises:
            StoreError: it cannot be written.
        """
        if self._dry_run:
            return
        if self._output is not None:
            self._output.close()
            self._output = None
        temporary = os.path.join(self._to, random_temporary_name(self._path))
        with self._store_errors():
            with open(temporary, "x", encoding="ascii") as output:
                output.writelines(filter(self._is_of_other_result, self._lines()))
                output.writelines(_format(file, self._result) for file in self._files.all_files())
                output.flush()
                os.fsync(output.fileno())
            os.replace(temporary, self._path)

    def _is_of_other_result(self, line: str) -> bool:
        return _result_of(line) not in (None, self._result)

    def _is_unchanged(self, file: ExportedFile) -> bool:
        """Return whether a file is still what an export wrote, in folders that are no links."""
        folders = file.path.split("/")[:-1]
        expected = os.path.join(os.path.realpath(self._to), *map(native_path, folders))
        if os.path.realpath(os.path.dirname(self._target(file))) != expected:
            return False
        with contextlib.suppress(OSError):
            data = read_regular_file(self._target(file))
            return data is not None and blake3(data).digest() == file.digest
        return False

    def _target(self, file: ExportedFile) -> str:
        return os.path.join(self._to, *map(native_path, file.path.split("/")))

    def _ends_with_line(self) -> bool:
        last = b"\n"
        with open(self._path, "rb") as record:
            if record.seek(0, os.SEEK_END):
                record.seek(-1, os.SEEK_END)
                last = record.read()
        return last == b"\n"

    def _lines(self) -> Iterator[str]:
        try:
            with open(self._path, encoding="ascii", errors="replace") as lines:
                yield from lines
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror or error}.") from error

    @contextlib.contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._to} cannot be written: {error.strerror or error}.") from error


def _format(file: ExportedFile, result: str) -> str:
    return json.dumps([file.path, file.digest.hex(), file.song, result]) + "\n"


def _parse(line: str, result: str) -> ExportedFile | None:
    """Return the file of a line; None if another result wrote it, or the line is damaged."""
    try:
        path, digest, song, recorded_result = json.loads(line)
        parts = path.split("/")
        file = ExportedFile(path, bytes.fromhex(digest), song)
    except (ValueError, TypeError, AttributeError):
        return None
    is_inside = all(part not in ("", ".", "..") and os.path.basename(part) == part for part in parts)
    is_valid = is_inside and isinstance(song, str) and len(file.digest) == _DIGEST_BYTES
    return file if is_valid and recorded_result == result else None


def _result_of(line: str) -> str | None:
    """Return the result whose export wrote a line; None if the line is damaged."""
    try:
        *_, result = json.loads(line)
    except (ValueError, TypeError):
        return None
    return result if isinstance(result, str) else None

"""The standard streams of a command: opened where they are closed, and watched while they are written."""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar

_MODES = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
"""Flags to open a closed stream with. Writing to standard output fails then, as for other programs."""


RowT = TypeVar("RowT")


class WatchedFile(io.FileIO):
    """A stream that is written. After a write that failed, it takes everything and writes nothing.

    Args:
        descriptor: of the stream. It stays open.
        raises: whether a write that fails raises its error. That the reader of a pipe has gone, as `head`
            goes, is no error: the command ends as it would have ended.

    Attributes:
        error: the error of a write.
    """

    def __init__(self, descriptor: int, *, raises: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.error: OSError | None = None
        self._raises = raises

    def write(self, data: Any, /) -> int:
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
                if self._raises and not isinstance(error, BrokenPipeError):
                    raise
        return memoryview(data).nbytes


class StandardOutput:
    """The state of standard output during a command."""

    def __init__(self, file: WatchedFile | None) -> None:
        self._file = file

    @property
    def error(self) -> OSError | None:
        """The error of a write to it."""
        return self._file.error if self._file else None

    @property
    def reader_has_gone(self) -> bool:
        """True if it is a pipe that nobody reads any more."""
        return isinstance(self.error, BrokenPipeError)

    def flush(self) -> OSError | None:
        """Write what is buffered, and return the error of any write so far."""
        try:
            sys.stdout.flush()
        except OSError as error:
            return self.error or error
        return self.error


def while_read(rows: Iterable[RowT]) -> Iterator[RowT]:
    """Yield rows to be printed, until nobody reads standard output any more."""
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    for row in rows:
        if isinstance(file, WatchedFile) and isinstance(file.error, BrokenPipeError):
            return
        yield row


@contextmanager
def standard_streams() -> Iterator[StandardOutput]:
    """Watch the standard streams in the block. Characters that they cannot encode are escaped.

    Streams that are closed are opened first: the next file to be opened would take their places, and get what
    is printed.
    """
    for descriptor, mode in _MODES.items():
        _open_if_closed(descriptor, mode)
    before = sys.stdout, sys.stderr
    output, file = _watch(sys.stdout, 1, raises=True)
    sys.stdout, sys.stderr = output, _watch(sys.stderr, 2, raises=False)[0]
    state = StandardOutput(file)
    try:
        yield state
    finally:
        state.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _open_if_closed(descriptor: int, mode: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free number is that of the stream, since those below are open.
        os.set_inheritable(os.open(os.devnull, mode), True)


def _watch(stream: TextIO | None, descriptor: int, *, raises: bool) -> tuple[TextIO, WatchedFile | None]:
    """Return a stream that is watched; the same one where it is no file, or the console of Windows."""
    encoding, line_buffering = "utf-8", True
    if stream is not None:
        if not isinstance(stream, io.TextIOWrapper):
            return stream, None
        stream.flush()
        try:
            descriptor = stream.fileno()
        except OSError:
            descriptor = -1
        if descriptor < 0 or (sys.platform == "win32" and stream.isatty()):
            stream.reconfigure(errors="backslashreplace")
            return stream, None
        encoding, line_buffering = stream.encoding, stream.line_buffering
    file = WatchedFile(descriptor, raises=raises)
    buffer = io.BufferedWriter(file)
    text = io.TextIOWrapper(
        buffer, encoding, errors="backslashreplace", line_buffering=line_buffering, write_through=True
    )
    return text, file

"""Creating files that do not exist yet, and reading files whole."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator

from midiprism.fs.open_flags import CREATE_FLAGS, READ_FLAGS

_READ_BYTES = 1 << 20


def create_file(
    path: str,
    data: bytes,
    mode: int = 0o644,
    *,
    durable: bool = False,
    fill: Callable[[int], bool] | None = None,
) -> None:
    """Write a file that does not exist yet; a file that cannot be written whole is removed again.

    Args:
        durable: return when the bytes would survive a power cut.
        fill: called with the descriptor; returns True if it filled the file with ``data`` without writing.

    Raises:
        FileExistsError: there is something at ``path``.
        OSError: it cannot be written.
    """
    # This runs once per track: no context manager, and no memoryview unless a write was cut short.
    descriptor = os.open(path, CREATE_FLAGS, mode)
    try:
        try:
            if fill is None or not fill(descriptor):
                written = os.write(descriptor, data)
                if written < len(data):
                    write_all(descriptor, memoryview(data)[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        os.unlink(path)
        raise


@contextlib.contextmanager
def exclusive_create(path: str, mode: int) -> Iterator[int]:
    """Open a new file for writing; if the block fails, the file is removed again.

    Raises:
        FileExistsError: there is something at ``path``.
        OSError: it cannot be made.
    """
    descriptor = os.open(path, CREATE_FLAGS, mode)
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except BaseException:
        os.unlink(path)
        raise


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``: one system call may write only a part of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_regular_file(path: str) -> bytes | None:
    """Return the bytes of a regular file; None for a link or anything else.

    Raises:
        OSError: nothing is there, or it cannot be read.
    """
    if not getattr(os, "O_NOFOLLOW", 0) and os.path.islink(path):
        return None
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError:
        if stat.S_ISREG(os.lstat(path).st_mode):
            raise
        return None
    try:
        status = os.fstat(descriptor)
        return _read_all(descriptor, status.st_size) if stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    """Return the bytes of a file, by one call if there are as many as expected."""
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while part := os.read(descriptor, _READ_BYTES):
        parts.append(part)
    return b"".join(parts)

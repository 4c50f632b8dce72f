"""Reading a file whole, without waiting on pipes, and noticing if it changes meanwhile."""

import errno
import os
import stat

from blake3 import blake3

from midiprism.sources.source import SongContent, UnreadableError

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe opens at once instead of waiting for a writer
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CHUNK_BYTES = 1 << 20
_MAX_DIGESTED_RATIO = 16
"""A file beyond the limit is read for its digest, up to this many times the limit: a sparse file may have any
size."""
_NOT_A_FILE_ERRORS = (errno.EISDIR, errno.EAGAIN, errno.EINVAL)
"""Errors of reading a folder, an empty pipe or a device."""

_PROBLEM_CODES = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ESTALE: "vanished",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
}


def read_file(path: bytes, limit: int, size: int = -1, mtime_ns: int = -1) -> SongContent:
    """Read a regular file whole. If it has more than ``limit`` bytes, it is digested in pieces and not kept.
    If it has many times as many, it is not read.

    A file that changes while it is read is read again once.

    Args:
        path: of the file.
        limit: most bytes that are kept.
        size: of the file when it was listed; -1 if unknown. If size and time are the same after reading, the
            file did not change meanwhile, which saves a system call before reading.
        mtime_ns: time of its last change when it was listed; -1 if unknown.

    Raises:
        UnreadableError: it is missing, forbidden, far too large or not a regular file, it keeps changing, or
            the disk failed.
    """
    try:
        content = _read_if_unchanged(path, size, mtime_ns) if 0 <= size <= limit else None
        content = content or _read_once(path, limit) or _read_once(path, limit)
    except OSError as error:
        raise read_error(error) from error
    if content is None:
        raise UnreadableError("changing", "It changed while it was being read, twice.")
    return content


def read_error(error: OSError) -> UnreadableError:
    """Return an error of the system as the error of a song."""
    code = _PROBLEM_CODES.get(error.errno or 0, "io")
    return UnreadableError(code, f"It cannot be read: {error.strerror or error}.")


def _read_if_unchanged(path: bytes, size: int, mtime_ns: int) -> SongContent | None:
    """Return the file's content if the file is as it was listed; None if it has to be examined.

    If something else has taken the file's place, such as a pipe, some of its bytes may be lost.
    """
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        data = os.read(descriptor, size + 1)
        after = os.fstat(descriptor)
    except OSError as error:
        if error.errno not in _NOT_A_FILE_ERRORS:
            raise
        return None
    finally:
        os.close(descriptor)
    if len(data) != size or after.st_size != size or after.st_mtime_ns != mtime_ns:
        return None
    return SongContent(data, blake3(data).digest(), size, mtime_ns) if stat.S_ISREG(after.st_mode) else None


def _read_once(path: bytes, limit: int) -> SongContent | None:
    """Return the file's content, or None if the file changed meanwhile."""
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError("not_regular", "It is not a regular file.")
        if before.st_size > _MAX_DIGESTED_RATIO * limit:
            raise UnreadableError(
                "limit", f"It has {before.st_size} bytes, far more than the limit of {limit}."
            )
        if before.st_size > limit:
            data, (digest, size) = None, _digest(descriptor)
        else:
            data = _read_up_to(descriptor, before.st_size)
            digest, size = blake3(data).digest(), len(data)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if size != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return None
    return SongContent(data, digest, size, after.st_mtime_ns)


def _read_up_to(descriptor: int, size: int) -> bytes:
    """Return ``size`` bytes; fewer if the file ends early, one more if it has grown."""
    data = os.read(descriptor, size + 1)
    while 0 < len(data) < size:
        more = os.read(descriptor, size + 1 - len(data))
        if not more:
            break
        data += more
    return data


def _digest(descriptor: int) -> tuple[bytes, int]:
    hasher, size = blake3(), 0
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        hasher.update(chunk)
        size += len(chunk)
    return hasher.digest(), size

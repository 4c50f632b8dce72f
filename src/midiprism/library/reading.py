"""Reading one file whole, without waiting on pipes, and noticing a change under way."""

import errno
import os
import stat

from blake3 import blake3

from midiprism.library.source import Content, UnreadableError

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe opens at once instead of waiting for a writer
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CHUNK = 1 << 20
_CODES = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ESTALE: "vanished",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
}


def read_file(path: bytes, limit: int) -> Content:
    """Read a regular file whole; one of more than ``limit`` bytes is digested in pieces and not kept.

    A file that changes while it is read is read once more.

    Raises:
        UnreadableError: it is gone, forbidden, no regular file, changing all the time, or the disk failed.
    """
    try:
        content = _read_once(path, limit) or _read_once(path, limit)
    except OSError as error:
        raise unreadable(error) from error
    if content is None:
        raise UnreadableError("changing", "It changed while it was being read, twice.")
    return content


def unreadable(error: OSError) -> UnreadableError:
    """What the system says, as what it means for a parent."""
    code = _CODES.get(error.errno or 0, "io")
    return UnreadableError(code, f"It cannot be read: {error.strerror or error}.")


def _read_once(path: bytes, limit: int) -> Content | None:
    """The file's content, or None if it changed meanwhile."""
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError("not_regular", "It is not a regular file.")
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
    return Content(data, digest, size, after.st_mtime_ns)


def _read_up_to(descriptor: int, size: int) -> bytes:
    """``size`` bytes, fewer where the file ends early, one more where it has grown."""
    data = os.read(descriptor, size + 1)
    while 0 < len(data) < size:
        more = os.read(descriptor, size + 1 - len(data))
        if not more:
            break
        data += more
    return data


def _digest(descriptor: int) -> tuple[bytes, int]:
    hasher, size = blake3(), 0
    while chunk := os.read(descriptor, _CHUNK):
        hasher.update(chunk)
        size += len(chunk)
    return hasher.digest(), size

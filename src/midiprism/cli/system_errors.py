"""Errors of the operating system that no bug causes, and what to do about them."""

import errno
import os
from collections.abc import Iterator

from midiprism.cli import exit_codes

_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
_NO_BUG = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EAGAIN", "EBUSY", "EDQUOT", "EFBIG", "EIO", "ELOOP", "EMLINK", "ENAMETOOLONG", "ENODEV",
        "ENOLCK", "ENOMEM", "ENOSPC", "ENOTCONN", "ENXIO", "EPERM", "EROFS", "ESTALE", "ETIMEDOUT", "ETXTBSY",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""The system refuses what is right: for want of space, memory or permission, or a device fails."""


def explain_system_error(error: Exception) -> tuple[str, int] | None:
    """Return a message and an exit code for an error that the system caused; None if it may be a bug."""
    if isinstance(error, MemoryError):
        return "There is not enough memory.", exit_codes.FAILED
    for cause in _causes(error):
        if isinstance(cause, OSError):
            explained = _explain(cause)
            if explained is not None:
                return explained
        elif isinstance(cause, ImportError) and os.strerror(errno.EMFILE) in str(cause):
            return _too_many_files(), exit_codes.FAILED
    return None


def _explain(error: OSError) -> tuple[str, int] | None:
    if error.errno in _TOO_MANY_FILES:
        return _too_many_files(), exit_codes.FAILED
    if error.errno == errno.ENOENT and _current_folder_is_missing():
        return "The current folder does not exist any more: change to another one.", exit_codes.USAGE
    if error.errno in _NO_BUG:
        place = f"{os.fsdecode(error.filename)} cannot be used: " if _is_path(error.filename) else ""
        return f"{place}{error.strerror or error}.", exit_codes.FAILED
    return None


def _too_many_files() -> str:
    return "Too many files are open: raise the limit, as `ulimit -n 1024` does, or ask for fewer workers."


def _current_folder_is_missing() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _is_path(name: object) -> bool:
    return isinstance(name, str | bytes) and bool(name)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that led to it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__

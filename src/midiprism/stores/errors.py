"""Errors of stores, as sentences that say what to do."""

import contextlib
import errno
from collections.abc import Iterator

from midiprism.errors import StoreError

_ADVICE = {
    errno.ENOSPC: "The disk is full, or has no room for more files (inodes): make room there",
    errno.EDQUOT: "Your quota on that disk is used up: make room there",
    errno.EROFS: "That disk is read-only: make it writable, or choose another folder for the result",
    errno.EACCES: "Permission is denied: make it writable for you, or choose another folder for the result",
    errno.ENAMETOOLONG: "The path is too long: choose a folder with a shorter one for the result",
}


class LostOrDamagedError(StoreError):
    """A file that is to be copied is lost or damaged."""


def write_error(root: str, error: OSError) -> StoreError:
    """Return the error for a result in ``root`` that cannot be written, with advice."""
    advice = _ADVICE.get(error.errno or 0, f"{error.strerror or error}: see to that")
    return StoreError(
        f"{root} cannot be written. {advice}, and run the same command again. "
        "What was committed before is kept."
    )


def read_error(name: str, error: OSError) -> StoreError:
    """Return the error for a file of a result that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{name} is not there.")
    return StoreError(f"{name} cannot be read: {error.strerror or _first_line(error)}.")


@contextlib.contextmanager
def wrap_read_errors(name: str, *other_errors: type[Exception]) -> Iterator[None]:
    """Raise a StoreError that names the file whenever it cannot be read.

    Args:
        name: of the file.
        other_errors: raised by the library that reads it, in addition to OSError.
    """
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{name} cannot be read: {error}") from error
    except OSError as error:
        raise read_error(name, error) from error
    except other_errors as error:
        raise StoreError(f"{name} cannot be read: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")

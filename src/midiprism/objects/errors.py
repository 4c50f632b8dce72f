"""Errors of object storage."""

from midiprism.errors import MidiprismError


class ObjectStorageError(MidiprismError):
    """Object storage cannot be used.

    Attributes:
        is_transient: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.is_transient)


class ObjectMissingError(ObjectStorageError):
    """There is no object of this name."""


class ObjectAccessError(ObjectStorageError):
    """Access to storage or to an object of it is refused."""


class ObjectChangedError(ObjectStorageError):
    """An object is no longer the one that was listed."""


def _rebuild(kind: type[ObjectStorageError], message: str, is_transient: bool) -> ObjectStorageError:
    return kind(message, is_transient=is_transient)

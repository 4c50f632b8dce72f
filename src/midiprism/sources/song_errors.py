"""Turning whatever reading a song or a container raises into an error of that song or container."""

from collections.abc import Iterator
from contextlib import contextmanager

from midiprism.errors import MidiprismError, unexpected_error_message
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.source import UnreadableError, read_error


def unreadable_error(error: Exception) -> UnreadableError:
    """Return an error of reading a song as an error of that song."""
    if isinstance(error, UnreadableError):
        return error
    if isinstance(error, OSError):
        return read_error(error)
    if isinstance(error, DamagedError):
        return UnreadableError("damaged", str(error))
    return UnreadableError("internal", unexpected_error_message(error))


@contextmanager
def reading_song() -> Iterator[None]:
    """Turn every exception into UnreadableError, except those that are not about the song."""
    try:
        yield
    except MidiprismError:
        raise
    except Exception as error:
        raise unreadable_error(error) from error

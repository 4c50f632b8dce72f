"""The input of pyarrow: an open file of any name, and errors that say that its bytes are not Parquet."""

import io

from midiprism.errors import MidiprismError
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.file_cache import OpenFile


class PyarrowInput(io.RawIOBase):
    """An open file as pyarrow reads it, whose own files need names that are text."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._file.size - self._position)
        data = self._file.read_at(self._position, left if size is None or size < 0 else min(size, left))
        self._position += len(data)
        return data


class wrap_damage_errors:  # noqa: N801 - it is used like a function
    """Turns what pyarrow raises on bytes that are not Parquet into DamagedError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # An error of the disk has a number; an error of pyarrow about damaged bytes has none.
        if isinstance(error, OSError) and error.errno:
            return
        # Which other exceptions damaged bytes raise is not documented.
        if isinstance(error, Exception) and not isinstance(error, MidiprismError | DamagedError):
            message = str(error).splitlines()[0] if str(error).strip() else type(error).__name__
            raise DamagedError(f"It is damaged, or not a Parquet file ({message}).") from error

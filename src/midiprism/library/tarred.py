"""Tar archives, plain and compressed. Headers are read by the standard library, behind bounds."""

import io
import re
import tarfile
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from midiprism.library.archive import Archive, Entry
from midiprism.library.stream import DamagedError, Decompressor, Stream

_MOST_HEADER = 1 << 17
_MOST_GLOBAL = 1_000
_DIGITS = re.compile(rb"[0-9]{100}")
_PIECE = 1 << 20


class _Bytes(Protocol):
    def read_at(self, offset: int, size: int) -> bytes: ...


class Tar(Archive):
    """A tar archive; any place of it can be read."""

    def entries(self) -> Iterator[Entry]:
        yield from _entries(self.file)

    def unpack(self, at: int, size: int) -> bytes:
        return _whole(self.file.read_at(at, size), size)


class CompressedTar(Archive):
    """A compressed tar archive, which can be read forward only; see ``Stream``.

    Args:
        make: begins to decompress.
    """

    ordered = False

    def __init__(self, path: bytes, make: Callable[[], Decompressor]) -> None:
        super().__init__(path)
        self._make = make
        self._stream = Stream(self.file, make, self.most_bytes)

    def entries(self) -> Iterator[Entry]:
        stream = Stream(self.file, self._make, self.most_bytes)
        end = yield from _entries(stream)
        while stream.read_at(end, _PIECE):  # to the checksum behind all
            end += _PIECE

    def unpack(self, at: int, size: int) -> bytes:
        return _whole(self._stream.read_at(at, size), size)

    def approach(self, at: int) -> None:
        self._stream.approach(at)


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise DamagedError("The archive is cut short.")
    return data


class _Headers:
    """A file for ``tarfile`` to read headers of, which cannot ask for more than a header may be."""

    def __init__(self, source: _Bytes) -> None:
        self._source = source
        self._position = 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MOST_HEADER:
            raise DamagedError(f"It has a header that is longer than {_MOST_HEADER:,} bytes.")
        data = self._source.read_at(self._position, size)
        self._position += len(data)
        if (
            _DIGITS.search(data) and size > tarfile.BLOCKSIZE
        ):  # looking for what stands behind takes its square
            raise DamagedError("It has a header that no program would write.")
        return data

    def seek(self, position: int) -> None:
        self._position = position

    def tell(self) -> int:
        return self._position


def _entries(source: _Bytes) -> Generator[Entry, None, int]:
    """Every member; returns where the archive ends.

    Headers are asked for one by one: ``TarFile`` keeps all that it met, and takes damage for the end.
    """
    with tarfile.open(fileobj=io.BytesIO(bytes(tarfile.BLOCKSIZE)), mode="r:") as tar:
        headers: Any = _Headers(source)
        tar.fileobj, tar.encoding, tar.errors = headers, "utf-8", "surrogateescape"
        tar.offset = 0
        while True:
            headers.seek(tar.offset)
            before = tar.offset
            try:
                member = tarfile.TarInfo.fromtarfile(tar)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # a block of zeros
                return before
            except (DamagedError, OSError):
                raise
            except Exception as error:  # what its bytes may lead to is not documented
                what = "is damaged or cut short" if before else "is no tar archive"
                raise DamagedError(f"It {what} ({str(error) or type(error).__name__}).") from error
            if tar.offset <= before or len(tar.pax_headers) > _MOST_GLOBAL:
                raise DamagedError("It has a header that no program would write.")
            yield _entry(member)


def _entry(member: tarfile.TarInfo) -> Entry:
    name = member.name.encode("utf-8", "surrogateescape")
    if member.isdir():
        return Entry(name + b"/", 0, 0)
    flaw = None
    if member.issym() or member.islnk():
        flaw = "It is a link, which is not followed in an archive."
    elif not member.isreg() or member.issparse():
        flaw = "It is not a regular file."
    return Entry(name, member.offset_data, member.size, flaw)

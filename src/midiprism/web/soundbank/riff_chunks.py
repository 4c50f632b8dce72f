"""Chunks of RIFF files: where they are, and how they are written."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

HEADER_BYTES = 8


class Chunk(NamedTuple):
    """A chunk of a file.

    Attributes:
        kind: its four letters; of a list, those behind its size, such as ``pdta``.
        start: of its content.
        stop: the end of its content.
    """

    kind: bytes
    start: int
    stop: int


def read_chunks(data: memoryview, start: int, stop: int) -> Iterator[Chunk]:
    """Yield the chunks in a span of a file; one that is cut off ends with the span."""
    while start + HEADER_BYTES <= stop:
        kind = bytes(data[start : start + 4])
        size = int.from_bytes(data[start + 4 : start + HEADER_BYTES], "little")
        body, end = start + HEADER_BYTES, min(start + HEADER_BYTES + size, stop)
        if kind in (b"LIST", b"RIFF") and end - body >= 4:
            yield Chunk(bytes(data[body : body + 4]), body + 4, end)
        else:
            yield Chunk(kind, body, end)
        start = body + size
        if size % 2 and start < stop and data[start] == 0:  # some programs write no padding
            start += 1


def write_chunk(kind: bytes, parts: Iterable[bytes | memoryview]) -> bytes:
    """Return a chunk with its parts one after the other."""
    body = b"".join(parts)
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def write_list(kind: bytes, chunks: Iterable[bytes | memoryview], form: bytes = b"LIST") -> bytes:
    """Return a list of chunks."""
    return write_chunk(form, [kind, *chunks])

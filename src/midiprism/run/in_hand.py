"""Parents that a repair has read, to be split again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from midiprism.catalog import PathRow
from midiprism.library import Content, Found, Notice

PARENTS = 250
_BYTES = 64 << 20


class Batch:
    """Parents in hand, to be split and committed as one."""

    def __init__(self) -> None:
        self.parents: list[tuple[PathRow, Content]] = []
        self._bytes = 0

    def add(self, path: PathRow, content: Content) -> bool:
        """Take one; whether that is enough."""
        self.parents.append((path, content))
        self._bytes += content.size
        return len(self.parents) >= PARENTS or self._bytes >= _BYTES

    def clear(self) -> None:
        self.parents.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class InHand:
    """A library of the few parents that were read already."""

    contents: dict[bytes, Content]

    @property
    def sources(self) -> Sequence[bytes]:
        return ()

    def walk(self) -> Iterator[Found | Notice]:
        return iter(())

    def count(self) -> Iterator[int]:
        return iter((len(self.contents),))

    def missing(self) -> list[bytes]:
        return []

    def read(self, found: Found, limit: int) -> Content:  # noqa: ARG002 - it was kept when it was read
        return self.contents[found.path]

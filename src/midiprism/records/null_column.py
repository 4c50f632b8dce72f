"""A column whose values are all None, such as the facts of tracks of a run that computes none."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any


class NullColumn(Sequence[None]):
    """A column of None, which takes neither memory nor time for each row.

    Args:
        length: number of rows.
    """

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[None]:
        return repeat(None, self._length)

    def __getitem__(self, index: Any) -> Any:
        selected = range(self._length)[index]
        return NullColumn(len(selected)) if isinstance(selected, range) else None

    def __reduce__(self) -> tuple[type["NullColumn"], tuple[int]]:
        return NullColumn, (self._length,)

    def count(self, value: object) -> int:
        """Return the number of rows if ``value`` is None; 0 for any other value."""
        return self._length if value is None else 0


def is_all_null(values: Sequence[Any]) -> bool:
    """Return whether all values are None, of which there is at least one. Most columns show it at once."""
    return len(values) > 0 and values[0] is None and values.count(None) == len(values)

"""Rows of records, column by column."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any


class Columns:
    """Named columns of the same length.

    A batch crosses to another process as columns because that is several times as fast as a tuple per row.

    Args:
        values: of each column by its name, all of the same length.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Sequence[Any]]) -> None:
        self._values = dict(values)

    @classmethod
    def from_rows(cls, names: Sequence[str], rows: Iterable[Iterable[Any]]) -> "Columns":
        """Return the columns of rows that have the values of ``names`` in their order."""
        columns = list(zip(*rows, strict=True))
        return cls(dict(zip(names, columns or [()] * len(names), strict=True)))

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._values[name]

    def __len__(self) -> int:
        return len(next(iter(self._values.values())))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns) or self.names != other.names:
            return NotImplemented
        return all(list(self[name]) == list(other[name]) for name in self.names)

    def __repr__(self) -> str:
        return f"Columns({len(self)} rows of {', '.join(self.names)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Columns, (self._values,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(self._values)

    def rows(self, names: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """Return the rows of these columns, each as a plain tuple."""
        return zip(*(self._values[name] for name in names), strict=True)

    def take(self, indices: Sequence[int]) -> "Columns":
        """Return the columns of the rows with these indices, in this order."""
        if len(indices) == len(self) and all(map(int.__eq__, indices, range(len(self)))):
            return self
        return Columns({name: [*map(column.__getitem__, indices)] for name, column in self._values.items()})

    def with_columns(self, **values: Sequence[Any]) -> "Columns":
        """Return these columns with some more, or with other values for some."""
        return Columns({**self._values, **values})


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Return the rows of all parts, which have the same columns, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    return Columns({name: [*chain.from_iterable(part[name] for part in parts)] for name in parts[0].names})

"""Digests in columns of Parquet files as arrays, and sums that tell two collections of them apart."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from midiprism.generations.digests import DIGEST_BYTES, as_array
from midiprism.stores.parquet.schema import import_pyarrow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEX_CHARACTERS = 64
_NO_DIGIT = 16
_MAX_HALF = (1 << 64) - 1


def digests_of_column(column: Any) -> "NDArray[np.bytes_]":
    """Return the leading ``DIGEST_BYTES`` of the digests in a column of an Arrow table, without nulls.

    Raises:
        ValueError: a value is no digest in hex.
    """
    pyarrow = import_pyarrow()
    parts = [as_array(b"")]
    for chunk in column.chunks:
        values = chunk.drop_null().cast(pyarrow.binary())
        lengths = pyarrow.compute.binary_length(values)
        if len(values) and pyarrow.compute.min_max(lengths).as_py() != dict.fromkeys(
            ("min", "max"), _HEX_CHARACTERS
        ):
            raise ValueError("it has digests of another length")
        parts.append(_from_hex(values))
    return _joined(parts)


def _from_hex(values: Any) -> "NDArray[np.bytes_]":
    """Return the digests in an Arrow array of texts of ``_HEX_CHARACTERS`` each."""
    import numpy as np

    if not len(values):
        return as_array(b"")
    start = values.offset
    _, offsets, data = values.buffers()
    first = int(np.frombuffer(offsets, np.int32)[start])
    text = np.frombuffer(data, np.uint8)[first : first + len(values) * _HEX_CHARACTERS]
    digits = _digit_values()[text.reshape(len(values), _HEX_CHARACTERS)[:, : 2 * DIGEST_BYTES]]
    if (digits == _NO_DIGIT).any():
        raise ValueError("it has digests that are not in hex")
    return as_array((digits[:, 0::2] << 4 | digits[:, 1::2]).tobytes())


def _digit_values() -> "NDArray[np.uint8]":
    """Return the value of each character as a digit; ``_NO_DIGIT`` for others."""
    import numpy as np

    values = np.full(256, _NO_DIGIT, np.uint8)
    for value, digit in enumerate(b"0123456789abcdef"):
        values[digit] = value
    return values


def _joined(parts: "Iterable[NDArray[np.bytes_]]") -> "NDArray[np.bytes_]":
    import numpy as np

    joined: NDArray[np.bytes_] = np.concatenate([*parts])
    return joined


def halves_of(digests: "NDArray[np.bytes_]") -> "NDArray[np.uint64]":
    """Return the two halves of each digest as numbers."""
    import numpy as np

    return np.ascontiguousarray(digests).view(">u8").reshape(-1, 2).astype(np.uint64)


def prefixes_of(digests: "NDArray[np.bytes_]", prefixes: int) -> "NDArray[np.uint64]":
    """Return the number of the prefix of each digest; see ``digests.prefix_of``."""
    import numpy as np

    return (halves_of(digests)[:, 0] >> np.uint64(48)) * np.uint64(prefixes) >> np.uint64(16)


def distinct(digests: "Iterable[NDArray[np.bytes_]]") -> "NDArray[np.bytes_]":
    """Return the digests of several arrays, sorted, each once."""
    import numpy as np

    joined = _joined([as_array(b""), *digests])
    if (joined[1:] > joined[:-1]).all():  # those of one generation are
        return joined
    return np.unique(joined)


class DigestSum(NamedTuple):
    """The sum of a collection of digests, in which each may be several times.

    Two collections of digests that differ by chance have different sums, but for a chance of 2**-128. Whoever
    writes digests on purpose can make equal ones; they could as well write an index that fits.

    Attributes:
        digests: number of them.
        high: sum of their first halves, modulo 2**64.
        low: of their second halves.
    """

    digests: int = 0
    high: int = 0
    low: int = 0

    def plus(self, other: "DigestSum") -> "DigestSum":
        """Return the sum of both collections."""
        return DigestSum(
            self.digests + other.digests,
            (self.high + other.high) & _MAX_HALF,
            (self.low + other.low) & _MAX_HALF,
        )

    @classmethod
    def of(cls, digests: "NDArray[np.bytes_]", times: "NDArray[np.uint64] | None" = None) -> "DigestSum":
        """Return the sum of digests.

        Args:
            digests: in any order.
            times: each of them is in the collection; once if that is not given.
        """
        import numpy as np

        halves = halves_of(digests)
        weights = np.ones(len(halves), np.uint64) if times is None else times
        high, low = (halves * weights[:, None]).sum(axis=0, dtype=np.uint64).tolist()
        return cls(int(weights.sum(dtype=np.uint64)), high, low)

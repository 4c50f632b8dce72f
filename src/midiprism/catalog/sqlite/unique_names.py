"""Names that were given out, for any number of names: they spill to the disk when there are many."""

import hashlib
from collections.abc import Callable
from types import TracebackType

from midiprism.catalog.sqlite.temporary_database import open_temporary_database


class UniqueNames:
    """Gives out names of which no two are the same, by numbering those that would be.

    The numbers depend only on the order of the calls. Names are compared by keys that the caller makes.
    """

    def __init__(self) -> None:
        self._names = open_temporary_database(
            "CREATE TABLE names (key BLOB PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> "UniqueNames":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()

    def claim(self, key_of: Callable[[int], str]) -> int:
        """Return the least number, from 1, for which ``key_of(number)`` was not given out before."""
        first_key = _hash_key(key_of(1))
        row = self._names.execute("SELECT next FROM names WHERE key = ?", (first_key,)).fetchone()
        number: int = row[0] if row else 1
        while not self._insert_if_new(_hash_key(key_of(number))):
            number += 1
        self._names.execute("UPDATE names SET next = ? WHERE key = ?", (number + 1, first_key))
        return number

    def _insert_if_new(self, key: bytes) -> bool:
        return self._names.execute("INSERT OR IGNORE INTO names VALUES (?, 2)", (key,)).rowcount == 1


def _hash_key(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()

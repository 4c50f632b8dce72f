"""Names taken so far, for as many as there may be: kept on disk as soon as they are many."""

import hashlib
import sqlite3
from collections.abc import Callable
from types import TracebackType


class UniqueNames:
    """Gives out names so that no two are the same, numbering those that would be.

    The numbers depend only on the order of the calls. Names are compared by the keys that the caller makes of
    them.
    """

    def __init__(self) -> None:
        # An unnamed database is private, spills to a file only when it outgrows its cache, and then vanishes.
        self._names = sqlite3.connect("", isolation_level=None)
        self._names.execute("PRAGMA journal_mode = OFF")
        self._names.execute("CREATE TABLE names (key BLOB PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID")

    def __enter__(self) -> "UniqueNames":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()

    def claim(self, key_of: Callable[[int], str]) -> int:
        """The least number, from 1, for which ``key_of(number)`` was not given out before."""
        name = _hash_key(key_of(1))
        row = self._names.execute("SELECT next FROM names WHERE key = ?", (name,)).fetchone()
        number: int = row[0] if row else 1
        while not self._insert_if_new(_hash_key(key_of(number))):
            number += 1
        self._names.execute("UPDATE names SET next = ? WHERE key = ?", (number + 1, name))
        return number

    def _insert_if_new(self, key: bytes) -> bool:
        return self._names.execute("INSERT OR IGNORE INTO names VALUES (?, 2)", (key,)).rowcount == 1


def _hash_key(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()

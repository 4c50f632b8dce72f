"""The files that exports have written to a tree. They spill to the disk when there are many."""

import hashlib
import unicodedata
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from midiprism.catalog.sqlite.temporary_database import open_temporary_database


class ExportedFile(NamedTuple):
    """A file that an export wrote.

    Attributes:
        path: below the folder of the tree, with ``/`` between its parts.
        digest: of its bytes.
        song: name of its song.
    """

    path: str
    digest: bytes
    song: str


class ExportedFiles:
    """Tells the files of a tree whose songs no longer have their tracks. Use it as a context manager."""

    def __init__(self) -> None:
        self._files = open_temporary_database(
            "CREATE TABLE files (path BLOB PRIMARY KEY, digest BLOB NOT NULL, song BLOB NOT NULL, "
            "link BLOB NOT NULL, is_current INTEGER NOT NULL DEFAULT 0)",
            "CREATE INDEX files_link ON files (link)",
        )

    def __enter__(self) -> "ExportedFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, file: ExportedFile, *, is_current: bool = False) -> None:
        """Add a file, in place of what was known of its path."""
        values = (_encode(file.path), file.digest, _encode(file.song), _link_key(file.song, file.digest))
        self._files.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (*values, is_current))

    def remove(self, path: str) -> None:
        """Remove what is known of a path."""
        self._files.execute("DELETE FROM files WHERE path = ?", (_encode(path),))

    def digest_of(self, path: str) -> bytes | None:
        """Return the digest of what an export wrote at a path; None if none wrote there."""
        row = self._files.execute("SELECT digest FROM files WHERE path = ?", (_encode(path),)).fetchone()
        return row[0] if row else None

    def is_outdated(self, path: str, digest: bytes) -> bool:
        """Return whether an export wrote these bytes to a path for a song that is not known to have them."""
        query = "SELECT 1 FROM files WHERE path = ? AND digest = ? AND NOT is_current"
        return self._files.execute(query, (_encode(path), digest)).fetchone() is not None

    def mark_current(self, song: str, digest: bytes) -> None:
        """Note that a song has a track: files with both are up to date, whatever their names are."""
        self._files.execute("UPDATE files SET is_current = 1 WHERE link = ?", (_link_key(song, digest),))

    def has_outdated(self) -> bool:
        """Return whether there may be a file that is out of date."""
        return self._files.execute("SELECT 1 FROM files WHERE NOT is_current LIMIT 1").fetchone() is not None

    def outdated(self) -> list[ExportedFile]:
        """Return the files that no song with the same name has a track for."""
        return list(self._select("WHERE NOT is_current"))

    def all_files(self) -> Iterator[ExportedFile]:
        """Return all files in the order of their paths."""
        return self._select("ORDER BY path")

    def _select(self, condition: str) -> Iterator[ExportedFile]:
        rows = self._files.execute(f"SELECT path, digest, song FROM files {condition}")  # noqa: S608 - ours
        return (ExportedFile(_decode(path), digest, _decode(song)) for path, digest, song in rows)


def _link_key(song: str, digest: bytes) -> bytes:
    # File systems may not tell names apart that differ in case or in composed letters.
    folded = unicodedata.normalize("NFC", song).casefold()
    return hashlib.blake2b(_encode(folded) + b"\0" + digest, digest_size=16).digest()


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _decode(data: bytes) -> str:
    return data.decode(errors="surrogatepass")

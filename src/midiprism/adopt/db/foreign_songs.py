"""What a run asks of a library that it takes over: its songs, and which of them its owner has split."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, select

from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.catalog.catalog import RESULT_KEY
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.schema import properties
from midiprism.errors import CatalogError

_ADOPTED_KEY = "adopted"
_PAGE_ROWS = 20_000  # without an index in the order of the bytes, each page sorts all
_ALREADY_SPLIT_PAGE_ROWS = 4_000

_ALL_PATHS = """
SELECT f.filepath FROM {files} f WHERE f.num_tracks > 1 AND f.filepath COLLATE "C" > :after
ORDER BY f.filepath COLLATE "C" LIMIT :page
"""

_REMAINING_PATHS = """
SELECT f.filepath FROM {files} f WHERE f.num_tracks > 1 AND f.filepath COLLATE "C" > :after
    AND NOT [begun] AND NOT [known]
ORDER BY f.filepath COLLATE "C" LIMIT :page
"""

_ALREADY_SPLIT = """
SELECT f.id, f.filepath, f.content_hash, f.format, f.num_tracks, f.ticks_per_quarter_note, f.duration_ticks,
    CAST(f.duration_seconds AS float8)
FROM {files} f
WHERE f.num_tracks > 1 AND f.id > COALESCE(CAST(:after AS bigint), -9223372036854775808)
    AND [begun] AND NOT [known]
ORDER BY f.id LIMIT :page
"""

_SPLIT_PROGRESS = """
SELECT count(*), count(*) FILTER (WHERE [begun] AND NOT [known]), count(*) FILTER (WHERE [known])
FROM {files} f WHERE f.num_tracks > 1
"""


class AlreadySplitSong(NamedTuple):
    """A song that has rows in ``links``, as ``files`` speaks of it."""

    id: int
    path: bytes
    content_hash: bytes
    format: int | None
    num_tracks: int
    ticks_per_quarter_note: int | None
    duration_ticks: int | None
    duration_seconds: float | None


class SplitProgress(NamedTuple):
    """How a library stands.

    Attributes:
        songs: songs with several tracks.
        adopted: of these, what its owner has split.
        known: what midiprism has come to.
    """

    songs: int
    split_by_owner: int
    known_songs: int


class ForeignSongs:
    """The songs of a library.

    Args:
        library: their tables.

    Raises:
        CatalogError: they are not of the shape that midiprism knows.
    """

    def __init__(self, library: ForeignLibrary) -> None:
        if not library.schema.recognised:
            raise CatalogError(
                f"{library.address} holds no library that can be taken over: {library.schema.faults[0]} "
                "`midiprism catalog check` says more."
            )
        self._library = library
        self._own_songs_table = f'"{library.address.schema}".songs'

    def path_pages(self, *, remaining_only: bool = False) -> Iterator[list[bytes]]:
        """Their paths, as recorded, in the order of their bytes.

        Args:
            left: only of those that nobody has split or come to.
        """
        after = ""
        while page := self._fetch_rows(
            _REMAINING_PATHS if remaining_only else _ALL_PATHS, after=after, page=_PAGE_ROWS
        ):
            yield [os.fsencode(path) for (path,) in page]
            after = page[-1][0]

    def already_split(self) -> Iterator[list[AlreadySplitSong]]:
        """Those that have rows in ``links`` and that our catalogue does not know yet."""
        after: int | None = None
        while page := self._fetch_rows(_ALREADY_SPLIT, after=after, page=_ALREADY_SPLIT_PAGE_ROWS):
            yield [
                AlreadySplitSong(number, os.fsencode(path), bytes(digest), *facts)
                for number, path, digest, *facts in page
            ]
            after = page[-1][0]

    def count(self) -> int:
        """How many there are."""
        ((count,),) = self._library.fetch_rows("SELECT count(*) FROM {files} WHERE num_tracks > 1")
        return int(count)

    def split_progress(self) -> SplitProgress:
        """How far splitting them is."""
        ((songs, adopted, done),) = self._fetch_rows(_SPLIT_PROGRESS)
        return SplitProgress(int(songs), int(adopted), int(done))

    def common_folder(self) -> bytes:
        """The folder that all of them are in, as recorded, with a separator; empty without one."""
        ((first, last),) = self._library.fetch_rows(
            'SELECT min(filepath COLLATE "C"), max(filepath COLLATE "C") FROM {files} WHERE num_tracks > 1'
        )
        folder = os.fsencode(first or "").rpartition(b"/")[0] + b"/"
        while not os.fsencode(last or "").startswith(folder):  # what those two have in common, all have
            folder = folder[: folder.rfind(b"/", 0, -1) + 1]
        return folder

    def _fetch_rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """The rows of a statement, where ``[known]`` is whether our catalogue, if there is one, knows one."""
        ((there,),) = self._library.fetch_rows(
            "SELECT to_regclass(:name) IS NOT NULL", name=self._own_songs_table
        )
        known = (
            f"EXISTS (SELECT FROM {self._own_songs_table} p WHERE p.digest = f.content_hash)"
            if there
            else "FALSE"
        )
        begun = "EXISTS (SELECT FROM {links} l WHERE l.parent_file_id = f.id)"
        return self._library.fetch_rows(
            statement.replace("[known]", known).replace("[begun]", begun), **values
        )


def bind_source(catalog: PostgresCatalog, *, adopts: bool) -> None:
    """Say that a new catalogue goes with a library that was taken over, or see that it does as it did.

    Raises:
        CatalogError: it was made the other way.
    """

    def work() -> tuple[bool, bool]:
        connection = catalog.connection
        there = set(connection.scalars(select(properties.c.key)))
        if adopts and RESULT_KEY not in there and _ADOPTED_KEY not in there:
            connection.execute(insert(properties).values(key=_ADOPTED_KEY, value="files"))
            there.add(_ADOPTED_KEY)
        return _ADOPTED_KEY in there, RESULT_KEY in there

    adopted, bound = catalog.run_in_transaction(work)
    if adopted and not adopts:
        raise CatalogError(
            f"The catalogue {catalog.path} goes with a library that was taken over: split with --adopt."
        )
    if adopts and bound and not adopted:
        raise CatalogError(
            f"The catalogue {catalog.path} was made without --adopt: name another --schema and folder."
        )


def is_adopted(catalog: PostgresCatalog) -> bool:
    """Whether a catalogue goes with a library that was taken over; inside a transaction that is open."""
    wanted = select(properties.c.value).where(properties.c.key == _ADOPTED_KEY)
    return catalog.connection.scalar(wanted) is not None

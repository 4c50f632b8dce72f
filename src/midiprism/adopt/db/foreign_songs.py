"""The songs of another program's library, and which of them their owner has split."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.adopt.errors import NotAdoptableError
from midiprism.adopt.options import ExistingLinksPolicy
from midiprism.fs.path_text import path_bytes
from midiprism.records.outcomes import ADOPTED

_PAGE_ROWS = 20_000  # without an index in the order of the bytes, each page sorts the whole table
_ALREADY_SPLIT_PAGE_ROWS = 4_000

_ALL_PATHS = """
SELECT f.filepath FROM {files} f WHERE f.num_tracks > 1 AND f.filepath COLLATE "C" > :after
ORDER BY f.filepath COLLATE "C" LIMIT :page
"""

_REMAINING_PATHS = """
SELECT f.filepath FROM {files} f WHERE f.num_tracks > 1 AND f.filepath COLLATE "C" > :after
    AND NOT [has_links] AND NOT [is_known]
ORDER BY f.filepath COLLATE "C" LIMIT :page
"""

_ALREADY_SPLIT = """
SELECT f.id, f.filepath, f.content_hash, f.format, f.num_tracks, f.ticks_per_quarter_note, f.duration_ticks,
    CAST(f.duration_seconds AS float8)
FROM {files} f
WHERE f.num_tracks > 1 AND f.id > COALESCE(CAST(:after AS bigint), -9223372036854775808)
    AND [has_links] AND NOT [is_known]
ORDER BY f.id LIMIT :page
"""

_SPLIT_PROGRESS = """
SELECT count(*), count(*) FILTER (WHERE [has_links] AND NOT [is_known]), count(*) FILTER (WHERE [is_known])
FROM {files} f WHERE f.num_tracks > 1
"""

_WRONGLY_LINKED = """
SELECT s.id FROM [own].songs s
WHERE s.outcome IN ('split', 'repaired') AND s.digest IN (
    SELECT f.content_hash FROM {files} f JOIN {links} l ON l.parent_file_id = f.id
        JOIN {files} t ON t.id = l.split_file_id
    WHERE NOT EXISTS (
        SELECT FROM [own].songs k
            JOIN [own].links o ON o.song_id = k.id JOIN [own].tracks r ON r.id = o.track_id
        WHERE k.digest = f.content_hash AND r.digest = t.content_hash))
"""

_OWNER_LINKS = "SELECT count(*) FROM {links} l WHERE NOT [is_added]"

_IS_RECORDED = "SELECT FROM [own].songs s WHERE s.digest = f.content_hash"
_IS_KNOWN = {
    "leave": f"EXISTS ({_IS_RECORDED})",
    "complete": f"EXISTS ({_IS_RECORDED} AND s.outcome <> '{ADOPTED}')",
    "replace": f"EXISTS ({_IS_RECORDED} AND s.outcome <> '{ADOPTED}' AND s.id NOT IN ({_WRONGLY_LINKED}))",
}
"""Conditions for a song that midiprism's catalog knows and a run does not split again, by what the run does
to songs that have links."""

_HAS_LINKS = "EXISTS (SELECT FROM {links} l WHERE l.parent_file_id = f.id)"


class AlreadySplitSong(NamedTuple):
    """A row of ``files`` of a song that has rows in ``track_splits``."""

    id: int
    path: bytes
    content_hash: bytes
    format: int | None
    num_tracks: int
    ticks_per_quarter_note: int | None
    duration_ticks: int | None
    duration_seconds: float | None


class SplitProgress(NamedTuple):
    """Numbers of songs of a library by the program that has split them.

    Attributes:
        songs: number of songs with several tracks.
        split_by_owner: of ``songs``, those that their owner has split, without ``known_songs``.
        known_songs: of ``songs``, those that midiprism's catalog knows and a run does not split again.
    """

    songs: int
    split_by_owner: int
    known_songs: int

    @property
    def remaining(self) -> int:
        """Return the number of the other songs, which a run splits."""
        return self.songs - self.split_by_owner - self.known_songs


class ForeignSongs:
    """The songs of a library that have several tracks.

    Args:
        library: the library's tables.
        existing: what a run does to songs that have links; those that it splits again are not known songs.

    Raises:
        NotAdoptableError: they are not the tables that midiprism knows.
    """

    def __init__(self, library: ForeignLibrary, existing: ExistingLinksPolicy = "leave") -> None:
        if not library.schema.recognised:
            raise NotAdoptableError(str(library.address), library.schema.faults[0])
        self._library = library
        self._existing = existing
        self._own_songs_table = f'"{library.address.schema}".songs'

    def path_pages(self, *, remaining_only: bool = False) -> Iterator[list[bytes]]:
        """Yield the songs' recorded paths in the order of their bytes, page by page.

        Args:
            remaining_only: leave out songs that have links and known songs.
        """
        statement = _REMAINING_PATHS if remaining_only else _ALL_PATHS
        after = ""
        while page := self._fetch_rows(statement, after=after, page=_PAGE_ROWS):
            paths = [path for (path,) in page]
            yield [*map(path_bytes, paths)]
            after = paths[-1]

    def already_split(self) -> Iterator[list[AlreadySplitSong]]:
        """Yield, page by page, the songs that have links, without known songs."""
        after: int | None = None
        while page := self._fetch_rows(_ALREADY_SPLIT, after=after, page=_ALREADY_SPLIT_PAGE_ROWS):
            songs = [
                AlreadySplitSong(file_id, path_bytes(path), bytes(content_hash), *values)
                for file_id, path, content_hash, *values in page
            ]
            yield songs
            after = songs[-1].id

    def count(self) -> int:
        """Return the number of songs."""
        ((count,),) = self._library.fetch_rows("SELECT count(*) FROM {files} WHERE num_tracks > 1")
        return int(count)

    def count_owner_links(self) -> int:
        """Return the number of links that no run of midiprism has added."""
        added = f'"{self._library.address.schema}".foreign_links_added'.replace(":", "\\:")
        is_added = (
            f"EXISTS (SELECT FROM {added} a WHERE a.link_id = l.id)" if self._has_catalog() else "FALSE"
        )
        ((count,),) = self._library.fetch_rows(_OWNER_LINKS.replace("[is_added]", is_added))
        return int(count)

    def split_progress(self) -> SplitProgress:
        """Count the songs that have been split."""
        (row,) = self._fetch_rows(_SPLIT_PROGRESS)
        return SplitProgress(*map(int, row))

    def common_folder(self) -> bytes:
        """Return the recorded folder that contains all songs, with a separator at the end, or nothing."""
        ((first, last),) = self._library.fetch_rows(
            'SELECT min(filepath COLLATE "C"), max(filepath COLLATE "C") FROM {files} WHERE num_tracks > 1'
        )
        folder = path_bytes(first or "").rpartition(b"/")[0] + b"/"
        # In sorted order, a folder that contains the first and the last path contains all of them.
        while not path_bytes(last or "").startswith(folder):
            folder = folder[: folder.rfind(b"/", 0, -1) + 1]
        return folder

    def wrongly_linked_ids(self) -> list[int]:
        """Return the ids in midiprism's catalog of songs that it has split and that have other links too."""
        if not self._has_catalog():
            return []
        return [song_id for (song_id,) in self._fetch_rows(_WRONGLY_LINKED)]

    def _has_catalog(self) -> bool:
        """Return whether midiprism has a catalog in the database."""
        ((has_catalog,),) = self._library.fetch_rows(
            "SELECT to_regclass(:name) IS NOT NULL", name=self._own_songs_table
        )
        return bool(has_catalog)

    def _fetch_rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """Return the rows of a statement.

        ``[own]`` stands for the schema of midiprism's catalog, ``[has_links]`` for whether a song has links,
        and ``[is_known]`` for whether it is a known song, which is false where there is no catalog yet.
        """
        is_known = _IS_KNOWN[self._existing] if self._has_catalog() else "FALSE"
        statement = statement.replace("[is_known]", is_known).replace("[has_links]", _HAS_LINKS)
        schema = f'"{self._library.address.schema}"'
        return self._library.fetch_rows(statement.replace("[own]", schema), **values)

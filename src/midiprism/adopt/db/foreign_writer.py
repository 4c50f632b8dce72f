"""Adding rows to another program's tables, in the transaction that commits a batch.

Each track has a row in ``files``, no matter which program added it, and each pair of a song and a track has
one in ``track_splits``. If a row cannot be added, its song fails with the reason, and no row of that song is
added.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from midiprism.adopt.db.foreign_schema import hide_schema
from midiprism.adopt.db.foreign_tables import ForeignTables
from midiprism.catalog.commit_hook import BatchTransaction, HookResult
from midiprism.catalog.postgres.bulk_copy import copy_rows, create_staging_table
from midiprism.catalog.postgres.server import driver_connection
from midiprism.records.batches import BatchRecord
from midiprism.records.fields import LinkRecord, ProblemRecord, SongRecord
from midiprism.records.track_record import TrackRecord

_FILE_COLUMNS = (
    "filename",
    "filepath",
    "content_hash",
    "file_size_bytes",
    "format",
    "num_tracks",
    "ticks_per_quarter_note",
    "duration_seconds",
    "duration_ticks",
    "parent_file_id",
    "track_number",
    "total_tracks",
)
_LINK_COLUMNS = ("parent_file_id", "split_file_id", "track_number", "track_name", "instrument", "note_count")
_SMPTE_FLAG = 0x8000
_REFUSAL_SQLSTATES = ("22", "23", "54000", "P0")
"""Values, constraints, limits such as that of an index entry, and what a trigger raises."""


class _PathTakenError(Exception):
    """Rows of other content have the paths of some tracks.

    Attributes:
        path_by_song: digests of the songs with such tracks, each with one of the paths.
    """

    def __init__(self, path_by_song: dict[bytes, str]) -> None:
        super().__init__()
        self.path_by_song = path_by_song


class _SongLink(NamedTuple):
    """A link, and the digest of the song that it belongs to."""

    song_digest: bytes
    link: LinkRecord


class _LinkRow(NamedTuple):
    """The ids of a row of ``track_splits``, and the link that it is made from."""

    song_id: int
    track_id: int
    song_digest: bytes
    link: LinkRecord


@dataclass(frozen=True, slots=True)
class _SongRows:
    """Songs and links from which rows are made.

    Attributes:
        songs: the songs by digest.
        links: the first link of each song to each track, by both digests.
        first_links: the first link to each track, by its digest.
        nulled: for each song, problems of values that a column cannot hold.
    """

    songs: Mapping[bytes, SongRecord]
    links: Mapping[tuple[bytes, bytes], LinkRecord]
    first_links: Mapping[bytes, _SongLink]
    nulled: Mapping[bytes, list[ProblemRecord]]

    @classmethod
    def of(cls, songs: Mapping[bytes, SongRecord]) -> "_SongRows":
        links: dict[tuple[bytes, bytes], LinkRecord] = {}
        first_links: dict[bytes, _SongLink] = {}
        for digest, song in songs.items():
            for link in song.links:  # in the order of their track numbers
                links.setdefault((digest, link.track.digest), link)
                first_links.setdefault(link.track.digest, _SongLink(digest, link))
        return cls(songs, links, first_links, {digest: [] for digest in songs})


class ForeignWriter:
    """Adds the rows of one batch, inside an open transaction.

    Args:
        transaction: of the batch.
        tables: the library's tables.
        format_track_path: returns the path of a track's file as the library records it.
        replace_links: whether rows that lead from a song to other tracks are removed.
    """

    def __init__(
        self,
        transaction: BatchTransaction,
        tables: ForeignTables,
        format_track_path: Callable[[TrackRecord], str],
        *,
        replace_links: bool,
    ) -> None:
        self._connection = transaction.connection
        self._driver_connection = driver_connection(transaction.connection)
        self._run_id = transaction.run_id
        self._tables = tables
        self._format_track_path = format_track_path
        self._replace_links = replace_links
        self._song_ids: dict[bytes, int] = {}
        self._refusals: dict[bytes, ProblemRecord] = {}
        self._nulled_problems: dict[bytes, list[ProblemRecord]] = {}

    def write(self, batch: BatchRecord) -> HookResult:
        """Add the missing rows, and return the batch with the songs that could not be added as failed."""
        records = batch.song_records()
        songs = {record.digest: record for record in records if record.links and record.digest is not None}
        if not songs:
            return HookResult(batch)
        hide_schema(self._connection, self._tables.own_schema)  # the library's triggers find its own tables
        self._song_ids = self._select_file_ids(list(songs))
        for digest in songs.keys() - self._song_ids.keys():
            message = "No row of files has the content_hash of its bytes: the file changed."
            self._refusals[digest] = ProblemRecord("changed", message)
        self._write_songs({digest: song for digest, song in songs.items() if digest in self._song_ids})
        return self._result(batch, records)

    def _result(self, batch: BatchRecord, records: Sequence[SongRecord]) -> HookResult:
        """Return the batch in which refused songs have failed, and nulled values are problems."""
        if not self._refusals and not any(self._nulled_problems.values()):
            return HookResult(batch)
        written: list[SongRecord] = []
        refused: list[SongRecord] = []
        nulled_count = 0
        for record in records:
            refusal = self._refusals.get(record.digest or b"") if record.links else None
            if refusal is not None:
                failed = record._replace(outcome="failed", links=(), problems=(refusal,))
                refused.append(failed)
                written.append(failed)
                continue
            problems = self._nulled_problems.get(record.digest or b"", []) if record.links else []
            nulled_count += len(problems)
            written.append(record._replace(problems=(*record.problems, *problems)))
        return HookResult(batch.with_songs(written), refused, nulled_count)

    def _write_songs(self, songs: dict[bytes, SongRecord]) -> None:
        """Add the rows of these songs, except for songs whose rows are refused."""
        import psycopg

        while songs:
            try:
                with self._savepoint():
                    self._insert_songs(songs)
                return
            except _PathTakenError as taken:
                for digest, path in taken.path_by_song.items():
                    message = f"In files, {path} is the path of another content."
                    self._refusals[digest] = ProblemRecord("path_taken", message)
                songs = {digest: song for digest, song in songs.items() if digest not in taken.path_by_song}
            except psycopg.Error as error:
                if not (error.sqlstate or "").startswith(_REFUSAL_SQLSTATES):
                    raise
                if len(songs) > 1:  # one by one, to find those that are refused
                    for digest, song in songs.items():
                        self._write_songs({digest: song})
                else:
                    (digest,) = songs
                    reason = str(error).strip().splitlines()[0]
                    self._refusals[digest] = ProblemRecord(
                        "refused", f"The library's tables refuse it: {reason}"
                    )
                return

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._driver_connection.execute("SAVEPOINT adoption")
        try:
            yield
        except BaseException:
            if not self._driver_connection.closed:
                self._driver_connection.execute("ROLLBACK TO SAVEPOINT adoption")
            raise
        self._driver_connection.execute("RELEASE SAVEPOINT adoption")

    def _insert_songs(self, songs: Mapping[bytes, SongRecord]) -> None:
        """Add the rows of these songs.

        Raises:
            _PathTakenError: some tracks cannot have their rows; the caller rolls back.
        """
        rows = _SongRows.of(songs)
        track_ids = self._select_file_ids(list(rows.first_links))
        new = {
            digest: rows.first_links[digest] for digest in sorted(rows.first_links) if digest not in track_ids
        }
        if new:
            track_ids |= self._insert_files(new, rows)
        paths_taken = {
            song_digest: self._format_track_path(link.track)
            for (song_digest, track_digest), link in rows.links.items()
            if track_digest not in track_ids
        }
        if paths_taken:
            raise _PathTakenError(paths_taken)
        link_rows = sorted(
            _LinkRow(self._song_ids[song_digest], track_ids[track_digest], song_digest, link)
            for (song_digest, track_digest), link in rows.links.items()
        )
        self._insert_links(link_rows, rows)
        self._nulled_problems.update(rows.nulled)

    def _insert_files(self, first_links: Mapping[bytes, _SongLink], rows: _SongRows) -> dict[bytes, int]:
        """Add rows to ``files``, and return the ids of the tracks that have a row then."""
        tables = self._tables
        create_staging_table(self._driver_connection, "new_files", tables.files, _FILE_COLUMNS)
        file_rows = (
            self._null_unfit_values(
                "files", self._file_row(rows.songs[digest], link), link.track_number, rows.nulled[digest]
            )
            for digest, link in first_links.values()
        )
        copy_rows(self._driver_connection, "new_files", file_rows, _FILE_COLUMNS)
        inherited = ("original_filename", *tables.inherited_columns)
        inserted = self._driver_connection.execute(
            f"INSERT INTO {tables.files} ({', '.join((*_FILE_COLUMNS, 'is_multi_track', *inherited))}) "  # noqa: S608
            f"SELECT {', '.join(f'n.{name}' for name in _FILE_COLUMNS)}, TRUE, "
            f"{', '.join(f'p.{name}' for name in inherited)} "
            f"FROM new_files n JOIN {tables.files} p ON p.id = n.parent_file_id "
            "ORDER BY n.content_hash ON CONFLICT DO NOTHING RETURNING content_hash, id"
        ).fetchall()
        self._log_added("foreign_files_added", "file_id", [file_id for _, file_id in inserted])
        track_ids = {bytes(digest): file_id for digest, file_id in inserted}
        conflicting = [digest for digest in first_links if digest not in track_ids]
        return track_ids | (self._select_file_ids(conflicting) if conflicting else {})

    def _file_row(self, song: SongRecord, link: LinkRecord) -> dict[str, Any]:
        """Return a row of ``files`` by column."""
        track = link.track
        path = self._format_track_path(track)
        is_metrical = song.division is not None and song.division < _SMPTE_FLAG
        return {
            "filename": path.rpartition("/")[2],
            "filepath": path,
            "content_hash": track.digest,
            "file_size_bytes": track.size,
            "format": 0,
            "num_tracks": 1,
            "ticks_per_quarter_note": song.division if is_metrical else None,
            "duration_seconds": track.duration_seconds,
            "duration_ticks": track.duration_ticks,
            "parent_file_id": self._song_ids[song.digest or b""],
            "track_number": link.track_number,
            "total_tracks": song.num_tracks,
        }

    def _insert_links(self, link_rows: Sequence[_LinkRow], rows: _SongRows) -> None:
        """Add rows to ``track_splits``."""
        links_table, names = self._tables.links, ", ".join(_LINK_COLUMNS)
        create_staging_table(self._driver_connection, "new_links", links_table, _LINK_COLUMNS)
        values = (
            self._null_unfit_values(
                "track_splits", _link_row(row), row.link.track_number, rows.nulled[row.song_digest]
            )
            for row in link_rows
        )
        copy_rows(self._driver_connection, "new_links", values, _LINK_COLUMNS)
        inserted = self._driver_connection.execute(
            f"INSERT INTO {links_table} ({names}) SELECT {names} FROM new_links "  # noqa: S608
            "ORDER BY parent_file_id, split_file_id "
            "ON CONFLICT (parent_file_id, split_file_id) DO NOTHING RETURNING id"
        ).fetchall()
        self._log_added("foreign_links_added", "link_id", [link_id for (link_id,) in inserted])
        if self._replace_links:
            self._delete_other_links()

    def _delete_other_links(self) -> None:
        """Remove the links of these songs to other tracks, and keep a copy of the rows."""
        self._driver_connection.execute(
            f"WITH deleted AS (DELETE FROM {self._tables.links} l "  # noqa: S608
            "WHERE l.parent_file_id IN (SELECT parent_file_id FROM new_links) AND NOT EXISTS ("
            "SELECT FROM new_links n "
            "WHERE n.parent_file_id = l.parent_file_id AND n.split_file_id = l.split_file_id) RETURNING l.*) "
            f'INSERT INTO "{self._tables.own_schema}".foreign_rows_replaced '
            "(run_id, table_name, row_id, row) "
            "SELECT %s, 'track_splits', deleted.id, to_json(deleted) FROM deleted",
            (self._run_id,),
        )

    def _null_unfit_values(
        self,
        table: Literal["files", "track_splits"],
        row: Mapping[str, Any],
        track_number: int,
        problems: list[ProblemRecord],
    ) -> tuple[Any, ...]:
        """Return the values of a row, with NULL for each value that its column cannot hold."""
        limits = self._tables.file_limits if table == "files" else self._tables.link_limits
        unfit = [name for name, value in row.items() if not limits[name].can_hold(value)]
        for name in unfit:
            message = f"{table}.{name} cannot hold {row[name]!r}: it is NULL there."
            problems.append(ProblemRecord("value_nulled", message, track_number))
        return tuple({**row, **dict.fromkeys(unfit)}.values()) if unfit else tuple(row.values())

    def _select_file_ids(self, digests: list[bytes]) -> dict[bytes, int]:
        """Return the ids of the rows of ``files`` with these digests."""
        rows = self._driver_connection.execute(
            f"SELECT content_hash, id FROM {self._tables.files} WHERE content_hash = ANY(%b)",  # noqa: S608
            (digests,),
        )
        return {bytes(digest): file_id for digest, file_id in rows}

    def _log_added(self, table: str, column: str, row_ids: list[int]) -> None:
        """Record that this run added these rows."""
        if row_ids:
            self._driver_connection.execute(
                f'INSERT INTO "{self._tables.own_schema}".{table} ({column}, run_id) '  # noqa: S608
                f"SELECT id, %s FROM unnest(%s::bigint[]) id "
                f"ON CONFLICT ({column}) DO UPDATE SET run_id = EXCLUDED.run_id",
                (self._run_id, row_ids),
            )


def _link_row(row: _LinkRow) -> dict[str, Any]:
    """Return a row of ``track_splits`` by column."""
    return {
        "parent_file_id": row.song_id,
        "split_file_id": row.track_id,
        "track_number": row.link.track_number,
        "track_name": row.link.name,
        "instrument": row.link.instrument,
        "note_count": row.link.track.note_count,
    }

"""The bridge to a library that was taken over: its tables are filled beside ours, in the same transaction.

Each content has a row in ``files``, whoever added it, and each pair of a song and a content one in
``links``. What cannot be added costs the song that it belongs to, by name, and nothing of that
song goes there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from midiprism.adopt.db.column_limits import ColumnLimit, read_column_limits
from midiprism.adopt.db.foreign_schema import hide_schema, read_foreign_schema
from midiprism.catalog.postgres.bulk_copy import copy_rows, create_staging_table
from midiprism.catalog.postgres.server import driver_connection
from midiprism.errors import CatalogError
from midiprism.records.fields import LinkRecord, ProblemRecord, SongRecord, TrackRecord

if TYPE_CHECKING:
    from midiprism.catalog.postgres.catalog import PostgresCatalog

ExistingLinksPolicy = Literal["leave", "complete", "replace"]
"""What becomes of songs that have rows in ``links``: they are not opened; what is missing is added;
and rows that lead to other contents are taken out."""

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
_INHERITED_COLUMNS = ("manufacturer", "collection_name", "folder_tags")
_LINK_COLUMNS = ("parent_file_id", "split_file_id", "track_number", "track_name", "instrument", "note_count")
_SMPTE_FLAG = 0x8000
_REFUSAL_SQLSTATES = ("22", "23", "P0001")  # values, constraints, and what a trigger raises


@dataclass(frozen=True, slots=True)
class ForeignWriterConfig:
    """What is known of their tables, ready to cross to another process.

    Attributes:
        files: full name of their table, quoted; likewise ``links``, which is ``links``.
        inherited: columns that a split has from its song.
        file_fits: what the columns of ``files`` can hold; likewise ``link_limits``.
        place: where the file of a content is, as their paths are written.
        existing: what becomes of songs that have rows already.
    """

    files_table: str
    links_table: str
    inherited_columns: tuple[str, ...]
    file_limits: Mapping[str, ColumnLimit]
    link_limits: Mapping[str, ColumnLimit]
    format_track_path: Callable[[TrackRecord], str]
    existing_links_policy: ExistingLinksPolicy


@dataclass(slots=True)
class ForeignWriteResult:
    """What became of a batch.

    Attributes:
        songs: its records, in which those that were refused have failed.
        refused: those, without their links.
        nulled: values that columns of theirs cannot hold.
    """

    songs: list[SongRecord]
    refused_songs: list[SongRecord] = field(default_factory=list)
    values_nulled: int = 0


def read_foreign_writer_config(
    catalog: "PostgresCatalog",
    format_track_path: Callable[[TrackRecord], str],
    existing_links_policy: ExistingLinksPolicy,
) -> ForeignWriterConfig:
    """Look at their tables.

    Raises:
        CatalogError: they are not of the shape that midiprism knows.
    """

    def work() -> ForeignWriterConfig:
        connection = catalog.connection
        shape = read_foreign_schema(connection, catalog.address.schema)
        if not shape.recognised:
            raise CatalogError(f"{catalog.path} holds no library that can be taken over: {shape.faults[0]}")
        files, links = shape.qualified_name("files"), shape.qualified_name("track_splits")
        inherited = tuple(name for name in _INHERITED_COLUMNS if ("files", name) in shape.column_types)
        return ForeignWriterConfig(
            files,
            links,
            inherited,
            read_column_limits(connection, files),
            read_column_limits(connection, links),
            format_track_path,
            existing_links_policy,
        )

    return catalog.run_in_transaction(work)


class _PathTakenError(Exception):
    """Files of theirs are where those of some contents are to be.

    Attributes:
        songs: digests of the songs of such contents, each with one of the paths.
    """

    def __init__(self, songs: dict[bytes, str]) -> None:
        super().__init__()
        self.songs = songs


class ForeignWriter:
    """The bridge's part of one batch, inside a transaction."""

    def __init__(self, catalog: "PostgresCatalog", config: ForeignWriterConfig, run_id: int) -> None:
        self._connection = catalog.connection
        self._driver_connection = driver_connection(catalog.connection)
        self._schema = catalog.address.schema
        self._config = config
        self._run_id = run_id
        self._song_ids: dict[bytes, int] = {}
        self._refusals: dict[bytes, ProblemRecord] = {}
        self._nulled_problems: dict[bytes, list[ProblemRecord]] = {}

    def write(self, records: Sequence[SongRecord]) -> ForeignWriteResult:
        """Add what is missing in their tables."""
        songs = {record.digest: record for record in records if record.links and record.digest is not None}
        if not songs:
            return ForeignWriteResult(list(records))
        hide_schema(self._connection, self._schema)  # their triggers find their tables
        self._song_ids = self._select_file_ids(list(songs))
        for digest in songs.keys() - self._song_ids.keys():
            message = "Its bytes are not those that files speaks of: no row has their content_hash."
            self._refusals[digest] = ProblemRecord("changed", message)
        self._write_songs({digest: song for digest, song in songs.items() if digest in self._song_ids})
        bridged = ForeignWriteResult([])
        for record in records:
            refusal = self._refusals.get(record.digest or b"") if record.links else None
            if refusal is not None:
                failed = record._replace(outcome="failed", links=(), problems=(refusal,))
                bridged.refused_songs.append(failed)
                bridged.songs.append(failed)
                continue
            problems = self._nulled_problems.get(record.digest or b"", []) if record.links else []
            bridged.values_nulled += len(problems)
            bridged.songs.append(record._replace(problems=(*record.problems, *problems)))
        return bridged

    def _write_songs(self, songs: dict[bytes, SongRecord]) -> None:
        """Add the rows of these songs, but for those that cannot be."""
        import psycopg

        while songs:
            try:
                with self._savepoint():
                    self._insert_songs(songs)
                return
            except _PathTakenError as taken:
                for digest, path in taken.songs.items():
                    message = f"In files, {path} is the path of another content."
                    self._refusals[digest] = ProblemRecord("path_taken", message)
                songs = {digest: song for digest, song in songs.items() if digest not in taken.songs}
            except psycopg.Error as error:
                if not (error.sqlstate or "").startswith(_REFUSAL_SQLSTATES):
                    raise
                if len(songs) > 1:
                    for digest, song in songs.items():
                        self._write_songs({digest: song})
                else:
                    told = str(error).strip().splitlines()[0]
                    self._refusals[next(iter(songs))] = ProblemRecord(
                        "refused", f"Their tables refuse it: {told}"
                    )
                return

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._driver_connection.execute("SAVEPOINT bridge")
        try:
            yield
        except BaseException:
            if not self._driver_connection.closed:
                self._driver_connection.execute("ROLLBACK TO SAVEPOINT bridge")
            raise
        self._driver_connection.execute("RELEASE SAVEPOINT bridge")

    def _insert_songs(self, songs: Mapping[bytes, SongRecord]) -> None:
        """Add the rows of these songs.

        Raises:
            _TakenError: some of them cannot have theirs; nothing may be kept.
        """
        not_held: dict[bytes, list[ProblemRecord]] = {digest: [] for digest in songs}
        first: dict[bytes, tuple[bytes, LinkRecord]] = {}
        pairs: dict[tuple[bytes, bytes], LinkRecord] = {}
        for digest, song in songs.items():
            for link in song.links:  # in the order of their track numbers
                pairs.setdefault((digest, link.track.digest), link)
                first.setdefault(link.track.digest, (digest, link))
        contents = self._select_file_ids(list(first))
        new = {content: first[content] for content in sorted(first) if content not in contents}
        if new:
            contents |= self._insert_files(new, songs, not_held)
        missing = {digest: first[content][1].track for digest, content in pairs if content not in contents}
        if missing:
            raise _PathTakenError(
                {digest: self._config.format_track_path(values) for digest, values in missing.items()}
            )
        self._insert_links(
            sorted(
                (self._song_ids[digest], contents[content], digest, link)
                for (digest, content), link in pairs.items()
            ),
            not_held,
        )
        self._nulled_problems.update(not_held)

    def _insert_files(
        self,
        first_links: Mapping[bytes, tuple[bytes, LinkRecord]],
        songs: Mapping[bytes, SongRecord],
        nulled_problems: Mapping[bytes, list[ProblemRecord]],
    ) -> dict[bytes, int]:
        """Add rows to ``files``; the numbers of those contents that have one then."""
        bridge = self._config
        create_staging_table(self._driver_connection, "new_files", bridge.files_table, _FILE_COLUMNS)
        copy_rows(
            self._driver_connection,
            "new_files",
            (
                self._null_unfit_values(
                    "files", _FILE_COLUMNS, self._file_row(songs[digest], link), link, nulled_problems[digest]
                )
                for digest, link in first_links.values()
            ),
            _FILE_COLUMNS,
        )
        inherited = ("original_filename", *bridge.inherited_columns)
        added = self._driver_connection.execute(
            f"INSERT INTO {bridge.files_table} ({', '.join((*_FILE_COLUMNS, 'is_multi_track', *inherited))}) "  # noqa: S608
            f"SELECT {', '.join(f'n.{name}' for name in _FILE_COLUMNS)}, TRUE, "
            f"{', '.join(f'p.{name}' for name in inherited)} "
            f"FROM new_files n JOIN {bridge.files_table} p ON p.id = n.parent_file_id "
            "ORDER BY n.content_hash ON CONFLICT DO NOTHING RETURNING content_hash, id"
        ).fetchall()
        self._log_added("foreign_files_added", "file_id", [number for _, number in added])
        found = {bytes(digest): number for digest, number in added}
        lost = [digest for digest in first_links if digest not in found]
        return found | (self._select_file_ids(lost) if lost else {})

    def _file_row(self, song: SongRecord, link: LinkRecord) -> tuple[Any, ...]:
        """A row of ``files``, in the order of ``_FILE``."""
        content = link.track
        path = self._config.format_track_path(content)
        quarter = song.division if song.division is not None and song.division < _SMPTE_FLAG else None
        return (
            path.rpartition("/")[2],
            path,
            content.digest,
            content.size,
            0,
            1,
            quarter,
            content.duration_seconds,
            content.duration_ticks,
            self._song_ids[song.digest or b""],
            link.track_number,
            song.num_tracks,
        )

    def _insert_links(
        self,
        pairs: Sequence[tuple[int, int, bytes, LinkRecord]],
        nulled_problems: Mapping[bytes, list[ProblemRecord]],
    ) -> None:
        bridge, names = self._config, ", ".join(_LINK_COLUMNS)
        create_staging_table(self._driver_connection, "new_links", bridge.links_table, _LINK_COLUMNS)
        copy_rows(
            self._driver_connection,
            "new_links",
            (
                self._null_unfit_values(
                    "track_splits",
                    _LINK_COLUMNS,
                    (song, split, link.track_number, link.name, link.instrument, link.track.note_count),
                    link,
                    nulled_problems[digest],
                )
                for song, split, digest, link in pairs
            ),
            _LINK_COLUMNS,
        )
        added = self._driver_connection.execute(
            f"INSERT INTO {bridge.links_table} ({names}) SELECT {names} FROM new_links "  # noqa: S608
            "ORDER BY parent_file_id, split_file_id "
            "ON CONFLICT (parent_file_id, split_file_id) DO NOTHING RETURNING id"
        ).fetchall()
        self._log_added("foreign_links_added", "link_id", [number for (number,) in added])
        if bridge.existing_links_policy == "replace":
            self._replace_other_links()

    def _replace_other_links(self) -> None:
        """Take out the links of these songs to other contents, and keep what they said."""
        self._driver_connection.execute(
            f"WITH gone AS (DELETE FROM {self._config.links_table} l "  # noqa: S608
            "WHERE l.parent_file_id IN (SELECT parent_file_id FROM new_links) AND NOT EXISTS ("
            "SELECT FROM new_links n "
            "WHERE n.parent_file_id = l.parent_file_id AND n.split_file_id = l.split_file_id) RETURNING l.*) "
            f'INSERT INTO "{self._schema}".foreign_rows_replaced (run_id, table_name, row_id, row) '
            "SELECT %s, 'track_splits', gone.id, to_json(gone) FROM gone",
            (self._run_id,),
        )

    def _null_unfit_values(
        self,
        table: Literal["files", "track_splits"],
        columns: Sequence[str],
        row: tuple[Any, ...],
        link: LinkRecord,
        nulled_problems: list[ProblemRecord],
    ) -> tuple[Any, ...]:
        """A row with NULL for each value that its column cannot hold."""
        fits = self._config.file_limits if table == "files" else self._config.link_limits
        if all(fits[name].can_hold(value) for name, value in zip(columns, row, strict=True)):
            return row
        for name, value in zip(columns, row, strict=True):
            if not fits[name].can_hold(value):
                message = f"{table}.{name} cannot hold {value!r}: it is NULL there."
                nulled_problems.append(ProblemRecord("not_held", message, link.track_number))
        return tuple(
            value if fits[name].can_hold(value) else None for name, value in zip(columns, row, strict=True)
        )

    def _select_file_ids(self, digests: list[bytes]) -> dict[bytes, int]:
        """Which of these contents have a row in ``files``, and its number."""
        found = self._driver_connection.execute(
            f"SELECT content_hash, id FROM {self._config.files_table} WHERE content_hash = ANY(%b)",  # noqa: S608
            (digests,),
        )
        return {bytes(digest): number for digest, number in found}

    def _log_added(self, table: str, column: str, row_ids: list[int]) -> None:
        """Take note that this run added rows of theirs."""
        if row_ids:
            self._driver_connection.execute(
                f'INSERT INTO "{self._schema}".{table} ({column}, run_id) '  # noqa: S608
                f"SELECT id, %s FROM unnest(%s::bigint[]) id "
                f"ON CONFLICT ({column}) DO UPDATE SET run_id = EXCLUDED.run_id",
                (self._run_id, row_ids),
            )

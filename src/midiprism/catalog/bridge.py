"""The bridge to a library that was taken over: its tables are filled beside ours, in the same transaction.

Each content has a row in ``files``, whoever added it, and each pair of a parent and a content one in
``track_splits``. What cannot be added costs the parent that it belongs to, by name, and nothing of that
parent goes there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from midiprism.catalog.fitting import Fit, read_fits
from midiprism.catalog.postgres_server import driver
from midiprism.catalog.records import LinkValues, ParentRecord, ProblemRecord, TrackValues
from midiprism.catalog.shape import look_past, read_shape
from midiprism.catalog.staging import copy, stage
from midiprism.errors import CatalogError

if TYPE_CHECKING:
    from midiprism.catalog.postgres import PostgresCatalog

Existing = Literal["leave", "complete", "replace"]
"""What becomes of parents that have rows in ``track_splits``: they are not opened; what is missing is added;
and rows that lead to other contents are taken out."""

_FILE = (
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
_INHERITED = ("manufacturer", "collection_name", "folder_tags")
_LINK = ("parent_file_id", "split_file_id", "track_number", "track_name", "instrument", "note_count")
_SMPTE = 0x8000
_REFUSALS = ("22", "23", "P0001")  # values, constraints, and what a trigger raises


@dataclass(frozen=True, slots=True)
class Bridge:
    """What is known of their tables, ready to cross to another process.

    Attributes:
        files: full name of their table, quoted; likewise ``links``, which is ``track_splits``.
        inherited: columns that a split has from its parent.
        file_fits: what the columns of ``files`` can hold; likewise ``link_fits``.
        place: where the file of a content is, as their paths are written.
        existing: what becomes of parents that have rows already.
    """

    files: str
    links: str
    inherited: tuple[str, ...]
    file_fits: Mapping[str, Fit]
    link_fits: Mapping[str, Fit]
    place: Callable[[TrackValues], str]
    existing: Existing


@dataclass(slots=True)
class Bridged:
    """What became of a batch.

    Attributes:
        parents: its records, in which those that were refused have failed.
        refused: those, without their links.
        nulled: values that columns of theirs cannot hold.
    """

    parents: list[ParentRecord]
    refused: list[ParentRecord] = field(default_factory=list)
    nulled: int = 0


def build_bridge(
    catalog: "PostgresCatalog", place: Callable[[TrackValues], str], existing: Existing
) -> Bridge:
    """Look at their tables.

    Raises:
        CatalogError: they are not of the shape that midiprism knows.
    """

    def work() -> Bridge:
        connection = catalog.connection
        shape = read_shape(connection, catalog.address.schema)
        if not shape.recognised:
            raise CatalogError(f"{catalog.path} holds no library that can be taken over: {shape.faults[0]}")
        files, links = shape.table("files"), shape.table("track_splits")
        inherited = tuple(name for name in _INHERITED if ("files", name) in shape.columns)
        return Bridge(
            files,
            links,
            inherited,
            read_fits(connection, files),
            read_fits(connection, links),
            place,
            existing,
        )

    return catalog.do(work)


class _TakenError(Exception):
    """Files of theirs are where those of some contents are to be.

    Attributes:
        parents: digests of the parents of such contents, each with one of the paths.
    """

    def __init__(self, parents: dict[bytes, str]) -> None:
        super().__init__()
        self.parents = parents


class BridgeCommit:
    """The bridge's part of one batch, inside a transaction."""

    def __init__(self, catalog: "PostgresCatalog", bridge: Bridge, run_id: int) -> None:
        self._connection = catalog.connection
        self._driver = driver(catalog.connection)
        self._schema = catalog.address.schema
        self._bridge = bridge
        self._run_id = run_id
        self._ids: dict[bytes, int] = {}
        self._refused: dict[bytes, ProblemRecord] = {}
        self._not_held: dict[bytes, list[ProblemRecord]] = {}

    def fill(self, records: Sequence[ParentRecord]) -> Bridged:
        """Add what is missing in their tables."""
        songs = {record.digest: record for record in records if record.links and record.digest is not None}
        if not songs:
            return Bridged(list(records))
        look_past(self._connection, self._schema)  # their triggers find their tables
        self._ids = self._numbers(list(songs))
        for digest in songs.keys() - self._ids.keys():
            message = "Its bytes are not those that files speaks of: no row has their content_hash."
            self._refused[digest] = ProblemRecord("changed", message)
        self._add({digest: song for digest, song in songs.items() if digest in self._ids})
        bridged = Bridged([])
        for record in records:
            refusal = self._refused.get(record.digest or b"") if record.links else None
            if refusal is not None:
                failed = record._replace(outcome="failed", links=(), problems=(refusal,))
                bridged.refused.append(failed)
                bridged.parents.append(failed)
                continue
            problems = self._not_held.get(record.digest or b"", []) if record.links else []
            bridged.nulled += len(problems)
            bridged.parents.append(record._replace(problems=(*record.problems, *problems)))
        return bridged

    def _add(self, songs: dict[bytes, ParentRecord]) -> None:
        """Add the rows of these parents, but for those that cannot be."""
        import psycopg

        while songs:
            try:
                with self._savepoint():
                    self._put(songs)
                return
            except _TakenError as taken:
                for digest, path in taken.parents.items():
                    message = f"In files, {path} is the path of another content."
                    self._refused[digest] = ProblemRecord("path_taken", message)
                songs = {digest: song for digest, song in songs.items() if digest not in taken.parents}
            except psycopg.Error as error:
                if not (error.sqlstate or "").startswith(_REFUSALS):
                    raise
                if len(songs) > 1:
                    for digest, song in songs.items():
                        self._add({digest: song})
                else:
                    told = str(error).strip().splitlines()[0]
                    self._refused[next(iter(songs))] = ProblemRecord(
                        "refused", f"Their tables refuse it: {told}"
                    )
                return

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._driver.execute("SAVEPOINT bridge")
        try:
            yield
        except BaseException:
            if not self._driver.closed:
                self._driver.execute("ROLLBACK TO SAVEPOINT bridge")
            raise
        self._driver.execute("RELEASE SAVEPOINT bridge")

    def _put(self, songs: Mapping[bytes, ParentRecord]) -> None:
        """Add the rows of these parents.

        Raises:
            _TakenError: some of them cannot have theirs; nothing may be kept.
        """
        not_held: dict[bytes, list[ProblemRecord]] = {digest: [] for digest in songs}
        first: dict[bytes, tuple[bytes, LinkValues]] = {}
        pairs: dict[tuple[bytes, bytes], LinkValues] = {}
        for digest, song in songs.items():
            for link in song.links:  # in the order of their track numbers
                pairs.setdefault((digest, link[-1][0]), link)
                first.setdefault(link[-1][0], (digest, link))
        contents = self._numbers(list(first))
        new = {content: first[content] for content in sorted(first) if content not in contents}
        if new:
            contents |= self._put_files(new, songs, not_held)
        missing = {digest: first[content][1][-1] for digest, content in pairs if content not in contents}
        if missing:
            raise _TakenError({digest: self._bridge.place(values) for digest, values in missing.items()})
        self._put_links(
            sorted(
                (self._ids[digest], contents[content], digest, link)
                for (digest, content), link in pairs.items()
            ),
            not_held,
        )
        self._not_held.update(not_held)

    def _put_files(
        self,
        new: Mapping[bytes, tuple[bytes, LinkValues]],
        songs: Mapping[bytes, ParentRecord],
        not_held: Mapping[bytes, list[ProblemRecord]],
    ) -> dict[bytes, int]:
        """Add rows to ``files``; the numbers of those contents that have one then."""
        bridge = self._bridge
        stage(self._driver, "new_files", bridge.files, _FILE)
        copy(
            self._driver,
            "new_files",
            (
                self._fitting("files", _FILE, self._file(songs[digest], link), link, not_held[digest])
                for digest, link in new.values()
            ),
            _FILE,
        )
        inherited = ("original_filename", *bridge.inherited)
        added = self._driver.execute(
            f"INSERT INTO {bridge.files} ({', '.join((*_FILE, 'is_multi_track', *inherited))}) "  # noqa: S608
            f"SELECT {', '.join(f'n.{name}' for name in _FILE)}, TRUE, "
            f"{', '.join(f'p.{name}' for name in inherited)} "
            f"FROM new_files n JOIN {bridge.files} p ON p.id = n.parent_file_id "
            "ORDER BY n.content_hash ON CONFLICT DO NOTHING RETURNING content_hash, id"
        ).fetchall()
        self._remember("added_files", "file_id", [number for _, number in added])
        found = {bytes(digest): number for digest, number in added}
        lost = [digest for digest in new if digest not in found]
        return found | (self._numbers(lost) if lost else {})

    def _file(self, song: ParentRecord, link: LinkValues) -> tuple[Any, ...]:
        """A row of ``files``, in the order of ``_FILE``."""
        content = link[-1]
        path = self._bridge.place(content)
        quarter = song.division if song.division is not None and song.division < _SMPTE else None
        return (
            path.rpartition("/")[2],
            path,
            content[0],
            content[1],
            0,
            1,
            quarter,
            content[13],
            content[12],
            self._ids[song.digest or b""],
            link[0],
            song.num_tracks,
        )

    def _put_links(
        self,
        pairs: Sequence[tuple[int, int, bytes, LinkValues]],
        not_held: Mapping[bytes, list[ProblemRecord]],
    ) -> None:
        bridge, names = self._bridge, ", ".join(_LINK)
        stage(self._driver, "new_links", bridge.links, _LINK)
        copy(
            self._driver,
            "new_links",
            (
                self._fitting(
                    "track_splits",
                    _LINK,
                    (parent, split, link[0], link[4], link[5], link[-1][9]),
                    link,
                    not_held[digest],
                )
                for parent, split, digest, link in pairs
            ),
            _LINK,
        )
        added = self._driver.execute(
            f"INSERT INTO {bridge.links} ({names}) SELECT {names} FROM new_links "  # noqa: S608
            "ORDER BY parent_file_id, split_file_id "
            "ON CONFLICT (parent_file_id, split_file_id) DO NOTHING RETURNING id"
        ).fetchall()
        self._remember("added_links", "link_id", [number for (number,) in added])
        if bridge.existing == "replace":
            self._take_out_others()

    def _take_out_others(self) -> None:
        """Take out the links of these parents to other contents, and keep what they said."""
        self._driver.execute(
            f"WITH gone AS (DELETE FROM {self._bridge.links} l "  # noqa: S608
            "WHERE l.parent_file_id IN (SELECT parent_file_id FROM new_links) AND NOT EXISTS ("
            "SELECT FROM new_links n "
            "WHERE n.parent_file_id = l.parent_file_id AND n.split_file_id = l.split_file_id) RETURNING l.*) "
            f'INSERT INTO "{self._schema}".replaced_rows (run_id, table_name, row_id, row) '
            "SELECT %s, 'track_splits', gone.id, to_json(gone) FROM gone",
            (self._run_id,),
        )

    def _fitting(
        self,
        table: Literal["files", "track_splits"],
        columns: Sequence[str],
        row: tuple[Any, ...],
        link: LinkValues,
        not_held: list[ProblemRecord],
    ) -> tuple[Any, ...]:
        """A row with NULL for each value that its column cannot hold."""
        fits = self._bridge.file_fits if table == "files" else self._bridge.link_fits
        if all(fits[name].holds(value) for name, value in zip(columns, row, strict=True)):
            return row
        for name, value in zip(columns, row, strict=True):
            if not fits[name].holds(value):
                message = f"{table}.{name} cannot hold {value!r}: it is NULL there."
                not_held.append(ProblemRecord("not_held", message, link[0]))
        return tuple(
            value if fits[name].holds(value) else None for name, value in zip(columns, row, strict=True)
        )

    def _numbers(self, digests: list[bytes]) -> dict[bytes, int]:
        """Which of these contents have a row in ``files``, and its number."""
        found = self._driver.execute(
            f"SELECT content_hash, id FROM {self._bridge.files} WHERE content_hash = ANY(%b)",  # noqa: S608
            (digests,),
        )
        return {bytes(digest): number for digest, number in found}

    def _remember(self, table: str, column: str, numbers: list[int]) -> None:
        """Take note that this run added rows of theirs."""
        if numbers:
            self._driver.execute(
                f'INSERT INTO "{self._schema}".{table} ({column}, run_id) '  # noqa: S608
                f"SELECT id, %s FROM unnest(%s::bigint[]) id "
                f"ON CONFLICT ({column}) DO UPDATE SET run_id = EXCLUDED.run_id",
                (self._run_id, numbers),
            )

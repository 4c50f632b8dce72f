"""The songs of a chunk as a record that a catalog commits, and the places of their tracks."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from midiprism.catalog import WaitingPath, WaitingPaths
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.result import TableFile
from midiprism.mirror.chunk_files import ChunkFiles, read_columns
from midiprism.objects import ObjectStorage
from midiprism.pipeline.record_builder import song_name_of
from midiprism.records.batches import (
    LINK_COLUMN_NAMES,
    LINK_COUNT,
    SONG_COLUMN_NAMES,
    TRACK_COLUMN_NAMES,
    TRACK_INDEX,
    BatchRecord,
    Columns,
    LinkedSongs,
)
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS, ProblemRecord
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.sources import SongRef
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.shard_sink import WrittenShards
from midiprism.stores.sharded import RowLocation, RowLocations, WrittenShard

PATHS_PER_RECORD = 50_000

Rows = Mapping[str, Sequence[Any]]
"""Values of rows by the names of columns."""

_SONG_FACTS = ("format", "num_tracks", "duration_ticks", "duration_seconds", "lost_bytes")


class ChunkRecord(NamedTuple):
    """A chunk, or paths that waited for others, as a catalog commits it.

    Attributes:
        record: its songs, their links, and the tracks that these lead to.
        shards: that hold its tracks and links.
    """

    record: BatchRecord
    shards: "StoredShards"


class PathRow(NamedTuple):
    """A path at which a result has a song.

    Attributes:
        root_length: bytes of the URL of the source, with a slash.
        digest: of the song; None for one that could not be read.
    """

    path: bytes
    root_length: int
    size: int
    mtime_ns: int
    digest: bytes | None

    @property
    def song_ref(self) -> SongRef:
        return SongRef(*self[:4])


class LaterSongs:
    """Paths of songs whose outcomes are in a later chunk, since they were split again.

    They wait on the disk until all chunks are recorded.

    Args:
        are_recorded: returns those of some digests of songs that a catalog has.
    """

    def __init__(self, are_recorded: Callable[[set[bytes]], Collection[bytes]]) -> None:
        self._are_recorded = are_recorded
        self._waiting = WaitingPaths()

    def close(self) -> None:
        """Forget them."""
        self._waiting.close()

    def sift(self, rows: Sequence[PathRow], with_outcomes: Collection[bytes]) -> list[PathRow]:
        """Return the rows of a chunk without those that have to wait.

        Args:
            rows: of all paths of the chunk.
            with_outcomes: digests of the songs whose outcomes it has.
        """
        self._waiting.remove(row.path for row in rows)  # newer songs are there
        missing = {row.digest for row in rows if row.digest is not None} - {*with_outcomes}
        missing -= {*self._are_recorded(missing)} if missing else set()
        if not missing:
            return [*rows]
        waiting = (row for row in rows if row.digest in missing)
        self._waiting.add(WaitingPath(*row[:4], row.digest) for row in waiting if row.digest is not None)
        return [row for row in rows if row.digest not in missing]

    def records(self) -> Iterator[ChunkRecord]:
        """Yield the paths that waited, some thousands at a time, once the songs of all chunks are recorded.

        Raises:
            GenerationError: a song is not there.
        """
        while rows := self._waiting.first(PATHS_PER_RECORD):
            digests = {row.digest for row in rows}
            if missing := digests - {*self._are_recorded(digests)}:
                count = sum(row.digest in missing for row in rows)
                raise GenerationError(f"Songs at {count:,} paths have no outcome: the result is damaged.")
            songs = Columns.from_rows(SONG_COLUMN_NAMES, [_row_of_known(PathRow(*row)) for row in rows])
            record = BatchRecord(songs, has_files=False, contract_version=CONTRACT_VERSION)
            yield ChunkRecord(record, StoredShards((), {}, {}))
            self._waiting.remove(row.path for row in rows)


def read_chunk_record(storage: ObjectStorage, chunk: ChunkFiles, later: LaterSongs) -> ChunkRecord:
    """Read a chunk, without the bytes of its tracks.

    Args:
        storage: of the result.
        chunk: to read, after those before it.
        later: what was found in them.

    Raises:
        GenerationError: a file cannot be read, or is damaged.
    """
    tracks = read_columns(storage, chunk.tracks, TRACKS)
    links = read_columns(storage, chunk.links, LINKS)
    songs = read_columns(storage, chunk.songs, SONGS)
    paths = read_columns(storage, chunk.paths, PATHS)
    try:
        rows_of_song: dict[str, list[int]] = {}
        for row, song in enumerate(links["song_blake3"]):
            rows_of_song.setdefault(song, []).append(row)
        song_columns, linked_rows = _song_columns(chunk.source, paths, songs, rows_of_song, later)
        track_columns, index_of = _track_columns(tracks, links["track_blake3"])
        link_columns = _link_columns(links, linked_rows, index_of)
        shards = StoredShards.of(chunk, tracks["blake3"], links["song_blake3"])
    except (KeyError, ValueError, TypeError) as error:
        raise GenerationError(f"The files of a chunk of {storage.url} contradict each other.") from error
    record = BatchRecord(
        song_columns,
        link_columns,
        track_columns,
        has_files=False,
        contract_version=CONTRACT_VERSION,
        stored_tracks=len(tracks["blake3"]),
    )
    return ChunkRecord(record, shards)


def root_path(source: str, path: str) -> bytes:
    """Return the path of a song as a catalog has it: below the URL of its source."""
    return f"{source}/{path}".encode()


def _path_rows(source: str, paths: Rows) -> list[PathRow]:
    """Return the rows of the paths of a chunk, without its archives and Parquet files themselves."""
    length = len(root_path(source, ""))
    names = ("path", "size", "mtime_ns", "blake3", "container")
    return [
        PathRow(root_path(source, path), length, size, mtime_ns, digest and bytes.fromhex(digest))
        for path, size, mtime_ns, digest, container in zip(*(paths[name] for name in names), strict=True)
        if path != f"{container}/"
    ]


def _song_columns(
    source: str, paths: Rows, songs: Rows, rows_of_song: Mapping[str, Sequence[int]], later: LaterSongs
) -> tuple[Columns, list[int]]:
    """Return a row for each path, and the rows of the links of all songs, song by song."""
    outcome_rows = {root_path(source, path): row for row, path in enumerate(songs["path"])}
    with_outcomes = [bytes.fromhex(digest) for digest in songs["blake3"] if digest]
    linked_rows: list[int] = []
    rows = []
    for path_row in later.sift(_path_rows(source, paths), with_outcomes):
        digest = path_row.digest
        row = outcome_rows.get(path_row.path)
        if row is None:
            if digest is not None:  # else a later generation has tried it again
                rows.append(_row_of_known(path_row))
            continue
        own_links = sorted(rows_of_song.get(digest.hex(), ())) if digest else []
        linked_rows += own_links
        values = {
            "outcome": songs["outcome"][row],
            "division": songs["ticks_per_quarter"][row],
            "problems": tuple(ProblemRecord(*it) for it in json.loads(songs["problems"][row] or "[]")),
            LINK_COUNT: len(own_links),
            **{name: songs[name][row] for name in _SONG_FACTS},
        }
        head = _row_head(path_row)
        rows.append((*head, *map(values.get, SONG_COLUMN_NAMES[len(head) :])))
    return Columns.from_rows(SONG_COLUMN_NAMES, rows), linked_rows


def _row_head(path_row: PathRow) -> tuple[Any, ...]:
    return (*path_row[:2], song_name_of(path_row.song_ref), *path_row[2:])


def _row_of_known(path_row: PathRow) -> tuple[Any, ...]:
    """Return a row in the order of ``SONG_COLUMN_NAMES``, of a song whose outcome is recorded."""
    head = _row_head(path_row)
    return (*head, *[None] * (len(SONG_COLUMN_NAMES) - len(head) - 1), 0)


def _track_columns(tracks: Rows, linked: Sequence[str]) -> tuple[Columns, dict[str, int]]:
    """Return the tracks that a chunk's shards hold, then those that its links lead to elsewhere.

    Of the latter, nothing but the digest is stated: they are recorded already.
    """
    digests = [*dict.fromkeys([*tracks["blake3"], *linked])]
    others: list[None] = [None] * (len(digests) - len(tracks["blake3"]))
    columns: dict[str, Sequence[Any]] = {
        field.name: [*tracks[field.parquet_name], *others]
        for field in TRACK_FIELDS
        if field.parquet_name is not None
    }
    stems = map(track_stem, tracks["name"], tracks["instrument"])
    columns |= {
        "digest": [*map(bytes.fromhex, digests)],
        "stem": [*stems, *others],
        "digest_digits": [SHORT_DIGEST_DIGITS] * len(digests),
    }
    nothing = [None] * len(digests)
    ordered = {name: columns.get(name, nothing) for name in TRACK_COLUMN_NAMES}
    return Columns(ordered), {digest: index for index, digest in enumerate(digests)}


def _link_columns(links: Rows, rows: Sequence[int], index_of: Mapping[str, int]) -> Columns:
    columns: dict[str, Sequence[Any]] = {
        field.name: [*map(links[field.parquet_name].__getitem__, rows)]
        for field in LINK_FIELDS
        if field.parquet_name is not None
    }
    columns[TRACK_INDEX] = [index_of[links["track_blake3"][row]] for row in rows]
    return Columns({name: columns[name] for name in LINK_COLUMN_NAMES})


class StoredShards:
    """Shards that are written already: a commit records where they hold its tracks and links.

    See ``ShardSink``.

    Args:
        shards: all of them.
        tracks: place of each track, by digest.
        links: index of the shard that holds the links of a song, by the digest of the song.
    """

    def __init__(
        self,
        shards: Sequence[WrittenShard],
        tracks: Mapping[bytes, RowLocation],
        links: Mapping[bytes, int],
    ) -> None:
        self._shards = shards
        self._tracks = tracks
        self._links = links

    @classmethod
    def of(cls, chunk: ChunkFiles, tracks: Sequence[str], songs_of_links: Sequence[str]) -> "StoredShards":
        """Return the shards of a chunk.

        Args:
            tracks: digests of the rows of all its shards of tracks.
            songs_of_links: digests of the songs of the rows of all its shards of links.
        """
        files = [*chunk.tracks, *chunk.links]
        track_digests, song_digests = iter(tracks), iter(songs_of_links)
        places = {
            bytes.fromhex(next(track_digests)): RowLocation(index, row)
            for index, file in enumerate(chunk.tracks)
            for row in range(file.stored.rows)
        }
        links: dict[bytes, int] = {}
        for index, file in enumerate(chunk.links, len(chunk.tracks)):
            for _ in range(file.stored.rows):
                links.setdefault(bytes.fromhex(next(song_digests)), index)
        return cls([*map(_written_shard, files)], places, links)

    @contextmanager
    def remove_on_error(self) -> Iterator[None]:
        yield

    def write_ahead(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> None:
        """Do nothing: they are there."""

    def write_shards(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> WrittenShards:
        songs = [digest for linked in linked_songs for digest in linked.digests]
        if not len(new_tracks) and not songs:
            return WrittenShards()  # the chunk was recorded before
        try:
            places = [*map(self._tracks.__getitem__, new_tracks["digest"])]
            return WrittenShards(
                self._shards,
                RowLocations([place.shard_index for place in places], [place.row for place in places]),
                [*map(self._links.__getitem__, songs)],
            )
        except KeyError:
            raise GenerationError("A file of the manifest lacks a track or a link: it is damaged.") from None


def _written_shard(file: TableFile) -> WrittenShard:
    stored = file.stored
    return WrittenShard(stored.name, stored.rows, stored.size, bytes.fromhex(stored.digest))

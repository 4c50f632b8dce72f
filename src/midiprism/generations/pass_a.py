"""Pass A: read and split the songs of a chunk, and write their digests, sorted by prefix."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from midiprism.generations.digests import encode_digests
from midiprism.generations.errors import UnfinishedError
from midiprism.generations.fetching import ReadAhead, SongFetcher, UnreadSong
from midiprism.generations.layout import PATHS, SONGS
from midiprism.generations.listing import ListedSong
from midiprism.generations.open_generation import Attempt, ChunkDigests, OpenGeneration
from midiprism.generations.planning import read_chunk
from midiprism.generations.song_pack import (
    DATA_FILE,
    INDEX_FILE,
    PackedSong,
    PackWriter,
    part_ranges,
    song_ref,
)
from midiprism.generations.splitting import BATCH_SONGS, position_of
from midiprism.generations.stored_objects import StoredObject, put_object
from midiprism.generations.tables import OUTCOME_COLUMNS, PATH_COLUMNS, encode_table
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.resource_defaults import infrequent_gc
from midiprism.records.fields import ProblemRecord

PART_BYTES = 64 << 20
_BATCHES_AHEAD = 8


def digest_chunk(generation: OpenGeneration, number: int) -> None:
    """Do the task of pass A for a chunk, and record it.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    songs = read_chunk(generation.result, generation.plan.chunks[number])
    with infrequent_gc(), generation.chunk_folders.folder() as folder:
        pack = PackWriter(folder)
        try:
            task = _ChunkTask(generation, songs, pack)
            task.split()
        finally:
            pack.close()
        content = task.write(f"{number:06}", attempt)
    generation.record("a", number, attempt, content.as_json())


class _ChunkTask:
    """The songs of a chunk on their way to their digests."""

    def __init__(self, generation: OpenGeneration, songs: Sequence[ListedSong], pack: PackWriter) -> None:
        self._generation = generation
        self._songs = songs
        self._pack = pack
        limit = generation.plan.settings.limits.input_bytes
        if generation.source is None:
            raise UnfinishedError(generation.storage.url, generation.plan.number, generation.plan.source)
        self._fetcher = SongFetcher(generation.source, pack, limit)
        self._song_digests: set[bytes] = set()
        self._positions: dict[bytes, list[int]] = {}
        self._track_digests: set[bytes] = set()
        self._failed: list[tuple[list[int], str, ProblemRecord]] = []
        self._unread: list[UnreadSong] = []

    def split(self) -> None:
        """Read and split all songs."""
        splitter = self._generation.digest_splitter
        with (
            closing(ReadAhead(self._batches(), _BATCHES_AHEAD)) as batches,
            closing(splitter.split(batches)) as finished,
        ):
            for done in finished:
                self._add(done)
        failed = [
            UnreadSong(position, outcome, problem)
            for positions, outcome, problem in self._failed
            for position in positions
        ]
        self._unread = sorted([*failed, *self._fetcher.unread])

    def _batches(self) -> Iterator[Batch]:
        for positions in self._fetcher.fetch(self._songs, BATCH_SONGS):
            songs = [
                (position, self._fetcher.songs[position])
                for position in positions
                if self._is_first(position)
            ]
            if songs:
                folder = self._pack.folder
                yield tuple(
                    song_ref(folder, position, it.path, it.size, it.mtime_ns) for position, it in songs
                )

    def _is_first(self, position: int) -> bool:
        """Return whether no earlier song of the chunk has the same bytes."""
        positions = self._positions.setdefault(self._pack.songs[position].digest, [])
        positions.append(position)
        return len(positions) == 1

    def _add(self, done: FinishedBatch) -> None:
        self._track_digests.update(done.record.tracks["digest"])
        columns = done.record.songs
        for ref, digest, outcome, problems in zip(
            done.batch, columns["digest"], columns["outcome"], columns["problems"], strict=True
        ):
            if digest is not None:
                self._song_digests.add(digest)
            else:  # its worker died; and so would those of its copies
                copies = self._positions[self._pack.songs[position_of(ref)].digest]
                self._failed.append((copies, outcome, problems[0]))

    def write(self, task: str, attempt: Attempt) -> ChunkDigests:
        """Write what the task has found, and return its record."""
        generation, storage = self._generation, self._generation.storage
        folder, packed = self._pack.folder, self._pack.songs
        parts = tuple(self._write_parts(task, attempt))
        with open(f"{folder}/{INDEX_FILE}", "rb") as file:
            index = put_object(storage, generation.data_key(task, attempt, "index"), file.read())
        lanes, counts = encode_digests(self._song_digests, self._track_digests, generation.identity.prefixes)
        digests = put_object(storage, generation.data_key(task, attempt, "digests"), lanes)
        unread_positions = frozenset(song.position for song in self._unread)
        return ChunkDigests(
            parts,
            index,
            digests,
            tuple(counts),
            self._write_table(PATHS, task, attempt, PATH_COLUMNS, self._path_rows(packed, unread_positions)),
            self._write_unread(task, attempt),
            unread_positions,
            Counter(song.outcome for song in self._unread),
            max(path.listed.path for path in self._fetcher.paths),
        )

    def _write_parts(self, task: str, attempt: Attempt) -> Iterator[StoredObject]:
        generation = self._generation
        with open(f"{self._pack.folder}/{DATA_FILE}", "rb") as file:
            for start, end in part_ranges(self._pack.songs, PART_BYTES):
                file.seek(start)
                key = generation.data_key(task, attempt, f"pack-{start}")
                yield put_object(generation.storage, key, file.read(end - start))

    def _path_rows(
        self, packed: Sequence[PackedSong], unread_positions: frozenset[int]
    ) -> dict[str, Sequence[Any]]:
        rows = []
        for listed, position, container in self._fetcher.paths:
            is_read = position is not None and position not in unread_positions
            digest = packed[position].digest.hex() if position is not None and is_read else None
            rows.append((*listed, digest, container))
        names = [column.name for column in PATH_COLUMNS]
        return dict(zip(names, zip(*rows, strict=True), strict=True))

    def _write_unread(self, task: str, attempt: Attempt) -> StoredObject | None:
        if not self._unread:
            return None
        listed = [self._fetcher.songs[song.position] for song in self._unread]
        rows: dict[str, Sequence[Any]] = {column.name: [None] * len(listed) for column in OUTCOME_COLUMNS}
        rows |= {
            "path": [song.path for song in listed],
            "size": [song.size for song in listed],
            "outcome": [song.outcome for song in self._unread],
            "track_count": [0] * len(listed),
            "problems": [problems_as_json((song.problem,)) for song in self._unread],
        }
        return self._write_table(SONGS, f"unread-{task}", attempt, OUTCOME_COLUMNS, rows)

    def _write_table(
        self, table: str, task: str, attempt: Attempt, columns: Any, rows: dict[str, Sequence[Any]]
    ) -> StoredObject:
        generation = self._generation
        name = f"{table}/{table}-{generation.plan.number:06}-{task}-{attempt.name}.parquet"
        data = encode_table(columns, rows, generation.identity.metadata())
        return put_object(generation.storage, name, data, len(rows["path"]))


def problems_as_json(problems: Sequence[ProblemRecord]) -> str | None:
    """Return problems as a JSON array; None for none."""
    return json.dumps(problems, ensure_ascii=False) if problems else None


def songs_in_pack(columns: Mapping[str, Sequence[Any]]) -> list[ListedSong]:
    """Return the songs of a chunk, in the order of its pack, by the rows of its table of paths."""
    rows = zip(*(columns[name] for name in (*ListedSong._fields, "container")), strict=True)
    return [ListedSong._make(row) for *row, container in rows if row[0] != f"{container}/"]

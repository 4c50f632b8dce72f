"""Pass C: split the songs of a chunk again, and write the tracks that it is the first to have."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from blake3 import blake3

from midiprism.generations.digests import (
    DIGEST_BYTES,
    SONG_LANE,
    TRACK_LANE,
    lane_starts,
    select,
)
from midiprism.generations.errors import GenerationError
from midiprism.generations.fetching import ReadAhead
from midiprism.generations.layout import SONGS
from midiprism.generations.listing import ListedSong
from midiprism.generations.local_folder import open_kept_file
from midiprism.generations.open_generation import Attempt, ChunkDigests, OpenGeneration, StoredDigests
from midiprism.generations.pass_a import problems_as_json, songs_in_pack
from midiprism.generations.shard_uploads import ShardUploads
from midiprism.generations.song_pack import (
    DATA_FILE,
    INDEX_FILE,
    PackedSong,
    decode_index,
    key_of,
    song_ref,
    write_first_tracks,
)
from midiprism.generations.splitting import BATCH_SONGS
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import StoredObject, put_object, raise_errors, read_object
from midiprism.generations.tables import OUTCOME_COLUMNS, PATH_COLUMNS, decode_table, encode_table
from midiprism.objects import SMALL_READS, ReadRequest
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.resource_defaults import infrequent_gc
from midiprism.records.batches import LINK_COUNT
from midiprism.sources import SongRef
from midiprism.stores.parquet.schema import ColumnValues, ticks_per_quarter

RANGE_BYTES = 8 << 20
_RANGES_IN_FLIGHT = 8
_BATCHES_AHEAD = 8


def write_chunk(generation: OpenGeneration, number: int) -> None:
    """Do the task of pass C for a chunk, and record it.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    with infrequent_gc(), generation.chunk_folders.folder() as folder:
        content = _ChunkTask(generation, number, attempt).run(folder)
    generation.record("c", number, attempt, content)


def chosen_digests(
    generation: OpenGeneration, number: int, record: ChunkDigests | StoredDigests
) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return the digests of the songs and the tracks of a chunk whose bits pass B has set.

    Args:
        generation: whose pass B is complete.
        number: of the chunk; see ``OpenGeneration.first_bit_requests``.
        record: of pass A about it.

    Raises:
        MidiprismError: they cannot be read, or are damaged.
    """
    digests, starts = read_object(generation.storage, record.digests), lane_starts(record.counts)
    found: tuple[set[bytes], set[bytes]] = (set(), set())
    requests = generation.first_bit_requests(number)
    with CLOCKS.measure("reads"):
        answers = [*raise_errors(generation.storage.read_many(requests, grouped=SMALL_READS))]
    for prefix, bits in zip(range(generation.identity.prefixes), answers, strict=True):
        at = 0
        for lane in (SONG_LANE, TRACK_LANE):
            place = 2 * prefix + lane
            size = -(-record.counts[place] // 8)
            found[lane].update(select(digests[starts[place] : starts[place + 1]], bits[at : at + size]))
            at += size
    return frozenset(found[SONG_LANE]), frozenset(found[TRACK_LANE])


class _ChunkTask:
    """The songs of a chunk on their way to their tables."""

    def __init__(self, generation: OpenGeneration, number: int, attempt: Attempt) -> None:
        self._generation = generation
        self._storage = generation.storage
        self._number = number
        self._attempt = attempt
        self._record: ChunkDigests = generation.chunk_digests[number]
        paths = self._record.paths
        columns = decode_table(PATH_COLUMNS, paths.name, read_object(self._storage, paths))
        self._songs: Sequence[ListedSong] = songs_in_pack(columns)
        self._packed = decode_index(read_object(self._storage, self._record.index))
        if len(self._packed) != len(self._songs):
            raise GenerationError(f"The index of chunk {number} does not have the songs of its paths.")
        self._first_songs, self._first_tracks = chosen_digests(generation, number, self._record)
        self._rows: dict[str, list[Any]] = {column.name: [] for column in OUTCOME_COLUMNS}

    def run(self, folder: str) -> dict[str, Any]:
        """Split and write, and return the record.

        Args:
            folder: on the local disk.

        Raises:
            GenerationError: something is not as in pass A.
        """
        positions = self._positions()
        uploads = ShardUploads(self._storage, folder, self._stem, self._generation.identity)
        if positions:
            with open(f"{folder}/{INDEX_FILE}", "wb") as file:
                file.write(read_object(self._storage, self._record.index))
            open_kept_file(f"{folder}/{DATA_FILE}").close()
            self._split(folder, positions, uploads)
        uploads.close()
        missing = self._first_tracks - {digest[:DIGEST_BYTES] for digest in uploads.track_digests}
        if missing:
            raise GenerationError(f"{len(missing):,} tracks of chunk {self._number} were not found again.")
        songs = self._write_songs()
        return {
            "tracks": [stored.as_json() for stored in uploads.tracks],
            "links": [stored.as_json() for stored in uploads.links],
            "songs": songs and songs.as_json(),
            "outcomes": Counter(self._rows["outcome"]),
        }

    @property
    def _stem(self) -> str:
        return f"{self._generation.plan.number:06}-{self._number:06}-{self._attempt.name}"

    def _positions(self) -> list[int]:
        """Return the positions of the songs whose outcome this chunk records."""
        left = set(self._first_songs)
        positions = []
        for position, song in enumerate(self._packed):
            digest = song.digest[:DIGEST_BYTES]
            if song.was_read and digest in left and position not in self._record.unread_positions:
                left.remove(digest)
                positions.append(position)
        if left:
            raise GenerationError(f"{len(left):,} songs of chunk {self._number} were not found again.")
        return positions

    def _split(self, folder: str, positions: Sequence[int], uploads: ShardUploads) -> None:
        write_first_tracks(folder, self._first_tracks)
        generation = self._generation
        lost: list[Batch] = []
        with (
            closing(ReadAhead(self._batches(folder, positions), _BATCHES_AHEAD)) as batches,
            closing(generation.writing_splitter.split(batches)) as finished,
        ):
            for done in finished:
                if generation.plan.settings.facts and _lost_songs(done):
                    lost.append(done.batch)
                else:
                    self._add(done, uploads)
        if lost:  # their facts, which pass A does not compute, may have killed the workers
            with (
                closing(generation.new_writing_splitter(facts=False)) as splitter,
                closing(ReadAhead(iter(lost), _BATCHES_AHEAD)) as batches,
                closing(splitter.split(batches)) as finished,
            ):
                for done in finished:
                    self._add(done, uploads)

    def _batches(self, folder: str, positions: Sequence[int]) -> Iterator[Batch]:
        """Restore the pack, and yield the songs that are wanted as soon as their bytes are there."""
        ready = self._restore(f"{folder}/{DATA_FILE}", [self._packed[position] for position in positions])
        restored = 0
        batch = []
        for position in positions:
            packed, listed = self._packed[position], self._songs[position]
            while packed.has_data and restored < packed.end:
                restored = next(ready)
            batch.append(song_ref(folder, position, listed.path, listed.size, listed.mtime_ns))
            if len(batch) == BATCH_SONGS:
                yield tuple(batch)
                batch = []
        if batch:
            yield tuple(batch)
        for _ in ready:  # which checks the last part
            pass

    def _restore(self, path: str, wanted: Sequence[PackedSong]) -> Iterator[int]:
        """Write the parts of the pack that have wanted songs to a file, and yield how far it is written.

        Raises:
            GenerationError: a part is damaged.
        """
        parts, start = [], 0
        starts_wanted = sorted(song.start for song in wanted if song.has_data)
        at = 0
        for part in self._record.parts:
            end = start + part.size
            while at < len(starts_wanted) and starts_wanted[at] < start:
                at += 1
            if at < len(starts_wanted) and starts_wanted[at] < end:
                parts.append((part, start))
            start = end
        requests = (
            ReadRequest(part.name, first, min(first + RANGE_BYTES, part.size))
            for part, _ in parts
            for first in range(0, part.size, RANGE_BYTES)
        )
        answers = raise_errors(self._storage.read_many(requests, _RANGES_IN_FLIGHT))
        with open(path, "r+b", buffering=0) as file:
            for part, part_start in parts:
                hasher, written = blake3(), 0
                file.seek(part_start)
                while written < part.size:
                    data = next(answers)
                    hasher.update(data)
                    file.write(data)
                    written += len(data)
                    if written == part.size and hasher.hexdigest() != part.digest:
                        raise GenerationError(f"{self._storage.url}: {part.name} is damaged.")
                    yield part_start + written

    def _add(self, done: FinishedBatch, uploads: ShardUploads) -> None:
        record = done.record
        songs = record.songs
        if lost := _lost_songs(done):
            key = key_of(lost[0].path, lost[0].root_length)
            raise GenerationError(
                f"{key} was split once, and could not be split again: run the same command again."
            )
        uploads.add(record, self._first_tracks)
        self._add_rows(songs)

    def _add_rows(self, songs: Any) -> None:
        rows = self._rows
        rows["blake3"] += [digest.hex() for digest in songs["digest"]]
        rows["path"] += map(key_of, songs["path"], songs["root_length"])
        rows["ticks_per_quarter"] += map(ticks_per_quarter, songs["division"])
        rows["track_count"] += songs[LINK_COUNT]
        rows["problems"] += map(problems_as_json, songs["problems"])
        for name in ("size", "outcome", "format", "num_tracks", "duration_ticks", "duration_seconds"):
            rows[name] += songs[name]
        rows["lost_bytes"] += songs["lost_bytes"]

    def _write_songs(self) -> StoredObject | None:
        rows: ColumnValues = self._rows
        count = len(rows["path"])
        if not count:
            return None
        data = encode_table(OUTCOME_COLUMNS, rows, self._generation.identity.metadata())
        return put_object(self._storage, f"{SONGS}/{SONGS}-{self._stem}.parquet", data, count)


def _lost_songs(done: FinishedBatch) -> list[SongRef]:
    """Return the songs of a batch that were split in pass A and could not be split now."""
    songs = done.record.songs
    rows = zip(done.batch, songs["outcome"], songs["digest"], strict=True)
    return [ref for ref, outcome, digest in rows if outcome is None or digest is None]

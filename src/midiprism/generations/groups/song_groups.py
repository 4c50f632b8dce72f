"""Finds the groups of the songs of a generation, and collects the facts from which their keys follow.

All songs are numbered in the order of their digests. What belongs to tracks is brought together lane by lane
on the local disk, so that memory holds a few numbers for each song and none for each track.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from midiprism.features.facts_version import FACTS_VERSION
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.groups.columns import (
    DIGEST_BYTES,
    digests_of,
    fixed_bytes_of,
    lanes_of,
    numbers_of,
    places_in,
    read_files,
    texts_of,
)
from midiprism.generations.groups.spill import SpilledRows
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.result import Manifest, TableFile
from midiprism.objects import ObjectStorage
from midiprism.pipeline.record_builder import song_name_of
from midiprism.results.leakage_groups import (
    MIN_NOTES,
    GroupKeys,
    NoteHashes,
    TitleHashes,
    group_songs,
    hash_titles,
    shared_by_songs,
)
from midiprism.sources import SongRef


class LaneSizes(NamedTuple):
    """Rows that are brought together at once.

    Attributes:
        links: about as many, and the tracks that they lead to.
        songs: whose keys are found, and which one file holds.
    """

    links: int = 1 << 20
    songs: int = 1 << 16


WITHOUT_FACTS, WITHOUT_PITCH, PITCHED = range(3)

_WEIGHTS_BYTES = 24
_NOTE_HASH_BITS = 53
_LANE_BITS = 16
_FACTS = [("weights", "<f2", 12), ("onset", "<i8"), ("pitch", "u1"), ("state", "u1")]
_LINK = np.dtype([("track", "S16"), ("song", "<u4")])
_TRACK = np.dtype([("track", "S16"), ("hash", "<i8"), ("is_long", "?"), *_FACTS])
_NOTES = np.dtype([("hash", "<i8"), ("song", "<u4")])
_KEY_FACTS = np.dtype([("song", "<u4"), *_FACTS])
_NO_SONG = -1


class GroupedSongs(NamedTuple):
    """The songs of a generation with their groups.

    Attributes:
        digests: BLAKE3 of the songs, sorted.
        groups: a number for ``leakage_group`` for each of them.
        songs_per_lane: number of songs whose facts are in one lane of ``key_facts``.
        key_facts: facts of the tracks of songs: ``song``, the number of the song; ``weights``, ``onset`` and
            ``pitch`` for ``find_song_keys``; ``state``, one of ``WITHOUT_FACTS``, ``WITHOUT_PITCH`` and
            ``PITCHED``.
    """

    digests: NDArray[np.bytes_]
    groups: GroupKeys
    songs_per_lane: int
    key_facts: SpilledRows


class GroupFinder:
    """Reads the tables of a generation, each file once.

    Args:
        storage: of the result.
        manifest: of the generation.
        folder: on the local disk; empty.
        sizes: of lanes.
        stop: once true, the work ends.
        on_file: called with the number of files that were read, and of all.
    """

    def __init__(
        self,
        storage: ObjectStorage,
        manifest: Manifest,
        folder: str,
        sizes: LaneSizes,
        stop: Callable[[], bool],
        on_file: Callable[[int, int], None],
    ) -> None:
        self._storage = storage
        self._manifest = manifest
        self._sizes = sizes
        self._stop = stop
        self._on_file = on_file
        self._done = 0
        lanes = 1 + manifest.rows(LINKS) // sizes.links
        self._links = SpilledRows(folder, "links", _LINK, lanes)
        self._tracks = SpilledRows(folder, "tracks", _TRACK, lanes)
        self._notes = SpilledRows(folder, "notes", _NOTES, lanes)
        self._key_facts = SpilledRows(
            folder, "keys", _KEY_FACTS, 1 + manifest.rows(SONGS) // self._sizes.songs
        )
        self._digests = np.empty(0, f"S{DIGEST_BYTES}")

    def find(self) -> GroupedSongs:
        """Return the songs with their groups.

        Raises:
            ObjectStorageError: a file cannot be read.
            GenerationError: a file is damaged, or files contradict each other.
            GenerationStoppedError: it was asked to stop.
            StoreError: the local disk cannot be written.
        """
        self._on_file(0, len(self._manifest.files))
        self._digests = self._read_songs()
        titles = self._read_titles()
        has_tracks = self._read_links()
        self._read_tracks()
        self._join()
        prefixes = self._digests.view(">u8").reshape(-1, DIGEST_BYTES // 8)[:, 0].astype(np.uint64)
        groups = group_songs(prefixes, has_tracks, titles, self._shared_notes())
        return GroupedSongs(self._digests, groups, self._sizes.songs, self._key_facts)

    def _files(self, table: str, *names: str) -> Iterator[tuple[TableFile, Mapping[str, Any]]]:
        """Yield the files of a table with some columns, those of the newest generation first."""
        files = [file for file in self._manifest.files if file.table == table]
        files.sort(key=lambda file: -file.generation)
        for found in read_files(self._storage, files, names):
            if self._stop():
                raise GenerationStoppedError
            yield found
            self._done += 1
            self._on_file(self._done, len(self._manifest.files))

    def _read_songs(self) -> NDArray[np.bytes_]:
        parts = [self._digests]
        for _, columns in self._files(SONGS, "blake3"):
            digests, present = digests_of(columns["blake3"])
            parts.append(digests[present])
        songs = np.concatenate(parts)
        del parts
        songs.sort()
        if (songs[1:] == songs[:-1]).any():
            raise GenerationError("A song has two outcomes: the result is damaged.")
        return songs

    def _numbers_of(self, digests: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the numbers of songs.

        Raises:
            GenerationError: a song has no outcome.
        """
        numbers, known = places_in(digests, self._digests)
        if not known.all():
            raise GenerationError("A song has no outcome: the result is damaged.")
        return numbers

    def _read_titles(self) -> TitleHashes:
        """Return the titles of songs at all paths that hold them."""
        generations = {file.generation for file in self._manifest.files if file.table == PATHS}
        songs: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        keys: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]

        def names() -> Iterator[tuple[int, str]]:
            row = 0
            for file, columns in self._files(PATHS, "path", "blake3"):
                digests, present = digests_of(columns["blake3"])
                numbers = np.full(len(digests), _NO_SONG, np.int64)
                numbers[present] = self._numbers_of(digests[present])
                songs.append(numbers)
                paths = texts_of(columns["path"])
                if len(generations) > 1:
                    keys.append(_path_keys(file.source, paths))
                for path, is_song in zip(paths, present.tolist(), strict=True):
                    if is_song:
                        yield row, song_name_of(SongRef(path, 0, 0, 0))
                    row += 1

        rows, hashes, folders = hash_titles(names())
        numbers = np.concatenate(songs)
        if len(generations) > 1:  # of several rows for a path, that of the newest generation holds
            held = np.zeros(len(numbers), bool)
            held[np.unique(np.concatenate(keys), return_index=True)[1]] = True
            numbers[~held] = _NO_SONG
        chosen = numbers[rows] != _NO_SONG
        return TitleHashes(numbers[rows[chosen]], hashes[chosen], folders[chosen])

    def _read_links(self) -> NDArray[np.bool_]:
        """Spill the links, and return whether each song has any."""
        has_tracks = np.zeros(len(self._digests), bool)
        for _, columns in self._files(LINKS, "song_blake3", "track_blake3"):
            songs, _ = digests_of(columns["song_blake3"])
            tracks, _ = digests_of(columns["track_blake3"])
            starts = np.flatnonzero(np.append(True, songs[1:] != songs[:-1])[: len(songs)])
            numbers = self._numbers_of(songs[starts])
            has_tracks[numbers] = True
            rows = np.empty(len(songs), _LINK)
            rows["track"] = tracks
            rows["song"] = np.repeat(numbers, np.diff(np.append(starts, len(songs))))
            self._links.add(rows, lanes_of(tracks, self._links.lanes))
        return has_tracks

    def _read_tracks(self) -> None:
        """Spill the tracks."""
        names = ("blake3", "note_hash", "note_count", "facts_version")
        facts = ("pitch_class_weights", "final_onset_ticks", "final_pitch")
        for _, columns in self._files(TRACKS, *names, *facts):
            digests, _ = digests_of(columns["blake3"])
            has_weights, weights = fixed_bytes_of(columns["pitch_class_weights"], _WEIGHTS_BYTES)
            rows = np.zeros(len(digests), _TRACK)
            rows["track"] = digests
            rows["hash"] = numbers_of(columns["note_hash"])
            rows["is_long"] = numbers_of(columns["note_count"]) >= MIN_NOTES
            rows["weights"][has_weights] = np.ascontiguousarray(weights).view("<f2")
            rows["onset"] = numbers_of(columns["final_onset_ticks"])
            rows["pitch"] = numbers_of(columns["final_pitch"])
            has_facts = numbers_of(columns["facts_version"], -1) == FACTS_VERSION
            rows["state"] = np.where(has_weights, PITCHED, WITHOUT_PITCH)
            rows["state"][~has_facts] = WITHOUT_FACTS
            self._tracks.add(rows, lanes_of(digests, self._tracks.lanes))

    def _join(self) -> None:
        """Bring tracks to the songs that have them, lane by lane."""
        for lane in range(self._links.lanes):
            if self._stop():
                raise GenerationStoppedError
            links, tracks = self._links.take(lane), self._tracks.take(lane)
            order = np.argsort(tracks["track"])
            places, known = places_in(links["track"], tracks["track"][order])
            if not known.all():
                raise GenerationError("A song has a track that is in no file: the result is damaged.")
            found = tracks[order[places]]
            del tracks, order, places
            facts = np.empty(len(links), _KEY_FACTS)
            facts["song"] = links["song"]
            for name, *_ in _FACTS:
                facts[name] = found[name]
            self._key_facts.add(facts, links["song"].astype(np.int64) // self._sizes.songs)
            notes = np.empty(int(found["is_long"].sum()), _NOTES)
            notes["hash"] = found["hash"][found["is_long"]]
            notes["song"] = links["song"][found["is_long"]]
            self._notes.add(notes, lanes_of_notes(notes["hash"], self._notes.lanes))

    def _shared_notes(self) -> NoteHashes:
        """Return the hashes of notes that several songs have."""
        songs, hashes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for lane in range(self._notes.lanes):
            rows = self._notes.take(lane)
            shared = shared_by_songs(rows["song"].astype(np.int64), rows["hash"].astype(np.int64))
            songs.append(shared[0])
            hashes.append(shared[1])
        return NoteHashes(np.concatenate(songs), np.concatenate(hashes))


def _path_keys(source: str, paths: list[bytes]) -> NDArray[np.uint64]:
    """Return a number for each path of a source, which no other path has but by a rare chance."""
    start = blake3(source.encode() + b"\n")
    keys = bytearray()
    for path in paths:
        hasher = start.copy()
        hasher.update(path)
        keys += hasher.digest(8)
    return np.frombuffer(bytes(keys), "<u8").astype(np.uint64)


def lanes_of_notes(hashes: NDArray[Any], lanes: int) -> NDArray[np.int64]:
    """Return the lane of each hash of notes; each of up to 65,536 lanes has about as many."""
    first_bits = hashes.astype(np.int64) >> (_NOTE_HASH_BITS - _LANE_BITS)
    found: NDArray[np.int64] = first_bits * lanes >> _LANE_BITS
    return found

"""A library of another program: songs, a database of them, and the tracks of some of them.

The program stores each content once and links it only to the first song that has it: a track whose content
has a row already gets no link. It may have a bug in some tracks, see ``concatenate_conductor``.
"""

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from blake3 import blake3

import midiprism
from midiprism.sample import write_songs
from midiprism.smf import SplitTrack
from support.exact_timing import exact_notes
from support.midi_parser import KEY_SIGNATURE, TEMPO, TIME_SIGNATURE, is_meta, parse_song, parse_track
from support.midi_writer import chunk, header

SUPPORT_DIR = Path(__file__).parent
COLLECTION = "sample"
FILE_COLUMNS = (
    "id, filename, filepath, original_filename, content_hash, file_size_bytes, format, num_tracks, "
    "ticks_per_quarter_note, duration_seconds, duration_ticks, is_multi_track, parent_file_id, track_number, "
    "total_tracks, collection_name, folder_tags"
)
LINK_COLUMNS = "parent_file_id, split_file_id, track_number, track_name, instrument, note_count"
FIRST_TRACK_OFFSET = 14
"""Offset of the first ``MTrk`` of a sample song, whose header has the usual length."""
TEMPO_EVENT_PREFIX = b"\xff\x51\x03"

Row = tuple[Any, ...]


@dataclass(slots=True)
class ForeignSampleLibrary:
    """The content of such a library, and its faults.

    Attributes:
        songs_folder: folder of the songs.
        tracks_folder: folder of the tracks, ``Artist/Title_track_03.mid``.
        song_ids: ids of the songs with several tracks.
        processed_song_ids: ids of those that the program split; some of them have no link, because all their
            tracks had rows already.
        unlinked_tracks: song ids and track numbers of the tracks with notes that have no link, because their
            content had a row already.
        mistimed_file_ids: ids of the track files whose notes play at other times than in their song.
    """

    songs_folder: Path
    tracks_folder: Path
    song_ids: list[int] = field(default_factory=list)
    processed_song_ids: set[int] = field(default_factory=set)
    unlinked_tracks: set[tuple[int, int]] = field(default_factory=set)
    mistimed_file_ids: set[int] = field(default_factory=set)


def build_foreign_library(
    url: str,
    folder: Path,
    *,
    song_count: int,
    seed: int = 1,
    processed_share: float = 0.372,
    buggy_share: float = 0.0,
    extra_columns: bool = False,
    triggers: bool = False,
) -> ForeignSampleLibrary:
    """Write the songs, the tracks and the rows of a library.

    Args:
        url: of an empty database.
        folder: gets the folders ``songs``, unless it exists, and ``splits``.
        song_count: number of songs.
        seed: of the songs, and of the choice of tracks with the bug.
        processed_share: share of the songs that have links, spread over all songs.
        buggy_share: share of the tracks that are made with the bug. It does harm only if the song's conductor
            has events after its beginning, or tempi outside its first track.
        extra_columns: whether ``files`` has three more columns.
        triggers: whether ``files`` has triggers, which stamp and count rows.
    """
    folder = folder.absolute()
    library = ForeignSampleLibrary(folder / "songs", folder / "splits")
    if not library.songs_folder.exists():
        write_songs(library.songs_folder, song_count, seed=seed)
    files, links = _ForeignProgram(library, processed_share, buggy_share, random.Random(seed)).rows()
    with psycopg.connect(url) as connection:
        _run_script(connection, "foreign.sql")
        _copy_rows(connection, f"COPY files ({FILE_COLUMNS}) FROM STDIN", files)
        _copy_rows(connection, f"COPY track_splits ({LINK_COLUMNS}) FROM STDIN", links)
        connection.execute("SELECT setval('files_id_seq', max(id)) FROM files")
        if extra_columns:
            _run_script(connection, "foreign_columns.sql")
        if triggers:
            _run_script(connection, "foreign_trigger.sql")
        connection.execute("ANALYZE")
    return library


def concatenate_conductor(data: bytes, track: SplitTrack) -> tuple[bytes, int]:
    """Return a track whose conductor events precede its own events instead of being merged with them.

    The events keep their delta times. They are those of the first source track only.

    Returns:
        The file, and the number of ticks by which all its notes are late.
    """
    spans = list(_track_spans(data))
    first_start, first_end = spans[0]
    conductor = parse_track(data, first_start, first_end)
    ticks = [0, *(event.tick for event in conductor.events)]
    body, ticks_late = b"", 0
    if track.track_number:
        for number, event in enumerate(conductor.events):
            if is_meta(event, TEMPO, TIME_SIGNATURE, KEY_SIGNATURE):
                body += data[conductor.event_offsets[number] : conductor.event_offsets[number + 1]]
                ticks_late += ticks[number + 1] - ticks[number]
    start, end = spans[track.track_number]
    division = int.from_bytes(data[12:14], "big")
    return header(0, 1, division) + chunk(b"MTrk", body + data[start:end]), ticks_late


def _is_mistimed(data: bytes, track: SplitTrack, content: bytes, ticks_late: int) -> bool:
    """Return True if the notes of a buggy track are late, or lack a tempo of another track than the first."""
    _, first = next(_track_spans(data))
    if ticks_late or TEMPO_EVENT_PREFIX not in data[first:]:
        return ticks_late > 0
    return exact_notes(parse_song(content), 0) != exact_notes(parse_song(data), track.track_number)


def _track_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the offsets of the first event of each source track and of its end."""
    offset = FIRST_TRACK_OFFSET
    while offset < len(data):
        end = offset + 8 + int.from_bytes(data[offset + 4 : offset + 8], "big")
        yield offset + 8, end
        offset = end


class _ForeignProgram:
    """The other program, which works on all songs."""

    def __init__(
        self, library: ForeignSampleLibrary, processed_share: float, buggy_share: float, rng: random.Random
    ) -> None:
        self._library = library
        self._processed_share = processed_share
        self._buggy_share = buggy_share
        self._rng = rng
        self._files: list[Row] = []
        self._links: list[Row] = []
        self._known_digests: set[bytes] = set()
        self._songs_with_links = 0  # songs with a row in track_splits

    def rows(self) -> tuple[list[Row], list[Row]]:
        """Write the tracks, and return the rows of ``files`` and of ``track_splits``."""
        songs: list[tuple[int, Path]] = []
        for path in _song_paths(self._library.songs_folder):
            data = path.read_bytes()
            split = midiprism.split(data)
            values = (split.num_tracks, split.division, split.duration_seconds, split.duration_ticks)
            file_id = self._add_file(path, data, split.format, *values, False, None, None, None)
            if file_id is not None and split.num_tracks > 1:
                songs.append((file_id, path))
        self._library.song_ids = [song_id for song_id, _ in songs]
        for count, (song_id, path) in enumerate(songs, 1):
            if self._songs_with_links < round(count * self._processed_share):
                self._split_song(song_id, path)
        return self._files, self._links

    def _split_song(self, song_id: int, path: Path) -> None:
        data = path.read_bytes()
        split = midiprism.split(data, by="track")
        link_count = len(self._links)
        self._library.processed_song_ids.add(song_id)
        folder = self._library.tracks_folder / path.parent.relative_to(self._library.songs_folder)
        folder.mkdir(parents=True, exist_ok=True)
        for track in split.tracks:
            content, ticks_late, is_mistimed = track.data, 0, False
            if self._rng.random() < self._buggy_share:
                content, ticks_late = concatenate_conductor(data, track)
                is_mistimed = _is_mistimed(data, track, content, ticks_late)
            number = track.track_number
            track_path = folder / f"{path.stem}_track_{number:02}.mid"
            values = (0, 1, split.division, track.duration_seconds, track.duration_ticks + ticks_late)
            file_id = self._add_file(track_path, content, *values, True, song_id, number, split.num_tracks)
            if file_id is None:
                self._library.unlinked_tracks.add((song_id, number))
                continue
            track_path.write_bytes(content)
            name = None if track.name is None else track.name.replace("\0", "")
            self._links.append((song_id, file_id, number, name, track.instrument, track.note_count))
            if is_mistimed:
                self._library.mistimed_file_ids.add(file_id)
        self._songs_with_links += len(self._links) > link_count

    def _add_file(self, path: Path, data: bytes, *values: object) -> int | None:
        """Add a row to ``files`` and return its id; None if the content has a row already."""
        digest = blake3(data).digest()
        if digest in self._known_digests:
            return None
        self._known_digests.add(digest)
        file_id = len(self._files) + 1
        names = (path.name, str(path), path.name)
        tags = [path.parent.name]
        self._files.append((file_id, *names, digest, len(data), *values, COLLECTION, tags))
        return file_id


def _song_paths(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names))


def _copy_rows(connection: psycopg.Connection, command: str, rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _run_script(connection: psycopg.Connection, name: str) -> None:
    connection.execute((SUPPORT_DIR / name).read_bytes())

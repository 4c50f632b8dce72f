"""A library that another program began: songs, a database of them, and part of them already split its way.

That program stored each content once and forgot whoever else had it: a track whose content was there already
left no trace. For some of its tracks it may have had a bug too, see ``concatenated``.
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
"""Where the first track of a sample song begins: behind a header without extras."""
TEMPO_EVENT_PREFIX = b"\xff\x51\x03"

Row = tuple[Any, ...]


@dataclass(slots=True)
class ForeignSampleLibrary:
    """What such a library holds, and what is wrong with it.

    Attributes:
        songs: folder of the songs.
        splits: folder of what was split, ``Artist/Title_track_03.mid``.
        songs: ids of the songs with several tracks.
        visited: ids of those whose tracks the program split; of some it found every track there already, and
            left no row in ``links``.
        dropped: (id of the song, track number) of the tracks that play but have no row in ``links``,
            since their content was there already.
        mistimed: ids of the split files whose notes play at other times than in their song.
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
    """Write songs, splits and rows.

    Args:
        url: of an empty database.
        folder: for ``songs``, which are written unless they are there, and ``splits``.
        songs: how many.
        seed: of the songs, and of the choice of tracks with the bug.
        share: of the songs with rows in ``links``; the others lie between them.
        buggy: share of the splits made with the bug. It does harm only where the song's conductor has events
            after its beginning, or tempi outside its first track.
        columns: let the owner have three more of them in ``files``.
        triggers: let the owner have some on ``files``, which stamp and count.
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
    """A split whose conductor events stand before the track's, with the deltas they had, not among them.

    They are those of the first track, wherever else the song has some.

    Returns:
        The file, and by how many ticks all notes come too late.
    """
    chunks = list(_track_spans(data))
    conductor = parse_track(data, *chunks[0])
    ticks = [0, *(event[0] for event in conductor.events)]
    body, late = b"", 0
    if track.track_number:
        for number, event in enumerate(conductor.events):
            if is_meta(event, TEMPO, TIME_SIGNATURE, KEY_SIGNATURE):
                body += data[conductor.event_offsets[number] : conductor.event_offsets[number + 1]]
                late += ticks[number + 1] - ticks[number]
    at, stop = chunks[track.track_number]
    division = int.from_bytes(data[12:14], "big")
    return header(0, 1, division) + chunk(b"MTrk", body + data[at:stop]), late


def _is_mistimed(data: bytes, track: SplitTrack, content: bytes, ticks_late: int) -> bool:
    """Whether its notes come late, or miss a tempo that another track than the first one sets."""
    _, first = next(_track_spans(data))
    if ticks_late or TEMPO_EVENT_PREFIX not in data[first:]:
        return ticks_late > 0
    return exact_notes(parse_song(content), 0) != exact_notes(parse_song(data), track.track_number)


def _track_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the inside of each track begins and ends."""
    at = FIRST_TRACK_OFFSET
    while at < len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        yield at + 8, stop
        at = stop


class _ForeignProgram:
    """The other program, at work on all songs."""

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
        """Rows of ``files`` and of ``links``, with the files of the splits written."""
        found: list[tuple[int, Path]] = []
        for path in _song_paths(self._library.songs_folder):
            data = path.read_bytes()
            split = midiprism.split(data)
            facts = (split.num_tracks, split.division, split.duration_seconds, split.duration_ticks)
            identity = self._add_file(path, data, split.format, *facts, False, None, None, None)
            if identity is not None and split.num_tracks > 1:
                found.append((identity, path))
        self._library.song_ids = [song for song, _ in found]
        for count, (song, path) in enumerate(found, 1):
            if self._songs_with_links < round(count * self._processed_share):
                self._split_song(song, path)
        return self._files, self._links

    def _split_song(self, song_id: int, path: Path) -> None:
        data = path.read_bytes()
        split = midiprism.split(data, by="track")
        links = len(self._links)
        self._library.processed_song_ids.add(song_id)
        folder = self._library.tracks_folder / path.parent.relative_to(self._library.songs_folder)
        folder.mkdir(parents=True, exist_ok=True)
        for track in split.tracks:
            content, late, wrong = track.data, 0, False
            if self._rng.random() < self._buggy_share:
                content, late = concatenate_conductor(data, track)
                wrong = _is_mistimed(data, track, content, late)
            number = track.track_number
            place = folder / f"{path.stem}_track_{number:02}.mid"
            facts = (0, 1, split.division, track.duration_seconds, track.duration_ticks + late)
            identity = self._add_file(place, content, *facts, True, song_id, number, split.num_tracks)
            if identity is None:
                self._library.unlinked_tracks.add((song_id, number))
                continue
            place.write_bytes(content)
            name = None if track.name is None else track.name.replace("\0", "")
            self._links.append((song_id, identity, number, name, track.instrument, track.note_count))
            if wrong:
                self._library.mistimed_file_ids.add(identity)
        self._songs_with_links += len(self._links) > links

    def _add_file(self, path: Path, data: bytes, *facts: object) -> int | None:
        """The id of a new row, or None where the content has one already."""
        digest = blake3(data).digest()
        if digest in self._known_digests:
            return None
        self._known_digests.add(digest)
        identity = len(self._files) + 1
        names = (path.name, str(path), path.name)
        tags = [path.parent.name]
        self._files.append((identity, *names, digest, len(data), *facts, COLLECTION, tags))
        return identity


def _song_paths(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(here, name) for name in sorted(names))


def _copy_rows(connection: psycopg.Connection, command: str, rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _run_script(connection: psycopg.Connection, name: str) -> None:
    connection.execute((SUPPORT_DIR / name).read_bytes())

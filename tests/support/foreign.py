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
from support.reader import KEY, METER, TEMPO, is_meta, read, read_track
from support.timing import timed_notes
from support.writer import chunk, header

HERE = Path(__file__).parent
COLLECTION = "sample"
FILE_COLUMNS = (
    "id, filename, filepath, original_filename, content_hash, file_size_bytes, format, num_tracks, "
    "ticks_per_quarter_note, duration_seconds, duration_ticks, is_multi_track, parent_file_id, track_number, "
    "total_tracks, collection_name, folder_tags"
)
LINK_COLUMNS = "parent_file_id, split_file_id, track_number, track_name, instrument, note_count"
FIRST_CHUNK = 14
"""Where the first track of a sample song begins: behind a header without extras."""
TEMPO_EVENT = b"\xff\x51\x03"

Row = tuple[Any, ...]


@dataclass(slots=True)
class Foreign:
    """What such a library holds, and what is wrong with it.

    Attributes:
        songs: folder of the songs.
        splits: folder of what was split, ``Artist/Title_track_03.mid``.
        parents: ids of the songs with several tracks.
        visited: ids of those whose tracks the program split; of some it found every track there already, and
            left no row in ``track_splits``.
        dropped: (id of the parent, track number) of the tracks that play but have no row in ``track_splits``,
            since their content was there already.
        mistimed: ids of the split files whose notes play at other times than in their parent.
    """

    songs: Path
    splits: Path
    parents: list[int] = field(default_factory=list)
    visited: set[int] = field(default_factory=set)
    dropped: set[tuple[int, int]] = field(default_factory=set)
    mistimed: set[int] = field(default_factory=set)


def build(
    url: str,
    folder: Path,
    *,
    songs: int,
    seed: int = 1,
    share: float = 0.372,
    buggy: float = 0.0,
    columns: bool = False,
    triggers: bool = False,
) -> Foreign:
    """Write songs, splits and rows.

    Args:
        url: of an empty database.
        folder: for ``songs``, which are written unless they are there, and ``splits``.
        songs: how many.
        seed: of the songs, and of the choice of tracks with the bug.
        share: of the parents with rows in ``track_splits``; the others lie between them.
        buggy: share of the splits made with the bug. It does harm only where the song's conductor has events
            after its beginning, or tempi outside its first track.
        columns: let the owner have three more of them in ``files``.
        triggers: let the owner have some on ``files``, which stamp and count.
    """
    folder = folder.absolute()
    library = Foreign(folder / "songs", folder / "splits")
    if not library.songs.exists():
        write_songs(library.songs, songs, seed=seed)
    files, links = _Program(library, share, buggy, random.Random(seed)).rows()
    with psycopg.connect(url) as connection:
        _script(connection, "foreign.sql")
        _copy(connection, f"COPY files ({FILE_COLUMNS}) FROM STDIN", files)
        _copy(connection, f"COPY track_splits ({LINK_COLUMNS}) FROM STDIN", links)
        connection.execute("SELECT setval('files_id_seq', max(id)) FROM files")
        if columns:
            _script(connection, "foreign_columns.sql")
        if triggers:
            _script(connection, "foreign_trigger.sql")
        connection.execute("ANALYZE")
    return library


def concatenated(data: bytes, track: SplitTrack) -> tuple[bytes, int]:
    """A split whose conductor events stand before the track's, with the deltas they had, not among them.

    They are those of the first track, wherever else the song has some.

    Returns:
        The file, and by how many ticks all notes come too late.
    """
    chunks = list(_tracks(data))
    conductor = read_track(data, *chunks[0])
    ticks = [0, *(event[0] for event in conductor.events)]
    body, late = b"", 0
    if track.track_number:
        for number, event in enumerate(conductor.events):
            if is_meta(event, TEMPO, METER, KEY):
                body += data[conductor.starts[number] : conductor.starts[number + 1]]
                late += ticks[number + 1] - ticks[number]
    at, stop = chunks[track.track_number]
    division = int.from_bytes(data[12:14], "big")
    return header(0, 1, division) + chunk(b"MTrk", body + data[at:stop]), late


def _plays_wrong(data: bytes, track: SplitTrack, content: bytes, late: int) -> bool:
    """Whether its notes come late, or miss a tempo that another track than the first one sets."""
    _, first = next(_tracks(data))
    if late or TEMPO_EVENT not in data[first:]:
        return late > 0
    return timed_notes(read(content), 0) != timed_notes(read(data), track.track_number)


def _tracks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the inside of each track begins and ends."""
    at = FIRST_CHUNK
    while at < len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        yield at + 8, stop
        at = stop


class _Program:
    """The other program, at work on all songs."""

    def __init__(self, library: Foreign, share: float, buggy: float, dice: random.Random) -> None:
        self._library = library
        self._share = share
        self._buggy = buggy
        self._dice = dice
        self._files: list[Row] = []
        self._links: list[Row] = []
        self._known: set[bytes] = set()
        self._begun = 0  # parents with a row in track_splits

    def rows(self) -> tuple[list[Row], list[Row]]:
        """Rows of ``files`` and of ``track_splits``, with the files of the splits written."""
        found: list[tuple[int, Path]] = []
        for path in _songs(self._library.songs):
            data = path.read_bytes()
            split = midiprism.split(data)
            facts = (split.num_tracks, split.division, split.duration_seconds, split.duration_ticks)
            identity = self._add(path, data, split.format, *facts, False, None, None, None)
            if identity is not None and split.num_tracks > 1:
                found.append((identity, path))
        self._library.parents = [parent for parent, _ in found]
        for count, (parent, path) in enumerate(found, 1):
            if self._begun < round(count * self._share):
                self._visit(parent, path)
        return self._files, self._links

    def _visit(self, parent: int, path: Path) -> None:
        data = path.read_bytes()
        split = midiprism.split(data, by="track")
        links = len(self._links)
        self._library.visited.add(parent)
        folder = self._library.splits / path.parent.relative_to(self._library.songs)
        folder.mkdir(parents=True, exist_ok=True)
        for track in split.tracks:
            content, late, wrong = track.data, 0, False
            if self._dice.random() < self._buggy:
                content, late = concatenated(data, track)
                wrong = _plays_wrong(data, track, content, late)
            number = track.track_number
            place = folder / f"{path.stem}_track_{number:02}.mid"
            facts = (0, 1, split.division, track.duration_seconds, track.duration_ticks + late)
            identity = self._add(place, content, *facts, True, parent, number, split.num_tracks)
            if identity is None:
                self._library.dropped.add((parent, number))
                continue
            place.write_bytes(content)
            name = None if track.name is None else track.name.replace("\0", "")
            self._links.append((parent, identity, number, name, track.instrument, track.note_count))
            if wrong:
                self._library.mistimed.add(identity)
        self._begun += len(self._links) > links

    def _add(self, path: Path, data: bytes, *facts: object) -> int | None:
        """The id of a new row, or None where the content has one already."""
        digest = blake3(data).digest()
        if digest in self._known:
            return None
        self._known.add(digest)
        identity = len(self._files) + 1
        names = (path.name, str(path), path.name)
        tags = [path.parent.name]
        self._files.append((identity, *names, digest, len(data), *facts, COLLECTION, tags))
        return identity


def _songs(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(here, name) for name in sorted(names))


def _copy(connection: psycopg.Connection, command: str, rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _script(connection: psycopg.Connection, name: str) -> None:
    connection.execute((HERE / name).read_bytes())

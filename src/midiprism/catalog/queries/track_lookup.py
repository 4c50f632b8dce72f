"""Look-ups of single songs and tracks, for pages that show one of them."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from midiprism.catalog.queries.found_rows import LinkKey
from midiprism.catalog.reader import CatalogReader
from midiprism.records.fields import SONG_FIELDS
from midiprism.stores import TrackLocation

_DIGESTS_PER_QUERY = 500


class FoundTrack(NamedTuple):
    """A track of the catalog.

    Attributes:
        track_id: its number there.
        location: where the store has it.
        size: bytes of the track.
        is_drums: whether it plays a drum kit; None where its facts were not computed.
    """

    track_id: int
    location: TrackLocation
    size: int
    is_drums: bool | None


class SongProblem(NamedTuple):
    """Something about a song that a person should know: see ``midiprism.Problem``."""

    code: str
    message: str
    track: int | None


class SongPathAndName(NamedTuple):
    """A path of a song, and the name of the song there."""

    path: bytes
    song_name: str


class FoundSong(NamedTuple):
    """A song of the catalog.

    Attributes:
        song_id: its number there.
        values: of the fields of its row, by their names.
        problems: that it had.
        places: paths at which it is, the smallest first; none if it is gone.
    """

    song_id: int
    values: dict[str, Any]
    problems: list[SongProblem]
    places: list[SongPathAndName]


_SONG_FIELDS = tuple(
    field for field in SONG_FIELDS if "songs" in field.tables and field.name not in ("digest", "problems")
)


def find_tracks_by_digest(reader: CatalogReader, digests: Sequence[bytes]) -> dict[bytes, FoundTrack]:
    """Return the tracks with these digests, by their digests.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    found = {}
    for start in range(0, len(digests), _DIGESTS_PER_QUERY):
        part = digests[start : start + _DIGESTS_PER_QUERY]
        marks = ", ".join("?" * len(part))
        statement = (
            "SELECT t.id, t.family, t.stem, t.digest, t.digest_digits, s.name, t.shard_row, t.size, "  # noqa: S608
            "t.is_drums FROM {tracks} t LEFT JOIN {shards} s ON s.id = t.shard_id "
            f"WHERE t.digest IN ({marks})"
        )
        for track_id, family, stem, digest, digits, shard, row, size, drums in reader.fetch(statement, part):
            location = TrackLocation(family, stem, bytes(digest), digits, shard, row)
            is_drums = None if drums is None else bool(drums)
            found[location.digest] = FoundTrack(track_id, location, size, is_drums)
    return found


def find_song(reader: CatalogReader, song_id: int) -> FoundSong | None:
    """Return a song; None if there is none of that number.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    names = [field.name for field in _SONG_FIELDS]
    statement = f"SELECT problems, {', '.join(names)} FROM {{songs}} WHERE id = ?"  # noqa: S608
    rows = reader.fetch(statement, [song_id])
    if not rows:
        return None
    problems, *values = rows[0]
    places = reader.fetch(
        "SELECT path, song_name FROM {song_paths} WHERE song_id = ? AND gone_at IS NULL", [song_id]
    )
    return FoundSong(
        song_id,
        dict(zip(names, values, strict=True)),
        _problems(problems),
        sorted(SongPathAndName(bytes(path), name) for path, name in places),
    )


def _problems(value: Any) -> list[SongProblem]:
    """Return the problems of a song, of which SQLite has the text and PostgreSQL the value."""
    listed = json.loads(value) if isinstance(value, str | bytes) else value
    return [SongProblem(it["code"], it["message"], it["track"]) for it in listed or ()]


def links_of_song(reader: CatalogReader, song_id: int) -> list[LinkKey]:
    """Return the links of a song in their order.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    statement = "SELECT position FROM {links} WHERE song_id = ? ORDER BY position"
    return [LinkKey(song_id, position) for (position,) in reader.fetch(statement, [song_id])]

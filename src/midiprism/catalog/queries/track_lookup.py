"""Look-ups of single songs and tracks, for pages that show one of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from midiprism.catalog.queries.found_rows import LinkKey
from midiprism.catalog.reader import CatalogReader
from midiprism.stores import TrackLocation


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


class FoundSong(NamedTuple):
    """A song of the catalog.

    Attributes:
        song_id: its number there.
        digest: BLAKE3 of its bytes.
        outcome: what became of it.
        facts: its further columns by their names; problems as a JSON text or value.
    """

    song_id: int
    digest: bytes
    outcome: str
    facts: dict[str, Any]


_SONG_FACTS = (
    *("size", "format", "num_tracks", "duration_seconds", "lost_bytes", "problems"),
    *("song_key", "song_key_strength", "link_count"),
)


def find_tracks_by_digest(reader: CatalogReader, digests: Sequence[bytes]) -> dict[bytes, FoundTrack]:
    """Return the tracks with these digests, by their digests.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    if not digests:
        return {}
    marks = ", ".join("?" * len(digests))
    statement = (
        "SELECT t.id, t.family, t.stem, t.digest, t.digest_digits, s.name, t.shard_row, t.size, "  # noqa: S608
        "t.is_drums FROM {tracks} t LEFT JOIN {shards} s ON s.id = t.shard_id "
        f"WHERE t.digest IN ({marks})"
    )
    found = {}
    for track_id, family, stem, digest, digits, shard, row, size, drums in reader.fetch(statement, digests):
        location = TrackLocation(family, stem, bytes(digest), digits, shard, row)
        is_drums = None if drums is None else bool(drums)
        found[location.digest] = FoundTrack(track_id, location, size, is_drums)
    return found


def find_song(reader: CatalogReader, song_id: int) -> FoundSong | None:
    """Return a song; None if there is none of that number.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    statement = f"SELECT digest, outcome, {', '.join(_SONG_FACTS)} FROM {{songs}} WHERE id = ?"  # noqa: S608
    rows = reader.fetch(statement, [song_id])
    if not rows:
        return None
    digest, outcome, *facts = rows[0]
    facts_by_name = dict(zip(_SONG_FACTS, facts, strict=True))
    return FoundSong(song_id, bytes(digest or b""), outcome, facts_by_name)


def links_of_song(reader: CatalogReader, song_id: int) -> list[LinkKey]:
    """Return the links of a song in their order.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    statement = "SELECT position FROM {links} WHERE song_id = ? ORDER BY position"
    return [LinkKey(song_id, position) for (position,) in reader.fetch(statement, [song_id])]

"""The search for songs by their names, their paths or their digests."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.path_lookup import IS_THERE, is_path_in
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import song_paths, songs
from midiprism.fs.path_text import path_bytes
from midiprism.records.batches import make_storable

_DIGEST_DIGITS = 64


class SongPlaces(NamedTuple):
    """A song and where it is.

    Attributes:
        path: the smallest of its paths, those that are there first; None without any.
        is_there: whether it is at a path, as far as scans have seen.
    """

    id: int
    path: bytes | None
    is_there: bool


def find_songs(catalog: Catalog, name: str) -> set[int]:
    """Return the ids of the songs that are called so, also of songs that are gone.

    Args:
        name: a path, a path below the source without its suffix, as ``list`` shows it, or the hex digits of
            a digest.
    """
    path = path_bytes(os.path.abspath(name))
    is_named = song_paths.c.song_name == make_storable(name)
    found = {
        song_id
        for condition in (is_named, is_path_in(catalog.connection, [path]))
        for (song_id,) in catalog.fetch_all(select(song_paths.c.song_id).where(condition))
    }
    if len(name) == _DIGEST_DIGITS and set(name.lower()) <= set("0123456789abcdef"):
        query = select(songs.c.id).where(songs.c.digest == bytes.fromhex(name))
        found |= {song_id for (song_id,) in catalog.fetch_all(query)}
    return found


def song_places(catalog: Catalog, song_ids: Iterable[int]) -> Sequence[SongPlaces]:
    """Return where songs are, in the order of their paths; songs without a path last."""
    path = song_paths.c
    places: list[SongPlaces] = []
    for part in query_chunks(sorted(song_ids)):
        first = {song_id: SongPlaces(song_id, None, is_there=False) for song_id in part}
        query = select(path.song_id, path.path, IS_THERE).where(path.song_id.in_(part))
        for song_id, place, is_there in catalog.fetch_all(query.order_by(path.path)):
            if first[song_id].path is None or (is_there and not first[song_id].is_there):
                first[song_id] = SongPlaces(song_id, place, bool(is_there))
        places += first.values()
    return sorted(places, key=lambda it: (it.path is None, it.path or b""))

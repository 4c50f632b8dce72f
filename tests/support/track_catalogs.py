"""Catalogs of songs with tracks that have given facts."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from midiprism.catalog import BatchRecord, Catalog, open_catalog
from midiprism.catalog.schema import songs as song_table
from midiprism.records.fields import LINK_FIELDS, LinkRecord
from support import catalog_access
from support.records import link_record, song_record, track_record

TrackFacts = dict[str, Any]
"""Values of fields of a link or its track; others have defaults."""

_LINK_NAMES = {field.name for field in LINK_FIELDS}


def _link(path: bytes, position: int, facts: TrackFacts) -> LinkRecord:
    values = {"digest": hashlib.blake2b(path + b"%d" % position, digest_size=32).digest(), **facts}
    of_link = {name: value for name, value in values.items() if name in _LINK_NAMES}
    shared = ("name", "instrument", "family", "channel", "program")
    of_track = {name: it for name, it in values.items() if name not in _LINK_NAMES or name in shared}
    return link_record(track_record(**of_track), **{"track_number": position, **of_link})


@contextmanager
def catalog_of(
    tracks_by_path: Mapping[bytes, Sequence[TrackFacts]],
    folder: Path,
    *,
    time: str = "2026-11-30T12:00:00+00:00",
    song_facts: Mapping[bytes, Mapping[str, Any]] = MappingProxyType({}),
) -> Iterator[Catalog]:
    """Yield a catalog of songs in ``/m/`` with tracks.

    Args:
        tracks_by_path: facts of the tracks of each song.
        folder: of the result.
        time: at which they were added.
        song_facts: of songs by their paths.
    """
    songs = []
    for path, tracks in tracks_by_path.items():
        links = [_link(path, position, facts) for position, facts in enumerate(tracks)]
        digest = hashlib.blake2b(path, digest_size=32).digest()
        songs.append(song_record(path, digest, *links, root_length=3, song_name=path[3:-4].decode()))
    with open_catalog(catalog_access.catalog_address(folder)) as catalog:
        run_id = catalog.begin_run({}, time)
        catalog.commit(run_id, [BatchRecord.from_songs(songs)], time)
        for path, facts in song_facts.items():
            digest = hashlib.blake2b(path, digest_size=32).digest()
            update = song_table.update().where(song_table.c.digest == digest).values(**facts)
            catalog.run_in_transaction(partial(catalog.connection.execute, update))
        yield catalog

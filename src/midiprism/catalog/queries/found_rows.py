"""The rows of links that a search has found."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from midiprism.catalog.reader import CatalogReader
from midiprism.catalog.track_row import TrackRow
from midiprism.records.fields import LINK_FIELDS, SONG_FACT_FIELDS, TRACK_FIELDS, LinkRecord
from midiprism.records.track_record import TrackRecord

_LINKS_PER_QUERY = 200

_LINK_NAMES = tuple(field.name for field in LINK_FIELDS)
_SONG_NAMES = tuple(field.name for field in SONG_FACT_FIELDS)
_TRACK_NAMES = tuple(field.name for field in TRACK_FIELDS)
_COLUMNS = ", ".join(
    (
        "l.song_id, l.position, s.name, t.shard_row, r.started_at, g.digest",
        *(f"g.{name}" for name in _SONG_NAMES),
        *(f"l.{name}" for name in _LINK_NAMES),
        *(f"t.{name}" for name in _TRACK_NAMES),
    )
)


class LinkKey(NamedTuple):
    """A link.

    Attributes:
        song_id: id of its song.
        position: of the link among the song's.
        shared: number of songs that have the track; None where it was not counted.
    """

    song_id: int
    position: int
    shared: int | None = None


class _Place(NamedTuple):
    """A path at which a song is."""

    path: bytes
    root_length: int
    song_name: str
    source_metadata: str | None


def found_rows(reader: CatalogReader, keys: Iterator[LinkKey]) -> Iterator[TrackRow]:
    """Yield the rows of links in the order given, without those that a snapshot does not have.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    while part := [*islice(keys, _LINKS_PER_QUERY)]:
        places = _places(reader, sorted({key.song_id for key in part}))
        links = _links(reader, part)
        for key in part:
            values, found = links.get(key[:2]), places.get(key.song_id)
            if values is not None and found is not None:
                yield _make_row(key, values, found)


def _links(reader: CatalogReader, keys: Sequence[LinkKey]) -> dict[tuple[int, int], tuple[Any, ...]]:
    marks = ", ".join(["(?, ?)"] * len(keys))
    statement = (
        f"WITH wanted (song_id, position) AS (VALUES {marks}) SELECT {_COLUMNS} FROM wanted w "  # noqa: S608
        "JOIN {links} l ON l.song_id = w.song_id AND l.position = w.position "
        "JOIN {songs} g ON g.id = l.song_id JOIN {tracks} t ON t.id = l.track_id "
        "LEFT JOIN {shards} s ON s.id = t.shard_id LEFT JOIN {runs} r ON r.id = t.run_id"
    )
    rows = reader.fetch(statement, [*chain.from_iterable(key[:2] for key in keys)])
    return {(song_id, position): tuple(values) for song_id, position, *values in rows}


def _places(reader: CatalogReader, song_ids: Sequence[int]) -> dict[int, list[_Place]]:
    """Return the places of songs that are there, the smallest path first."""
    statement = (
        "SELECT song_id, path, root_length, song_name, source_metadata FROM {song_paths} "  # noqa: S608
        f"WHERE gone_at IS NULL AND song_id IN ({', '.join('?' * len(song_ids))})"
    )
    places: dict[int, list[_Place]] = {}
    for song_id, *place in sorted(reader.fetch(statement, song_ids), key=_path_of):
        places.setdefault(song_id, []).append(_Place(*place))
    return places


def _path_of(row: tuple[Any, ...]) -> bytes:
    path: bytes = row[1]
    return path


def _make_row(key: LinkKey, values: tuple[Any, ...], places: Sequence[_Place]) -> TrackRow:
    shard, shard_row, added, digest, *facts = values
    song_facts, facts = facts[: len(_SONG_NAMES)], facts[len(_SONG_NAMES) :]
    track = TrackRecord._make(facts[len(LINK_FIELDS) :])
    smallest = places[0]
    metadata = smallest.source_metadata
    return TrackRow(
        song_id=key.song_id,
        song_path=smallest.path,
        root_length=smallest.root_length,
        song_name=smallest.song_name,
        link=LinkRecord._make((*facts[: len(LINK_FIELDS)], track)),
        shard=shard,
        shard_row=shard_row,
        source_metadata=None if metadata is None else json.loads(metadata),
        paths=tuple(place.path for place in places),
        song_names=tuple(place.song_name for place in places),
        added=added,
        shared=key.shared,
        song_digest=digest,
        position=key.position,
        song_facts=dict(zip(_SONG_NAMES, song_facts, strict=True)),
    )

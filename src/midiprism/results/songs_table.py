"""Writes the table of songs of a result in shards, which derives from the catalog."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from midiprism.catalog import Catalog
from midiprism.catalog.queries.song_rows import SongColumns, commit_state, other_source_metadata
from midiprism.catalog.queries.song_rows import (
    song_columns as read_song_columns,
)
from midiprism.memory import release_freed_memory
from midiprism.results.leakage_groups import leakage_group
from midiprism.results.song_groups import SongGroups, read_song_groups
from midiprism.sources.file_types import source_of_song
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ColumnValues, path_text_and_bytes, ticks_per_quarter

_SEPARATOR = os.fsencode(os.sep)


def is_current(catalog: Catalog, shards: ShardedTracks) -> bool:
    """Return whether the table of songs is that of the last commit."""
    with catalog.read_transaction() as connection:
        return shards.songs_table_state() == commit_state(connection)


def write_songs_table(catalog: Catalog, shards: ShardedTracks) -> int:
    """Write the table of songs as of the last commit, and return how many songs it has.

    Args:
        catalog: open, with no transaction.
        shards: of the same result.

    Raises:
        StoreError: it cannot be written. The table before is left.
        CatalogError: the catalog cannot be read.
    """
    with catalog.read_transaction() as connection:
        state = commit_state(connection)
        groups = read_song_groups(connection)
        others = other_source_metadata(connection)
        release_freed_memory()  # to find groups takes far more than they do
        return shards.write_songs_table(song_columns(read_song_columns(connection), groups, others), state)


def song_columns(
    parts: Iterable[SongColumns], groups: SongGroups, other_metadata: Mapping[int, Sequence[str]]
) -> Iterator[ColumnValues]:
    """Return the columns of the songs table.

    Args:
        parts: the songs.
        groups: of these songs, and perhaps of others.
        other_metadata: what sources say of songs at their other paths, by song id.
    """
    for part in parts:
        keys = groups.keys_of(part.id)
        by_key = {key: leakage_group(key) for key in set(keys)}
        quarters = {division: ticks_per_quarter(division) for division in set(part.division)}
        paths, paths_as_bytes = _relative_paths(part.path, part.root_length)
        song_groups, folds = zip(*map(by_key.__getitem__, keys), strict=True)
        yield {
            "blake3": part.digest,
            "path": paths,
            "path_bytes": paths_as_bytes,
            "size": part.size,
            "outcome": part.outcome,
            "format": part.format,
            "num_tracks": part.num_tracks,
            "ticks_per_quarter": list(map(quarters.__getitem__, part.division)),
            "duration_ticks": part.duration_ticks,
            "duration_seconds": part.duration_seconds,
            "lost_bytes": part.lost_bytes,
            "track_count": part.link_count,
            "song_group": song_groups,
            "fold": folds,
            "source": _sources(part.path, part.root_length),
            "source_metadata": part.source_metadata,
            "song_key": part.song_key,
            "song_key_strength": part.song_key_strength,
            "other_source_metadata": [
                f"[{', '.join(other_metadata[song_id])}]" if song_id in other_metadata else None
                for song_id in part.id
            ],
            "similar_song_group": part.similar_song_group,
        }


def _sources(paths: Sequence[bytes | None], root_lengths: Sequence[int | None]) -> Sequence[str | None]:
    """Return the sources of songs as text."""
    roots = [
        None if path is None else path[:length] for path, length in zip(paths, root_lengths, strict=True)
    ]
    sources = {
        root: None if root is None else path_text_and_bytes(source_of_song(root, len(root)))[0]
        for root in set(roots)
    }
    return list(map(sources.__getitem__, roots))


def _relative_paths(
    paths: Sequence[bytes | None], root_lengths: Sequence[int | None]
) -> tuple[Sequence[str | None], Sequence[bytes | None]]:
    """Return paths below the source folders as text, and as bytes where no text can state a path."""
    pairs = [
        (None, None) if path is None else path_text_and_bytes(path[length:].replace(_SEPARATOR, b"/"))
        for path, length in zip(paths, root_lengths, strict=True)
    ]
    return [text for text, _ in pairs], [raw for _, raw in pairs]

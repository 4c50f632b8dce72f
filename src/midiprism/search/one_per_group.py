"""Keeps one track of each group of similar tracks among those that a query finds."""

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from itertools import islice

from midiprism.catalog import TrackRow
from midiprism.catalog.queries.similar_tracks import grouping_state
from midiprism.errors import NotGroupedError
from midiprism.search.find import TrackSearch
from midiprism.search.query import Query


def one_per_group(
    search: TrackSearch, out: str, query: Query, limit: int | None
) -> Generator[TrackRow, None, None]:
    """Yield one track of each group, and each track that is in none, once: with the first of its songs.

    Of a group it is the track with the most links among those found, then with the most notes, then with the
    smallest digest. What was found is read twice.

    Args:
        search: in the result.
        out: folder of the result.
        query: for the tracks.
        limit: most tracks to yield; None for all.

    Raises:
        NotGroupedError: no groups were found yet.
        CatalogError: the catalog cannot be read.
    """
    if grouping_state(search.reader) is None:
        raise NotGroupedError(out)
    kept = _representatives(search, query)
    with closing(search.tracks(query)) as rows:
        yield from islice(_once(rows, kept), limit)


def _representatives(search: TrackSearch, query: Query) -> set[bytes]:
    """Return the digests of the tracks that stand for their groups."""
    links: Counter[bytes] = Counter()
    members: dict[int, dict[bytes, int]] = {}
    with closing(search.tracks(query)) as rows:
        for row in rows:
            track = row.track
            if track.similar_track_group is not None:
                links[track.digest] += 1
                members.setdefault(track.similar_track_group, {})[track.digest] = track.note_count
    return {
        min((-links[digest], -count, digest) for digest, count in notes.items())[2]
        for notes in members.values()
    }


def _once(rows: Generator[TrackRow, None, None], kept: set[bytes]) -> Generator[TrackRow, None, None]:
    seen: set[bytes] = set()
    for row in rows:
        digest = row.track.digest
        if digest in seen or (row.track.similar_track_group is not None and digest not in kept):
            continue
        seen.add(digest)
        yield row

"""Tracks and songs without facts, and the update of their rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table, bindparam, func, or_, select, update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, songs, tracks
from midiprism.stores.types import TrackLocation


class TrackWithoutFacts(NamedTuple):
    """A track whose facts are to be computed, in a store that keeps each track by itself."""

    id: int
    family: str
    stem: str
    digest: bytes
    digest_digits: int

    @property
    def location(self) -> TrackLocation:
        """The place of the track."""
        return TrackLocation(self.family, self.stem, self.digest, self.digest_digits)


class SongTrackFacts(NamedTuple):
    """The facts of one track of a song from which the song's key is estimated."""

    song_id: int
    pitch_class_weights: bytes | None
    final_onset_ticks: int | None
    final_pitch: int | None


class FactIndex:
    """The rows of a catalog that lack facts of a version, or have older ones."""

    def __init__(self, catalog: Catalog, version: int) -> None:
        self._catalog = catalog
        self._version = version

    def count_tracks(self) -> int:
        """Return how many tracks lack facts."""
        query = select(func.count()).select_from(tracks).where(self._lacks_facts(tracks))
        return int(self._catalog.fetch_value(query))

    def some_lack_facts(self) -> bool:
        """Return whether some track or song has none at all, from an index."""
        no_track = select(tracks.c.id).where(tracks.c.facts_version.is_(None)).limit(1)
        no_song = select(songs.c.id).where(songs.c.facts_version.is_(None), songs.c.link_count > 0).limit(1)
        return any(self._catalog.fetch_value(query) is not None for query in (no_track, no_song))

    def without_facts(self, track_ids: Sequence[int]) -> list[int]:
        """Return those of some tracks that lack facts, inside a transaction that is open."""
        found: list[int] = []
        for part in query_chunks(track_ids):
            query = select(tracks.c.id).where(tracks.c.id.in_(part), self._lacks_facts(tracks))
            found += self._catalog.connection.scalars(query)
        return found

    def tracks_after(self, track_id: int, limit: int) -> list[TrackWithoutFacts]:
        """Return the first tracks without facts whose ids are higher, in the order of their ids."""
        columns = [tracks.c[name] for name in TrackWithoutFacts._fields]
        query = select(*columns).where(self._lacks_facts(tracks), tracks.c.id > track_id)
        rows = self._catalog.fetch_all(query.order_by(tracks.c.id).limit(limit))
        return [TrackWithoutFacts(*row) for row in rows]

    def shards_with_such_tracks(self) -> set[int]:
        """Return the ids of the shards that hold tracks without facts."""
        query = select(tracks.c.shard_id).where(self._lacks_facts(tracks)).distinct()
        return {shard_id for (shard_id,) in self._catalog.fetch_all(query) if shard_id is not None}

    def songs_after(self, song_id: int, limit: int) -> list[int]:
        """Return the ids of the first songs without facts that are higher."""
        query = select(songs.c.id).where(
            self._lacks_facts(songs), songs.c.link_count > 0, songs.c.id > song_id
        )
        return [row_id for (row_id,) in self._catalog.fetch_all(query.order_by(songs.c.id).limit(limit))]

    def tracks_of_songs(self, first_id: int, last_id: int) -> list[SongTrackFacts]:
        """Return the facts of the tracks of songs in a range of ids, ends included; of songs that need them.

        A track without facts has no weights, like drums.
        """
        query = (
            select(
                links.c.song_id,
                tracks.c.pitch_class_weights,
                tracks.c.final_onset_ticks,
                tracks.c.final_pitch,
            )
            .select_from(
                songs.join(links, links.c.song_id == songs.c.id).join(tracks, tracks.c.id == links.c.track_id)
            )
            .where(
                songs.c.id.between(first_id, last_id),
                self._lacks_facts(songs),
                tracks.c.pitch_class_weights.is_not(None),
            )
        )
        return [SongTrackFacts(*row) for row in self._catalog.fetch_all(query)]

    def songs_with_incomplete_tracks(self, first_id: int, last_id: int) -> set[int]:
        """Return the ids of songs in a range that have a track without facts."""
        query = (
            select(links.c.song_id)
            .select_from(links.join(tracks, tracks.c.id == links.c.track_id))
            .where(links.c.song_id.between(first_id, last_id), tracks.c.facts_version.is_(None))
            .distinct()
        )
        return {song_id for (song_id,) in self._catalog.fetch_all(query)}

    def songs_of_other_runs(self, song_ids: Sequence[int], run_id: int | None) -> list[int]:
        """Return those of some songs that another run than ``run_id`` has recorded."""
        found: list[int] = []
        for part in query_chunks(song_ids):
            query = select(songs.c.id).where(songs.c.id.in_(part))
            if run_id is not None:
                query = query.where(songs.c.run_id != run_id)
            found += [song_id for (song_id,) in self._catalog.fetch_all(query)]
        return found

    def set_track_facts(self, track_ids: Sequence[int], facts: Mapping[str, Sequence[Any]]) -> None:
        """Record facts of tracks, inside a transaction that is open."""
        self._set(tracks, track_ids, facts)

    def set_song_facts(self, song_ids: Sequence[int], facts: Mapping[str, Sequence[Any]]) -> None:
        """Record facts of songs, inside a transaction that is open."""
        self._set(songs, song_ids, facts)

    def _set(self, table: Table, ids: Sequence[int], facts: Mapping[str, Sequence[Any]]) -> None:
        if not ids:
            return
        names = tuple(facts)
        statement = update(table).where(table.c.id == bindparam("row_id"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in names})
        parameters = ["row_id", *(f"new_{name}" for name in names)]
        rows = zip(ids, *facts.values(), strict=True)
        self._catalog.connection.execute(statement, [dict(zip(parameters, row, strict=True)) for row in rows])

    def _lacks_facts(self, table: Table) -> Any:
        version = table.c.facts_version
        return or_(version.is_(None), version < self._version)

"""Computes the facts that tracks and songs of a result lack, from the tracks themselves.

Every step is a transaction of its own, so that an interrupted one resumes where it ended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from blake3 import blake3

from midiprism.catalog import Catalog, utc_now
from midiprism.catalog.queries.facts import FactIndex, SongTrackFacts, TrackWithoutFacts
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.shards import KnownShard, ShardIndex
from midiprism.errors import StoreError
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.song_key import find_song_keys, named_song_keys
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.results.compaction import Compactor
from midiprism.stores import TrackStore
from midiprism.stores.parquet.schema import ParquetTrack

TRACKS_PER_COMMIT = 2_000
TRACKS_PER_TASK = 200
SONGS_PER_COMMIT = 10_000
_NO_CLASSES = bytes(24)
_LEAST_SECONDS = 1e-6  # the time that facts take is not that of a commit


@dataclass(slots=True)
class FactCounts:
    """Counts of what was computed.

    Attributes:
        tracks: that got facts.
        songs: that got a key, or turned out to have none.
        tracks_lost: that could not be read, and have no facts.
    """

    tracks: int = 0
    songs: int = 0
    tracks_lost: int = 0


class FactsUpkeep:
    """Computes missing facts while no other run is active.

    Args:
        catalog: open for writing.
        store: of the same result.
        run_id: of the run; None if it recorded nothing.
        stop: once true, it ends after the step in hand.
        on_progress: called with the counts after each step.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: TrackStore,
        run_id: int | None,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[FactCounts], None] = lambda _: None,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._run_id = run_id
        self._stop = stop
        self._on_progress = on_progress
        self._index = FactIndex(catalog, FACTS_VERSION)
        self._counts = FactCounts()

    def complete(self, compute_facts: FactsFunction, threads: int = 1) -> FactCounts:
        """Compute the facts that are missing; of tracks first, then of songs.

        Args:
            compute_facts: computes the facts of tracks, in several threads at the same time if there are.
            threads: that read tracks.

        Raises:
            StoreError: a shard cannot be read or written.
            CatalogError: the catalog cannot be written.
        """
        with ThreadPoolExecutor(threads, "midiprism-facts") as pool:
            if self._store.shards is None:
                self._complete_tracks(pool, compute_facts)
            else:
                self._complete_shards(pool, compute_facts)
        self.complete_songs()
        return self._counts

    def _complete_tracks(self, pool: ThreadPoolExecutor, compute_facts: FactsFunction) -> None:
        last_id = 0
        while not self._stop() and (page := self._index.tracks_after(last_id, TRACKS_PER_COMMIT)):
            last_id = page[-1].id
            tasks = [page[at : at + TRACKS_PER_TASK] for at in range(0, len(page), TRACKS_PER_TASK)]
            results = [*pool.map(self._read_and_compute, tasks, repeat(compute_facts))]
            with self._catalog.exclusive(self._run_id) as exclusive:
                if not exclusive:
                    return
                for track_ids, facts in results:
                    self._index.set_track_facts(track_ids, facts)
                    self._record_tracks(track_ids)
                    self._counts.tracks += len(track_ids)
            self._counts.tracks_lost += len(page) - sum(len(track_ids) for track_ids, _ in results)
            self._on_progress(self._counts)

    def _read_and_compute(
        self, tracks: Sequence[TrackWithoutFacts], compute_facts: FactsFunction
    ) -> tuple[list[int], Mapping[str, Sequence[Any]]]:
        """Return the ids of those tracks that can be read, and their facts."""
        found: list[tuple[TrackWithoutFacts, bytes]] = []
        for track in tracks:
            with suppress(StoreError):
                data = self._store.read(track.location)
                if blake3(data).digest() == track.digest:
                    found.append((track, data))
        facts = compute_facts([data for _, data in found], [track.family for track, _ in found])
        return [track.id for track, _ in found], facts

    def _complete_shards(self, pool: ThreadPoolExecutor, compute_facts: FactsFunction) -> None:
        assert self._store.shards is not None
        compactor = Compactor(self._catalog, self._store.shards, self._run_id)
        shard_ids = self._index.shards_with_such_tracks()
        for shard in ShardIndex(self._catalog).all_shards():
            if self._stop():
                return
            if shard.id not in shard_ids:
                continue
            if not self._complete_shard(shard, compactor, pool, compute_facts):
                return

    def _complete_shard(
        self, shard: KnownShard, compactor: Compactor, pool: ThreadPoolExecutor, compute_facts: FactsFunction
    ) -> bool:
        """Replace a shard by one with facts; return whether no other run is active."""
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                return False
            rows_by_id = compactor.track_rows(shard)
            ids, rows = [*rows_by_id], [*rows_by_id.values()]
            parts = [slice(at, at + TRACKS_PER_TASK) for at in range(0, len(ids), TRACKS_PER_TASK)]
            computed = pool.map(
                lambda part: compute_facts([it.music for it in rows[part]], [it.family for it in rows[part]]),
                parts,
            )
            with_facts: dict[int, ParquetTrack] = {}
            for part, facts in zip(parts, computed, strict=True):
                self._index.set_track_facts(ids[part], facts)
                with_facts.update(zip(ids[part], _with_facts(rows[part], facts), strict=True))
            self._record_tracks(ids)
            compactor.rewrite_track_shard(shard, with_facts)
        compactor.remove(shard)
        self._counts.tracks += len(ids)
        self._on_progress(self._counts)
        return True

    def complete_songs(self) -> None:
        """Compute the facts that songs lack, of those whose tracks have theirs.

        Raises:
            CatalogError: the catalog cannot be written.
        """
        last_id = 0
        while not self._stop() and (song_ids := self._index.songs_after(last_id, SONGS_PER_COMMIT)):
            first_id, last_id = song_ids[0], song_ids[-1]
            incomplete = self._index.songs_with_incomplete_tracks(first_id, last_id)
            song_ids = [song_id for song_id in song_ids if song_id not in incomplete]
            facts = song_facts(song_ids, self._index.tracks_of_songs(first_id, last_id))
            with self._catalog.exclusive(self._run_id) as exclusive:
                if not exclusive:
                    return
                self._index.set_song_facts(song_ids, facts)
                self._record_change(song_ids)
            self._counts.songs += len(song_ids)
            self._on_progress(self._counts)

    def _record_change(self, song_ids: Sequence[int]) -> None:
        """Record that songs differ from before; those of this run have no row in the table of songs yet."""
        run_id = self._run_id or self._catalog.newest_run()
        older = self._index.songs_of_other_runs(song_ids, self._run_id)
        if older and run_id is not None:
            record_change(self._catalog, run_id, utc_now(), older)
        own = set(song_ids) - set(older)
        if own and run_id is not None:
            record_change(self._catalog, run_id, utc_now(), own, seconds=_LEAST_SECONDS)

    def _record_tracks(self, track_ids: Sequence[int]) -> None:
        """Record that tracks differ from before, which the table of songs does not show."""
        run_id = self._run_id or self._catalog.newest_run()
        if track_ids and run_id is not None:
            record_change(
                self._catalog, run_id, utc_now(), (), changed_tracks=track_ids, seconds=_LEAST_SECONDS
            )


def _with_facts(rows: Sequence[ParquetTrack], facts: Mapping[str, Sequence[Any]]) -> Iterator[ParquetTrack]:
    for row, values in zip(rows, zip(*facts.values(), strict=True), strict=True):
        yield row._replace(**dict(zip(facts, values, strict=True)))


def song_facts(song_ids: Sequence[int], tracks: Sequence[SongTrackFacts]) -> dict[str, Sequence[Any]]:
    """Return a column for each fact of songs.

    Args:
        song_ids: of the songs, in ascending order.
        tracks: facts of their tracks, perhaps with those of other songs.
    """
    ids = np.array(song_ids, np.int64)
    songs = np.array([track.song_id for track in tracks], np.int64)
    positions = np.searchsorted(ids, songs).clip(max=max(0, len(ids) - 1))
    wanted = ids[positions] == songs if len(ids) else np.zeros(len(songs), bool)
    weights = np.frombuffer(b"".join(it.pitch_class_weights or _NO_CLASSES for it in tracks), "<f2")
    onsets = np.array([it.final_onset_ticks or 0 for it in tracks], np.int64)
    pitches = np.array([it.final_pitch or 0 for it in tracks], np.int64)
    keys, strengths = find_song_keys(
        positions[wanted],
        weights.astype(np.float64).reshape(-1, 12)[wanted],
        onsets[wanted],
        pitches[wanted],
        len(ids),
    )
    names, rounded = named_song_keys(keys, strengths)
    return {
        "facts_version": [FACTS_VERSION] * len(ids),
        "song_key": names,
        "song_key_strength": rounded,
    }

"""The groups of similar tracks and songs of a result, in its catalog.

Everything is computed first, and recorded in one transaction: a process that is killed leaves the groups of
before. Tracks that were grouped before are not compared with each other again.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from midiprism.catalog import Catalog, PostgresAddress, utc_now
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.record_similar_groups import set_groups
from midiprism.catalog.queries.similar_tracks import (
    count_tracks_up_to,
    digests_of,
    grouping_state,
    links_of_all,
    song_groups,
    track_groups,
    track_ids,
)
from midiprism.catalog.reader import CatalogReader, reader_of
from midiprism.results.compaction import Compactor
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import require_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.results.upkeep import update_card
from midiprism.results.writable_catalog import open_writable_catalog_of
from midiprism.similarity.collection import Collection
from midiprism.similarity.fingerprint_version import FINGERPRINT_VERSION
from midiprism.similarity.generation import Generation
from midiprism.similarity.grouping import connect, contains, group_tracks
from midiprism.similarity.segment import digest_number
from midiprism.similarity.types import DEFAULT_THRESHOLD, FingerprintProgress, GroupCounts
from midiprism.similarity.update import update_fingerprints

GROUPING_VERSION = 2
"""Increases whenever the same fingerprints may be grouped in another way than before."""

MIN_SONG_PHRASES = 24
"""Songs are joined by tracks with at least so many different phrases."""

MAX_SONGS = 50
"""Boilerplate is shared by more songs, and joins none of them."""


class _State(NamedTuple):
    """The record that a grouping keeps of itself.

    Attributes:
        last_id: the highest id of a track that was grouped.
        last_digest: the first bytes of its digest, as a number.
        tracks: with fingerprints; more of them by now, with ids that are not higher, could not be read then.
    """

    version: Sequence[int]
    threshold: float
    last_id: int
    last_digest: int
    tracks: int = 0


def update_groups(
    out: str,
    database: PostgresAddress | None = None,
    threshold: float | None = None,
    threads: int = 2,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[FingerprintProgress], None] = lambda _: None,
) -> GroupCounts:
    """Bring fingerprints and groups of the result in ``out`` up to date.

    Args:
        out: folder of the result.
        database: where the catalog is; None for a file in the result.
        threshold: least score of a link; None for that of the last grouping, or else the default. With
            another than before, all is grouped anew.
        threads: that read and compare.
        stop: once true, it ends, and the groups stay as they were.
        on_progress: called while fingerprints are made.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        StoreError: another process writes to it, or it cannot be written.
        CatalogError: the catalog cannot be used.
    """
    require_result(out)
    with lock_exclusive(out), open_writable_catalog_of(out, database) as catalog:
        counts = GroupCounts()
        with reader_of(catalog) as reader:
            updated = update_fingerprints(out, reader, threads, stop=stop, on_progress=on_progress)
            counts.tracks_added, counts.tracks_lost = updated.added, updated.lost
            before = _read_state(reader)
            counts.threshold = threshold or (before.threshold if before else DEFAULT_THRESHOLD)
            counts.whole = updated.whole and not stop()
            if not counts.whole:
                return counts
            work = _Grouped(reader, updated.generation, before, counts.threshold)
            counts.whole = work.group(threads, stop)
            of_tracks, of_songs = work.changes()
        if counts.whole:
            is_changed = bool(of_tracks or of_songs or work.state != before)
            if is_changed:
                _record(catalog, of_tracks, of_songs, work.state)
                counts.tracks_changed, counts.songs_changed = len(of_tracks), len(of_songs)
            _update_tables(out, catalog, force=is_changed)
        return counts


def _read_state(reader: CatalogReader) -> _State | None:
    text = grouping_state(reader)
    return None if text is None else _State(**json.loads(text))


def _record(
    catalog: Catalog, of_tracks: dict[int, int | None], of_songs: dict[int, int | None], state: _State
) -> None:
    with catalog.exclusive(None) as exclusive:
        run_id = catalog.newest_run()
        if exclusive and run_id is not None:
            set_groups(catalog, of_tracks, of_songs, json.dumps(state._asdict()))
            record_change(catalog, run_id, utc_now(), of_songs, changed_tracks=of_tracks)


def _update_tables(out: str, catalog: Catalog, *, force: bool) -> None:
    """Bring the table of songs up to date, where there is one, also if a killed process has left that."""
    identity = require_identity(out)
    with closing(open_result_store(out, identity)) as store:
        if store.shards is not None:
            Compactor(catalog, store.shards, None).update_songs_table()
            update_card(out, identity, catalog, None, force=force)


class _Grouped:
    """One grouping.

    Args:
        reader: of the catalog.
        generation: fingerprints of all tracks.
        before: the state of the last grouping.
        threshold: least score of a link.
    """

    def __init__(
        self, reader: CatalogReader, generation: Generation, before: _State | None, threshold: float
    ) -> None:
        self._reader = reader
        self._prints = prints = Collection(generation)
        self._threshold = threshold
        self._is_there = self._find_present(generation)
        prints.sizes[~self._is_there] = 0
        self._roots = np.arange(len(prints), dtype=np.int64)
        self._recorded = track_groups(reader)
        last = len(prints) - 1
        self.state = _State(
            (FINGERPRINT_VERSION, GROUPING_VERSION),
            threshold,
            int(prints.ids[last]) if last >= 0 else 0,
            int(prints.digests[last]) if last >= 0 else 0,
            len(prints),
        )
        self._continues = before is not None and self._is_continued(before)
        self._first_new = 0
        if self._continues and before is not None:
            self._first_new = int(np.searchsorted(prints.ids, before.last_id, "right"))
            self._connect_recorded()

    def _find_present(self, generation: Generation) -> Any:
        """Return for each track with fingerprints whether the catalog has it."""
        lost = len(digests_of(self._reader, generation.lost))
        if count_tracks_up_to(self._reader, generation.last_id) - lost == len(self._prints):
            return np.ones(len(self._prints), bool)
        return np.isin(self._prints.ids, track_ids(self._reader), assume_unique=True)

    def _is_continued(self, before: _State) -> bool:
        """Return whether the recorded groups are those that this grouping would make of the same tracks."""
        if (tuple(before.version), before.threshold) != (self.state.version, self._threshold):
            return False
        if before.tracks != np.searchsorted(self._prints.ids, before.last_id, "right"):
            return False
        digest = digests_of(self._reader, [before.last_id]).get(before.last_id)
        return digest is not None and digest_number(digest) == before.last_digest

    def _connect_recorded(self) -> None:
        ids, groups = self._recorded[:, 0], self._recorded[:, 1]
        order = np.argsort(groups, kind="stable")
        rows = np.searchsorted(self._prints.ids, ids[order])
        known = rows < len(self._prints)
        known[known] &= self._prints.ids[rows[known]] == ids[order][known]
        rows, groups = rows[known], groups[order][known]
        same = groups[1:] == groups[:-1]
        connect(self._roots, rows[:-1][same], rows[1:][same])

    def group(self, threads: int, stop: Callable[[], bool]) -> bool:
        """Compare tracks, and return whether that was not stopped."""
        if self._first_new < len(self._prints):
            limits = self._first_new, self._threshold, threads
            group_tracks(self._prints, self._roots, *limits, stop)
        return not stop()

    def _group_numbers(self) -> tuple[Any, Any]:
        """Return the number of the group of each track, or its id if it is in none, and whether it is in one.

        It is the smallest id in the group, or a smaller one that had been there before.
        """
        ids = self._prints.ids
        numbers = ids[self._roots]
        if self._continues:
            rows = np.searchsorted(ids, self._recorded[:, 0]).clip(max=max(0, len(ids) - 1))
            known = ids[rows] == self._recorded[:, 0] if len(ids) else np.zeros(0, bool)
            least = ids.copy()
            np.minimum.at(least, self._roots[rows[known]], self._recorded[known, 1])
            numbers = least[self._roots]
        members = np.bincount(self._roots[self._is_there], minlength=len(ids))
        is_grouped = self._is_there & (members[self._roots] > 1)
        return np.where(is_grouped, numbers, ids), is_grouped

    def changes(self) -> tuple[dict[int, int | None], dict[int, int | None]]:
        """Return the groups of the tracks whose group changes, and those of such songs; None for no group."""
        prints = self._prints
        numbers, is_grouped = self._group_numbers()
        of_tracks = np.stack([prints.ids[is_grouped], numbers[is_grouped]], axis=1)
        joins = (prints.sizes >= MIN_SONG_PHRASES) & (prints.drums == 0)
        of_songs = group_songs(links_of_all(self._reader), prints.ids[joins], numbers[joins])
        return _changes(self._recorded, of_tracks), _changes(song_groups(self._reader), of_songs)


def group_songs(links: Any, track_ids: Any, keys: Any) -> Any:
    """Return the songs that are in groups: ids, ascending, and the smallest id of a song of each group.

    Args:
        links: ids of songs and of their tracks; shape (links, 2).
        track_ids: of the tracks that join songs, ascending.
        keys: for each of them a number: tracks with the same one are similar.
    """
    places = np.searchsorted(track_ids, links[:, 1]).clip(max=max(0, len(track_ids) - 1))
    known = track_ids[places] == links[:, 1] if len(track_ids) else np.zeros(len(links), bool)
    songs, rows = np.unique(links[known, 0], return_inverse=True)
    # A key and the row of a song are one number each, which sort faster than pairs.
    pairs = np.sort(keys[places[known]] * len(songs) + rows)
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    same_keys, rows = np.divmod(pairs, max(1, len(songs)))
    begins = np.append(np.flatnonzero(np.diff(same_keys, prepend=-1)), len(pairs))
    counts = np.diff(begins)
    counts = np.repeat(counts, counts)
    joins = (same_keys[1:] == same_keys[:-1]) & (counts[1:] <= MAX_SONGS)
    roots = np.arange(len(songs))
    connect(roots, rows[:-1][joins], rows[1:][joins])
    is_grouped = np.bincount(roots, minlength=len(songs))[roots] > 1
    return np.stack([songs[is_grouped], songs[roots[is_grouped]]], axis=1)


def _changes(before: Any, after: Any) -> dict[int, int | None]:
    """Return the new group of each row whose group differs; None for no group.

    Args:
        before: ids and groups; int64, shape (rows, 2).
        after: the same, the ids ascending.
    """
    before = before[np.argsort(before[:, 0])]
    gone = before[~contains(after[:, 0], before[:, 0]), 0]
    changes: dict[int, int | None] = dict.fromkeys(gone.tolist())
    known = contains(before[:, 0], after[:, 0])
    same = np.zeros(len(after), bool)
    same[known] = before[np.searchsorted(before[:, 0], after[known, 0]), 1] == after[known, 1]
    changes.update(after[~same].tolist())
    return changes

"""Facts that come after their track: another worker found the track in the store, and its batch came first.

The worker that stores a track computes its facts. One that finds the track there counts on that, although
the catalog may not have the track yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.queries.facts import FactIndex
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.records.batches import BatchRecord, Columns
from midiprism.records.fields import TRACK_FACT_NAMES


def with_facts_of_later(batches: Sequence[BatchRecord]) -> list[BatchRecord]:
    """Return the batches of a commit, with the facts that later batches have of tracks of earlier ones."""
    later: dict[bytes, tuple[Columns, int]] = {}
    completed: list[BatchRecord] = []
    for batch in reversed(batches):
        found: dict[int, tuple[Columns, int]] = {}
        for index, (digest, version) in enumerate(batch.tracks.rows(("digest", "facts_version"))):
            if version is not None:
                later[digest] = batch.tracks, index
            elif digest in later:
                found[index] = later[digest]
        completed.append(replace(batch, tracks=_filled(batch.tracks, found)) if found else batch)
    completed.reverse()
    return completed


def _filled(tracks: Columns, facts: Mapping[int, tuple[Columns, int]]) -> Columns:
    columns: dict[str, Sequence[Any]] = {}
    for name in TRACK_FACT_NAMES:
        values = [*tracks[name]]
        for index, (others, position) in facts.items():
            values[index] = others[name][position]
        columns[name] = values
    return tracks.with_columns(**columns)


def add_late_facts(catalog: Catalog, batch: BatchRecord, known_ids: Mapping[bytes, int]) -> list[int]:
    """Record facts of tracks that are in the catalog without them, inside a transaction that is open.

    Args:
        batch: with the facts.
        known_ids: of the tracks that were recorded before this commit, by digest.

    Returns:
        Ids of the tracks that got facts.
    """
    late = {
        known_ids[digest]: index
        for index, (digest, version) in enumerate(batch.tracks.rows(("digest", "facts_version")))
        if version is not None and digest in known_ids
    }
    if not late:
        return []
    index = FactIndex(catalog, FACTS_VERSION)
    track_ids = sorted(index.without_facts([*late]))
    tracks = batch.tracks.take([late[track_id] for track_id in track_ids])
    index.set_track_facts(track_ids, {name: tracks[name] for name in TRACK_FACT_NAMES})
    return track_ids

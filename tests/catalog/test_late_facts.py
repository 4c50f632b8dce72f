"""Tests of facts that come after the batch that records their track."""

from collections.abc import Sequence

from sqlalchemy import select

from midiprism.catalog import BatchRecord, Catalog
from midiprism.catalog.schema import batches, tracks
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.records.fields import TRACK_FACT_NAMES
from midiprism.records.track_record import TrackRecord
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00+00:00"
FACTS = {"facts_version": FACTS_VERSION, "n_pitches_used": 7, "median_pitch": 61.0}


def batch(number: int, *its_tracks: TrackRecord) -> BatchRecord:
    """Return a batch of one song with these tracks."""
    song = song_record(b"/%d.mid" % number, number.to_bytes(32), *map(link_record, its_tracks))
    return BatchRecord.from_songs([song])


def with_facts(number: int) -> TrackRecord:
    return track_record(number.to_bytes(32), **FACTS)


def without_facts(number: int) -> TrackRecord:
    return track_record(number.to_bytes(32))


def commit(catalog: Catalog, *records: BatchRecord) -> None:
    catalog.commit(1, records, NOW)


def recorded_facts(catalog: Catalog) -> list[tuple[object, ...]]:
    """Return the facts of all tracks in the order of their digests."""
    query = select(*(tracks.c[name] for name in FACTS)).order_by(tracks.c.digest)
    return [tuple(row) for row in catalog.fetch_all(query)]


def changed_tracks(catalog: Catalog) -> Sequence[str | None]:
    return [row[0] for row in catalog.fetch_all(select(batches.c.changed_tracks).order_by(batches.c.id))]


def test_a_track_has_the_facts_of_a_later_batch_of_the_same_commit(catalog: Catalog) -> None:
    commit(catalog, batch(1, without_facts(1), without_facts(2)), batch(2, with_facts(1)))
    assert recorded_facts(catalog) == [tuple(FACTS.values()), (None, None, None)]
    assert changed_tracks(catalog) == [None, None]


def test_a_track_gets_the_facts_that_a_later_commit_brings(catalog: Catalog) -> None:
    commit(catalog, batch(1, without_facts(1), with_facts(2)))
    commit(catalog, batch(2, with_facts(1), without_facts(2)), batch(3, without_facts(1), with_facts(3)))
    assert recorded_facts(catalog) == [tuple(FACTS.values())] * 3
    track_id = catalog.fetch_value(select(tracks.c.id).where(tracks.c.digest == (1).to_bytes(32)))
    assert changed_tracks(catalog) == [None, str(track_id), None]


def test_facts_that_are_recorded_stay(catalog: Catalog) -> None:
    commit(catalog, batch(1, with_facts(1)))
    other = track_record((1).to_bytes(32), **{**FACTS, "n_pitches_used": 9})
    commit(catalog, batch(2, other))
    assert recorded_facts(catalog) == [tuple(FACTS.values())]
    assert changed_tracks(catalog) == [None, None]


def test_all_facts_of_a_track_are_completed() -> None:
    assert {"facts_version", "pitch_class_weights", "role", "notes_per_beat"} <= {*TRACK_FACT_NAMES}

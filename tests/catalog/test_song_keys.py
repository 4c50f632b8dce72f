"""Tests of the keys of songs as commits find them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from midiprism.catalog.song_keys import SongKeys
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.records.batches import BatchRecord
from midiprism.records.fields import SONG_KEY_FACTS, SongRecord
from midiprism.records.track_record import TrackRecord
from support.records import link_record, song_record, track_record

C_MAJOR, G_MAJOR = (0, 2, 4, 5, 7, 9, 11, 0, 4, 7, 0), (7, 9, 11, 0, 2, 4, 6, 7, 11, 2, 7)


def track(number: int, pitch_classes: Iterable[int], version: int | None = FACTS_VERSION) -> TrackRecord:
    """Return a track that plays these pitch classes, each for the same time; drums if there are none."""
    played = [*pitch_classes]
    weights = np.bincount(played, minlength=12).astype("<f2").tobytes() if played else None
    facts = (version, weights, 100 if played else None, 60 + played[-1] if played else None)
    digest = number.to_bytes(8, "little") + bytes(24)
    return track_record(digest, **dict(zip(SONG_KEY_FACTS, facts, strict=True)))


def without_facts(known: TrackRecord) -> TrackRecord:
    nothing: dict[str, Any] = dict.fromkeys(SONG_KEY_FACTS)
    return known._replace(**nothing)


def song(number: int, *tracks: TrackRecord) -> SongRecord:
    return song_record(b"%d" % number, bytes([number]) * 32, *map(link_record, tracks))


class Catalog:
    """Knows the facts of some tracks, and which it was asked for."""

    def __init__(self, *tracks: TrackRecord) -> None:
        self._rows = {
            it.digest: (it.digest, *(getattr(it, name) for name in SONG_KEY_FACTS)) for it in tracks
        }
        self.asked: list[bytes] = []

    def select(self, digests: Sequence[bytes]) -> list[Sequence[Any]]:
        self.asked += digests
        return [self._rows[digest] for digest in digests if digest in self._rows]


def keys_of(song_keys: SongKeys, *songs: SongRecord) -> list[tuple[Any, ...]]:
    batch = song_keys.completed(BatchRecord.from_songs(songs))
    return [*batch.songs.rows(("facts_version", "song_key"))]


def test_the_key_of_a_song_is_that_of_all_its_tracks_but_drums() -> None:
    drums, melody, chords = track(1, ()), track(2, G_MAJOR[:2]), track(3, G_MAJOR)
    assert keys_of(SongKeys(Catalog().select), song(1, drums, melody, chords), song(2, drums), song(3)) == [
        (FACTS_VERSION, "G major"),
        (FACTS_VERSION, None),
        (None, None),
    ]


def test_facts_of_earlier_batches_are_remembered_and_those_of_others_read_from_the_catalog() -> None:
    first, second = track(1, C_MAJOR), track(2, G_MAJOR)
    catalog = Catalog(second)
    song_keys = SongKeys(catalog.select)
    keys_of(song_keys, song(1, first))
    known = keys_of(song_keys, song(2, without_facts(first)), song(3, without_facts(second)))
    assert known == [(FACTS_VERSION, "C major"), (FACTS_VERSION, "G major")]
    assert catalog.asked == [second.digest]
    assert keys_of(song_keys, song(4, without_facts(second))) == [(FACTS_VERSION, "G major")]
    assert catalog.asked == [second.digest]


def test_what_no_longer_fits_in_memory_is_read_again() -> None:
    first, other = track(0, C_MAJOR), track(2, G_MAJOR)  # both in the first of two places
    catalog = Catalog(first, other)
    song_keys = SongKeys(catalog.select, remembered=2)
    keys_of(song_keys, song(1, first), song(2, other))
    assert keys_of(song_keys, song(3, without_facts(first)), song(4, without_facts(other))) == [
        (FACTS_VERSION, "C major"),
        (FACTS_VERSION, "G major"),
    ]
    assert catalog.asked == [first.digest]


def test_a_song_with_a_track_without_facts_or_with_older_ones_has_none_either() -> None:
    known, unknown, older = track(1, C_MAJOR), track(2, C_MAJOR), track(3, C_MAJOR, version=FACTS_VERSION - 1)
    song_keys = SongKeys(Catalog().select)
    found = keys_of(song_keys, song(1, known), song(2, known, without_facts(unknown)), song(3, known, older))
    assert found == [(FACTS_VERSION, "C major"), (None, None), (None, None)]

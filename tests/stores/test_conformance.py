"""Tests that every kind of store keeps the promises of ``TrackStore``."""

import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.records.batches import BatchRecord, Columns, pack_tracks
from midiprism.records.fields import TRACK_FIELDS
from midiprism.records.track_record import TrackRecord
from midiprism.stores import (
    STORE_KINDS,
    LostOrDamagedError,
    NullStore,
    StoreOptions,
    TrackLocation,
    TrackStore,
    open_store,
)

CONTENTS = [b"notes of track %d" % number for number in range(5)]


@dataclass(frozen=True)
class StoredResult:
    """A store with tracks in it.

    Attributes:
        locations: of ``CONTENTS``, in their order.
    """

    store: TrackStore
    root: Path
    locations: list[TrackLocation]


def track_record(data: bytes, stem: str, digits: int) -> TrackRecord:
    return TrackRecord(
        digest=blake3(data).digest(),
        name="Lead",
        instrument="Violin",
        family="Strings",
        channel=0,
        program=40,
        note_count=1,
        lowest_pitch=60,
        highest_pitch=60,
        duration_ticks=480,
        duration_seconds=0.5,
        size=len(data),
        stem=stem,
        digest_digits=digits,
    )


def store_tracks(store: TrackStore, contents: list[bytes], run_id: int = 1) -> list[TrackLocation]:
    """Stage tracks, write them as a commit does, and return their locations."""
    records = []
    for data in contents:
        stored = store.put(data, blake3(data).digest(), "Lead", "Violin", "Strings")
        records.append(track_record(data, stored.stem, stored.digits))
    store.flush()
    batch = BatchRecord(packed_tracks=pack_tracks(store.take_pending()))
    sink = store.commit_sink(run_id, [batch])
    assert (sink is not None) == store.capabilities.writes_in_commit
    if sink is None:
        return [TrackLocation(it.family, it.stem, it.digest, it.digest_digits) for it in records]
    columns = Columns.from_rows([field.name for field in TRACK_FIELDS], records)
    with sink.remove_on_error():
        written = sink.write_shards(columns, [])
    return [
        TrackLocation(
            record.family,
            record.stem,
            record.digest,
            record.digest_digits,
            written.shards[shard].name,
            row,
        )
        for record, shard, row in zip(records, *written.track_positions, strict=True)
    ]


def paths(store: TrackStore, kind: str = "file") -> list[str]:
    return [entry.path for entries in store.scan() for entry in entries if entry.kind == kind]


def digest_of_file(store: TrackStore, location: TrackLocation) -> bytes:
    """Return the digest of the file that holds a track: of the track itself, or of its shard."""
    if store.shards is None:
        return location.digest
    return store.shards.shard_status(str(location.shard)).digest


@pytest.fixture(params=STORE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def result(kind: str, tmp_path: Path) -> Iterator[StoredResult]:
    root = tmp_path / "result"
    root.mkdir()
    with contextlib.closing(open_store(kind, root)) as store:
        yield StoredResult(store, root, store_tracks(store, CONTENTS))


def test_a_new_store_holds_nothing(kind: str, tmp_path: Path) -> None:
    with contextlib.closing(open_store(kind, tmp_path)) as store:
        assert paths(store) == []
        assert store.remove_temporary_files() == 0
        assert store.take_pending() == {}


def test_stored_tracks_are_read(result: StoredResult) -> None:
    assert [result.store.read(location) for location in result.locations] == CONTENTS


def test_another_store_of_the_same_folder_reads_them_too(kind: str, result: StoredResult) -> None:
    with contextlib.closing(open_store(kind, result.root)) as other:
        assert [other.read(location) for location in result.locations] == CONTENTS


def test_a_store_that_was_pickled_reads_the_same_tracks(result: StoredResult) -> None:
    with contextlib.closing(pickle.loads(pickle.dumps(result.store))) as copy:
        assert [copy.read(location) for location in result.locations] == CONTENTS


def test_the_status_of_a_stored_track_has_its_size_and_digest(result: StoredResult) -> None:
    for data, location in zip(CONTENTS, result.locations, strict=True):
        status = result.store.status_of(location)
        assert (status.state, status.size, status.digest) == ("present", len(data), blake3(data).digest())


def test_a_track_that_was_never_stored_is_missing(result: StoredResult) -> None:
    location = TrackLocation("Strings", "Lead", blake3(b"other").digest(), 32)
    status = result.store.status_of(location)
    assert (status.state, bool(status.reason)) == ("missing", True)
    with pytest.raises(StoreError):
        result.store.read(location)


def test_a_scan_returns_the_file_of_every_track(result: StoredResult) -> None:
    found = paths(result.store)
    assert sorted(set(found)) == sorted(found)
    assert {result.store.path_of(location) for location in result.locations} == set(found)


def test_a_deleted_file_is_missing_and_can_be_deleted_again(result: StoredResult) -> None:
    path = result.store.path_of(result.locations[0])
    assert path is not None
    result.store.delete(path)
    result.store.delete(path)
    assert path not in paths(result.store)
    assert result.store.status_of(result.locations[0]).state == "missing"
    with pytest.raises(StoreError):
        result.store.read(result.locations[0])


def test_only_a_store_that_writes_in_the_commit_has_pending_tracks(kind: str, tmp_path: Path) -> None:
    with contextlib.closing(open_store(kind, tmp_path)) as store:
        for data in CONTENTS:
            store.put(data, blake3(data).digest(), "Lead", "Violin", "Strings")
        pending = store.take_pending()
        assert store.take_pending() == {}
        expected = {blake3(data).digest(): data for data in CONTENTS}
        assert pending == (expected if store.capabilities.writes_in_commit else {})


def test_a_track_is_taken_once_if_commits_are_in_order(kind: str, tmp_path: Path) -> None:
    options = StoreOptions(commits_in_order=True)
    with contextlib.closing(open_store(kind, tmp_path, options)) as store:
        for _ in range(2):
            store.put(CONTENTS[0], blake3(CONTENTS[0]).digest(), "Lead", "Violin", "Strings")
            pending = store.take_pending()
        assert pending == {}


def test_a_track_that_is_stored_already_is_not_new(result: StoredResult) -> None:
    stored = result.store.put(CONTENTS[0], blake3(CONTENTS[0]).digest(), "Lead", "Violin", "Strings")
    assert not stored.new
    result.store.flush()


def test_only_a_store_of_files_has_a_file_for_each_track(kind: str, result: StoredResult) -> None:
    is_files = result.store.capabilities.tracks_are_files
    assert is_files == STORE_KINDS[kind].tracks_are_files
    for data, location in zip(CONTENTS, result.locations, strict=True):
        path = result.store.local_path(location)
        assert (path is not None) == is_files
        if path is not None:
            assert Path(path).read_bytes() == data


def test_a_copy_reads_as_the_original_and_is_made_once(
    kind: str, result: StoredResult, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    copier = result.store.copier_to(str(target))
    for location in result.locations:
        copier.copy(str(result.store.path_of(location)), digest_of_file(result.store, location))
    copier.copy_derived()
    copier.flush()
    for location in result.locations:
        digest = digest_of_file(result.store, location)
        assert copier.copy(str(result.store.path_of(location)), digest) == "present"
    with contextlib.closing(open_store(kind, target)) as copy:
        assert [copy.read(location) for location in result.locations] == CONTENTS
        assert paths(copy) == paths(result.store)


def test_a_copy_of_what_is_lost_or_damaged_is_refused(result: StoredResult, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    copier = result.store.copier_to(str(target))
    path = str(result.store.path_of(result.locations[0]))
    with pytest.raises(LostOrDamagedError):
        copier.copy(path, blake3(b"other").digest())
    digest = digest_of_file(result.store, result.locations[0])
    result.store.delete(path)
    with pytest.raises(LostOrDamagedError):
        copier.copy(path, digest)


def test_capabilities_are_consistent(result: StoredResult) -> None:
    capabilities = result.store.capabilities
    assert capabilities.block_size >= 1
    assert not (capabilities.writes_in_commit and capabilities.tracks_are_files)
    for folder in capabilities.folders:
        assert "/" not in folder


def test_the_null_store_names_paths_and_keeps_nothing() -> None:
    store: TrackStore = NullStore()
    (location,) = store_tracks(store, CONTENTS[:1])
    assert store.path_of(location)
    assert store.status_of(location).state == "missing"
    assert paths(store) == []
    with pytest.raises(StoreError):
        store.read(location)

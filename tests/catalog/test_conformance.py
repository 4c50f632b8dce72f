"""Tests that every implementation of a catalog passes; that of a dry run passes those that concern it."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from midiprism.catalog import (
    BatchRecord,
    Catalog,
    CommitResult,
    DryRunCatalog,
    ProblemRecord,
    UpToDate,
    open_catalog,
)
from midiprism.catalog.commit_hook import BatchTransaction, HookResult
from midiprism.catalog.schema import properties, songs
from midiprism.pipeline.planner import RunCatalog
from midiprism.records.batches import Columns, LinkedSongs
from midiprism.records.fields import SongRecord
from midiprism.stores.shard_sink import WrittenShards
from support import catalog_access
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00+00:00"


def song(number: int, *track_numbers: int, outcome: str | None = "split") -> SongRecord:
    """Return a song with these tracks."""
    links = [
        link_record(track_record(track.to_bytes(32)), track_number=index)
        for index, track in enumerate(track_numbers)
    ]
    return song_record(b"/%d.mid" % number, number.to_bytes(32), *links, outcome=outcome)


@pytest.fixture(params=["catalog", "dry run", "dry run of a new result"])
def run_catalog(request: pytest.FixtureRequest, catalog: Catalog) -> Iterator[RunCatalog]:
    """Yield a catalog as a run uses it."""
    with ExitStack() as stack:
        if request.param == "catalog":
            yield catalog
        else:
            known = catalog if request.param == "dry run" else None
            yield stack.enter_context(DryRunCatalog(known))


def commit(catalog: RunCatalog, *records: SongRecord, replaces: bool = False) -> CommitResult:
    """Commit songs as one batch of the first run."""
    (result,) = catalog.commit(1, [BatchRecord.from_songs(records, replaces_outcomes=replaces)], NOW)
    return result


def test_a_commit_counts_what_it_adds(run_catalog: RunCatalog) -> None:
    first = commit(run_catalog, song(1, 1, 2), song(2, 2, 2))
    assert (first.outcomes, first.links, first.tracks_new) == ({"split": 2}, 4, 2)
    assert (first.paths_of_known_songs, first.outcomes_replaced, first.discarded) == (0, 0, False)
    second = commit(run_catalog, song(1, outcome=None), song(3, 2, 3))
    assert (second.outcomes, second.links, second.tracks_new) == ({"split": 1}, 2, 1)
    assert second.paths_of_known_songs == 1


def test_a_song_that_another_batch_added_counts_once(run_catalog: RunCatalog) -> None:
    batches = [BatchRecord.from_songs([song(1, 1)]), BatchRecord.from_songs([song(1, 1), song(2, 1)])]
    first, second = run_catalog.commit(1, batches, NOW)
    assert (first.outcomes.total(), first.links, first.tracks_new) == (1, 1, 1)
    assert (second.outcomes.total(), second.links, second.tracks_new) == (1, 1, 0)
    assert second.paths_of_known_songs == 1


def test_songs_without_tracks_have_outcomes_too(run_catalog: RunCatalog) -> None:
    unreadable = SongRecord(
        b"/x.mid", 1, "x", 1, 1, None, "unreadable", problems=(ProblemRecord("permission", "No."),)
    )
    result = commit(run_catalog, unreadable, song(1, outcome="no_notes"))
    assert (result.outcomes, result.links) == ({"unreadable": 1, "no_notes": 1}, 0)


def test_an_empty_batch_adds_nothing(run_catalog: RunCatalog) -> None:
    assert commit(run_catalog).row_count == 0


class NullSink:
    """A sink that writes no shard, and notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def remove_on_error(self) -> AbstractContextManager[None]:
        return nullcontext()

    def write_ahead(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> None:
        self.calls.append(f"ahead {len(new_tracks)}")

    def write_shards(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> WrittenShards:
        self.calls.append(f"write {len(new_tracks)}")
        return WrittenShards()


def test_a_prepared_commit_adds_the_same_as_another(run_catalog: RunCatalog) -> None:
    sink = NullSink()
    records = [BatchRecord.from_songs([song(1, 1)]), BatchRecord.from_songs([song(2, 1, 2)])]
    work = run_catalog.prepare_commit(1, records, sink)
    if work is not None:
        work()
    results = run_catalog.commit(1, records, NOW, sink)
    assert [result.tracks_new for result in results] == [1, 1]
    assert [result.links for result in results] == [1, 2]
    assert ("ahead 2" in sink.calls) == (work is not None)


def test_a_commit_that_was_prepared_for_other_batches_is_prepared_again(run_catalog: RunCatalog) -> None:
    run_catalog.prepare_commit(1, [BatchRecord.from_songs([song(1, 1, 2)])], NullSink())
    result = commit(run_catalog, song(2, 3))
    assert (result.links, result.tracks_new) == (1, 1)


def test_a_new_catalog_knows_nothing(run_catalog: RunCatalog) -> None:
    assert run_catalog.known_paths(b"", 9) == {}
    assert run_catalog.oldest_contract_version() is None


def test_a_dry_run_knows_what_the_catalog_knows(catalog: Catalog) -> None:
    commit(catalog, song(1, 1))
    with DryRunCatalog(catalog) as dry_run:
        assert dry_run.known_paths(b"", 9) == {b"/1.mid": (10, 20)}
        assert dry_run.oldest_contract_version() == 1
        result = commit(dry_run, song(1, 1), song(2, 1, 2))
    assert (result.outcomes.total(), result.paths_of_known_songs, result.tracks_new) == (1, 1, 1)
    assert catalog.known_paths(b"", 9) == {b"/1.mid": (10, 20)}


def test_outcomes_of_earlier_runs_are_replaced_with_their_links(catalog: Catalog) -> None:
    commit(catalog, song(1, 1, 2), song(2, 2))
    catalog.end_run(catalog.newest_run() or 0, "done", {}, NOW)  # no track is deleted while it is active
    run_id = catalog.begin_run({}, NOW)
    batch = BatchRecord.from_songs([song(1, 3)], replaces_outcomes=True)
    for expected in (1, 0):  # a run does not replace its own outcome
        (result,) = catalog.commit(run_id, [batch], NOW)
        assert (result.outcomes_replaced, result.links) == (expected, expected)
    assert catalog.known_songs([(1).to_bytes(32)])[(1).to_bytes(32)].run_id == run_id
    assert {fields.digest for fields in catalog.delete_unlinked_tracks(run_id)} == {(1).to_bytes(32)}


def test_known_paths_omit_songs_that_are_not_up_to_date(catalog: Catalog) -> None:
    commit(catalog, song(1, 1), song(2, outcome="corrupt"))
    assert list(catalog.known_paths(b"", 9, UpToDate(1, ("corrupt",)))) == [b"/1.mid"]
    assert list(catalog.known_paths(b"", 9, UpToDate(2))) == []


def test_a_catalog_belongs_to_one_result(catalog: Catalog) -> None:
    assert catalog.bound_result() is None
    catalog.bind_result("one")
    catalog.bind_result("one")
    with pytest.raises(Exception, match="belongs to another result"):
        catalog.bind_result("two")
    assert catalog.bound_result() == "one"


def test_only_a_shared_catalog_leases_batches(catalog: Catalog, catalog_backend: str) -> None:
    leases = catalog.batch_leases(1, None, redo=False)
    is_shared = catalog_backend == "postgres"
    assert catalog.shared == (leases is not None) == (catalog.worker_commit_address is not None) == is_shared
    if leases is not None:
        result = leases.acquire({b"/1.mid": (10, 20)})
        assert result.paths == {b"/1.mid"}
        assert leases.held_by_other_runs() == set()


@dataclass(frozen=True)
class RecordingHook:
    """Writes the paths of each batch to the catalog's properties, and makes songs at ``refused`` fail."""

    refused: tuple[bytes, ...] = ()
    name: str = "recording"
    needs_files: bool = False

    def before_batch(self, transaction: BatchTransaction, batch: BatchRecord) -> HookResult:
        for path in batch.songs["path"]:
            values = {"key": path.decode(), "value": str(transaction.run_id)}
            transaction.connection.execute(properties.insert().values(values))
        refused = [record for record in batch.song_records() if record.path in self.refused]
        failed = [
            record._replace(outcome="failed", links=(), problems=(ProblemRecord("refused", "No."),))
            for record in refused
        ]
        kept = [record for record in batch.song_records() if record not in refused]
        return HookResult(batch.with_songs([*kept, *failed]), failed, values_nulled=len(failed))

    def after_run(self, catalog: Catalog, run_id: int) -> int:
        raise NotImplementedError


def hooked_catalog(folder: Path, hook: RecordingHook) -> Catalog:
    catalog = open_catalog(catalog_access.catalog_address(folder), [pickle.loads(pickle.dumps(hook))])
    catalog.begin_run({}, NOW)
    return catalog


def hook_rows(catalog: Catalog) -> Sequence[tuple[str, str]]:
    query = select(properties.c.key, properties.c.value).where(properties.c.key.like("/%"))
    return [(key, value) for key, value in catalog.fetch_all(query.order_by(properties.c.key))]


@pytest.mark.usefixtures("catalog_backend")
def test_a_hook_adds_rows_and_changes_the_batch_in_its_transaction(tmp_path: Path) -> None:
    with hooked_catalog(tmp_path, RecordingHook(refused=(b"/2.mid",))) as catalog:
        result = commit(catalog, song(1, 1), song(2, 2))
        assert hook_rows(catalog) == [("/1.mid", "1"), ("/2.mid", "1")]
        outcomes = catalog.fetch_all(select(songs.c.outcome, func.count()).group_by(songs.c.outcome))
        assert dict(map(tuple, outcomes)) == {"split": 1, "failed": 1}
    assert [record.path for record in result.refused_songs] == [b"/2.mid"]
    assert (result.values_nulled, result.tracks_new, result.links) == (1, 1, 1)


@pytest.mark.usefixtures("catalog_backend")
def test_a_failed_commit_rolls_back_the_rows_of_its_hooks(tmp_path: Path) -> None:
    with hooked_catalog(tmp_path, RecordingHook()) as catalog:
        with pytest.raises(Exception, match="has lost a song"):
            commit(catalog, song(1, 1), song(9, outcome=None))
        assert hook_rows(catalog) == []

"""Tests of leases of several runs on one catalog, and of commits whose connection breaks."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from midiprism.catalog import BatchRecord, Lease, PostgresAddress
from midiprism.catalog.leasing import LeaseResult
from midiprism.catalog.postgres.catalog import PostgresCatalog
from support.postgres import PostgresServer
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00+00:00"
AT = (10, 20)


@pytest.fixture
def address(postgres: PostgresServer) -> PostgresAddress:
    return PostgresAddress(postgres.new_database())


@pytest.fixture
def catalog(address: PostgresAddress) -> Iterator[PostgresCatalog]:
    with PostgresCatalog.open(address, writable=True) as opened:
        assert isinstance(opened, PostgresCatalog)
        yield opened


@pytest.fixture
def other_catalog(address: PostgresAddress, catalog: PostgresCatalog) -> Iterator[PostgresCatalog]:
    with PostgresCatalog.open(address, writable=True) as opened:
        assert isinstance(opened, PostgresCatalog)
        yield opened


def batch(lease: Lease | None, *names: str) -> BatchRecord:
    songs = []
    for name in names:
        digest = name.encode().rjust(32)
        track = track_record(digest[::-1], name=name)
        size, mtime_ns = AT
        songs.append(song_record(name.encode(), digest, link_record(track), size=size, mtime_ns=mtime_ns))
    return BatchRecord.from_songs(songs, bytes_written=9, seconds=0.1, files_written=1, lease=lease)


def take(catalog: PostgresCatalog, run: int, *names: str, redo: bool = False) -> LeaseResult:
    return catalog.lease(run, {name.encode(): AT for name in names}, None, redo=redo)


def expire(catalog: PostgresCatalog) -> None:
    catalog.run_in_transaction(
        lambda: catalog.connection.execute(text("UPDATE midiprism.leases SET expires_at = now()"))
    )


def rows(catalog: PostgresCatalog, table: str) -> int:
    return (
        catalog.run_in_transaction(
            lambda: catalog.connection.scalar(text(f"SELECT count(*) FROM midiprism.{table}"))
        )
        or 0
    )


def test_a_song_is_leased_to_one_run_only(catalog: PostgresCatalog, other_catalog: PostgresCatalog) -> None:
    run, other_run = catalog.begin_run({}, NOW), other_catalog.begin_run({}, NOW)
    first = take(catalog, run, "a", "b")
    second = take(other_catalog, other_run, "b", "c")
    assert (first.paths, first.already_committed, first.held_elsewhere) == (frozenset({b"a", b"b"}), 0, 0)
    assert (second.paths, second.already_committed, second.held_elsewhere) == (frozenset({b"c"}), 0, 1)
    assert len(catalog.leases_of_other_runs(run)) == 1
    nothing = take(other_catalog, other_run, "a", "b")
    assert (nothing.lease, nothing.paths, nothing.held_elsewhere) == (None, frozenset(), 2)


def test_a_commit_releases_its_leases(catalog: PostgresCatalog, other_catalog: PostgresCatalog) -> None:
    run, other_run = catalog.begin_run({}, NOW), other_catalog.begin_run({}, NOW)
    leased = take(catalog, run, "a", "b")
    (committed,) = catalog.commit(run, [batch(leased.lease, "a", "b")], NOW)
    assert (committed.outcomes.total(), committed.links, committed.tracks_new) == (2, 2, 2)
    assert (rows(catalog, "leases"), rows(catalog, "lease_paths")) == (0, 0)
    again = take(other_catalog, other_run, "a", "b", "c")
    assert (again.paths, again.already_committed, again.held_elsewhere) == (frozenset({b"c"}), 2, 0), (
        "what was committed meanwhile is done"
    )
    assert take(other_catalog, other_run, "a", redo=True).paths == {b"a"}


def test_an_expired_lease_can_be_taken_over_and_its_commit_is_discarded(
    catalog: PostgresCatalog, other_catalog: PostgresCatalog
) -> None:
    run, other_run = catalog.begin_run({}, NOW), other_catalog.begin_run({}, NOW)
    first = take(catalog, run, "a", "b")
    expire(catalog)
    second = take(other_catalog, other_run, "b")
    assert second.paths == {b"b"}
    (late,) = catalog.commit(run, [batch(first.lease, "a", "b")], NOW)
    assert late.discarded
    assert (rows(catalog, "songs"), rows(catalog, "tracks"), rows(catalog, "batches")) == (0, 0, 0)
    (committed,) = other_catalog.commit(other_run, [batch(second.lease, "b")], NOW)
    assert not committed.discarded


def test_a_commit_with_a_wrong_lease_token_is_discarded(catalog: PostgresCatalog) -> None:
    run = catalog.begin_run({}, NOW)
    lease = take(catalog, run, "a").lease
    assert lease is not None
    (committed,) = catalog.commit(run, [batch(Lease(lease.id, "0" * 32), "a")], NOW)
    assert committed.discarded
    assert rows(catalog, "lease_paths") == 1


def test_updating_a_run_extends_its_leases(catalog: PostgresCatalog, other_catalog: PostgresCatalog) -> None:
    run, other_run = catalog.begin_run({}, NOW), other_catalog.begin_run({}, NOW)
    take(catalog, run, "a")
    catalog.run_in_transaction(
        lambda: catalog.connection.execute(
            text("UPDATE midiprism.leases SET expires_at = now() + interval '1 second'")
        )
    )
    catalog.update_run(run, {}, NOW)
    left = text("SELECT min(expires_at) - now() > interval '30 seconds' FROM midiprism.leases")
    assert catalog.run_in_transaction(lambda: catalog.connection.scalar(left))
    assert take(other_catalog, other_run, "a").held_elsewhere == 1


def test_a_run_that_ends_releases_its_leases(
    catalog: PostgresCatalog, other_catalog: PostgresCatalog
) -> None:
    run, other_run = catalog.begin_run({}, NOW), other_catalog.begin_run({}, NOW)
    take(catalog, run, "a")
    catalog.end_run(run, "interrupted", {}, NOW)
    assert take(other_catalog, other_run, "a").paths == {b"a"}


def test_a_new_run_closes_dead_runs_and_keeps_live_ones(
    catalog: PostgresCatalog, other_catalog: PostgresCatalog
) -> None:
    dead, alive = catalog.begin_run({}, NOW), catalog.begin_run({}, NOW)
    catalog.run_in_transaction(
        lambda: catalog.connection.execute(
            text("UPDATE midiprism.runs SET expires_at = now() WHERE id = :id"), {"id": dead}
        )
    )
    run = other_catalog.begin_run({}, NOW)
    states = catalog.run_in_transaction(
        lambda: {
            row.id: row.state
            for row in catalog.connection.execute(text("SELECT id, state FROM midiprism.runs"))
        }
    )
    assert states == {dead: "cut off", alive: "running", run: "running"}


def test_the_parts_of_a_bisected_batch_are_committed_one_by_one(
    catalog: PostgresCatalog,
) -> None:
    run = catalog.begin_run({}, NOW)
    lease = take(catalog, run, "a", "b", "c").lease
    for piece in ("ab", "c"):
        (committed,) = catalog.commit(run, [batch(lease, *piece)], NOW)
        assert committed.outcomes.total() == len(piece)
    assert (rows(catalog, "songs"), rows(catalog, "leases"), rows(catalog, "batches")) == (3, 0, 2)


def test_a_commit_is_not_repeated_if_only_its_answer_is_lost(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = catalog.begin_run({}, NOW)
    record = batch(take(catalog, run, "a", "b").lease, "a", "b")
    record = replace(record, songs=record.songs.with_columns(lost_bytes=[26_000, None]))
    lost = break_connection(catalog, monkeypatch, "after")
    (committed,) = catalog.commit(run, [record], NOW)
    assert lost == ["after"]
    assert (committed.discarded, committed.outcomes.total(), committed.links) == (False, 2, 2)
    assert committed.songs_with_loss == 1
    assert (rows(catalog, "songs"), rows(catalog, "links"), rows(catalog, "batches")) == (2, 2, 1)


def test_a_commit_is_repeated_if_its_request_is_lost(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = catalog.begin_run({}, NOW)
    record = batch(take(catalog, run, "a").lease, "a")
    lost = break_connection(catalog, monkeypatch, "before")
    (committed,) = catalog.commit(run, [record], NOW)
    assert lost == ["before"]
    assert (committed.outcomes.total(), rows(catalog, "batches")) == (1, 1)


def break_connection(catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch, when: str) -> list[str]:
    """Break the connection once, before or after the server commits."""
    broken: list[str] = []
    real = psycopg.Connection.commit

    def commit(connection: psycopg.Connection[Any]) -> None:
        if broken:
            return real(connection)
        broken.append(when)
        if when == "after":
            real(connection)
        connection.close()
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(psycopg.Connection, "commit", commit)
    return broken

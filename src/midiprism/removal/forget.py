"""Removes chosen songs from a result."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from midiprism.catalog import Catalog, PostgresAddress, utc_now
from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.queries.find_songs import find_songs
from midiprism.errors import MidiprismError, UsageError
from midiprism.pipeline.open_result import OpenResult, open_result
from midiprism.pipeline.settings import CatalogSettings, Settings
from midiprism.results.removal import Remover
from midiprism.results.removal_counts import RemovalCounts
from midiprism.results.result_dir import marker_facts, open_catalog_of, require_result
from midiprism.results.upkeep import finish_run, update_card, update_songs_table
from midiprism.search.plain_scan import scan_tracks
from midiprism.search.query import Query


@dataclass(frozen=True, slots=True)
class SongChoice:
    """The songs to remove.

    Attributes:
        names: of songs, see ``find_songs``.
        query: for tracks whose songs are chosen too; None for none.
    """

    names: Sequence[str] = ()
    query: Query | None = None

    def find(self, catalog: Catalog) -> set[int]:
        """Return the ids of the songs.

        Raises:
            UsageError: there is no song of one of the names.
            CatalogError: the catalog cannot be read.
        """
        chosen: set[int] = set()
        for name in self.names:
            found = find_songs(catalog, name)
            if not found:
                raise UsageError(f"There is no song {name}: name it as `midiprism list` does.")
            chosen |= found
        if self.query is not None:
            with closing(scan_tracks(catalog, Query(self.query.groups))) as rows:
                chosen.update(row.song_id for row in rows)
        return chosen


def complete_removal(out: str, database: PostgresAddress | None = None) -> None:
    """Complete a removal that was killed, if the last run did not end by itself; not in an adopted library.

    Without this, the same command would only find that its songs are gone.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        StoreError: another process writes to it.
        CatalogError: the catalog cannot be written.
    """
    with open_catalog_of(out, database) as catalog:
        is_clean = catalog.last_run_ended_cleanly()
    if not is_clean and "adopted" not in marker_facts(out):
        with open_for_removal(out, database):
            pass


def forget_songs(
    out: str,
    choice: SongChoice,
    database: PostgresAddress | None = None,
    hooks: tuple[CommitHook, ...] = (),
) -> RemovalCounts:
    """Remove songs from the result in ``out``, with the tracks that no other song has.

    Args:
        choice: the songs.
        database: where the catalog is; None for a file in the result.
        hooks: of an adopted library.

    Raises:
        UsageError: ``out`` holds no result, or there is no song of one of the names.
        StoreError: another process writes to it, or it cannot be written.
        CatalogError: the catalog cannot be written.
    """
    with open_for_removal(out, database, hooks) as result:
        song_ids = choice.find(result.catalog)
        if not song_ids:
            return RemovalCounts()
        with removal_run(out, result, "forget") as run:
            remover = Remover(result.catalog, result.opened.store, out, run.id, hooks)
            removed = remover.remove(song_ids)
            run.totals.update(songs_removed=removed.songs, tracks_removed=removed.tracks)
        return removed


@dataclass(frozen=True, slots=True)
class WritableResult:
    """A result that is open for writing.

    Attributes:
        opened: the result.
        catalog: its catalog.
    """

    opened: OpenResult
    catalog: Catalog


@contextmanager
def open_for_removal(
    out: str, database: PostgresAddress | None, hooks: tuple[CommitHook, ...] = ()
) -> Iterator[WritableResult]:
    """Open a result that exists for writing, and bring up to date what a removal that was killed has left.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        StoreError: another process writes to it.
        CatalogError: the catalog cannot be written.
    """
    require_result(out)
    settings = Settings(catalog=CatalogSettings(database, hooks=hooks))
    with open_result(out, settings) as opened:
        assert opened.catalog is not None
        finish_run(opened.catalog, opened.store, None, songs_replaced=False)
        update_songs_table(opened.catalog, opened.store, None)
        yield WritableResult(opened, opened.catalog)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run that is recorded.

    Attributes:
        id: its number.
        totals: its figures, in terms of JSON, which are recorded at its end.
    """

    id: int
    totals: dict[str, int] = field(default_factory=dict)


@contextmanager
def removal_run(out: str, result: WritableResult, command: str) -> Iterator[RecordedRun]:
    """Record a run around a block that changes a result, and bring what derives from the catalog up to date.

    Args:
        out: folder of the result.
        result: open for writing.
        command: that is recorded with the run.
    """
    catalog, store = result.catalog, result.opened.store
    settings = {**result.opened.identity.as_dict(), "sources": [], "workers": 0, "command": command}
    run = RecordedRun(catalog.begin_run(settings, utc_now()))
    try:
        yield run
        finish_run(catalog, store, run.id, songs_replaced=False)
        update_songs_table(catalog, store, run.id)
        update_card(out, result.opened.identity, catalog, run.id)
    except BaseException:
        with suppress(MidiprismError):  # then the run counts as cut off
            catalog.end_run(run.id, "stopped", {}, utc_now())
        raise
    catalog.end_run(run.id, "done", run.totals, utc_now())

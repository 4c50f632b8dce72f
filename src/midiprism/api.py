"""The Python interface to whole collections: split them, and use the result.

Everything that the command line does with a collection is a function here or below::

    import midiprism

    summary = midiprism.split_library("songs", "result", by="channel", workers=4)
    result = midiprism.open_result("result")
    names = [track.song_name for track in result.find(instrument="bass")]

How scripts and notebooks use it is in docs/reference/python.md.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from logging import getLogger

from midiprism.adopt.removal_hooks import open_removal_hooks
from midiprism.api_export import ExportMethods
from midiprism.api_similarity import SimilarityMethods
from midiprism.api_values import PathLike, address_of, log_compiling, query_of, source_of
from midiprism.catalog import PostgresAddress, TrackRow, VerifyScope
from midiprism.catalog.song_row import SongRow as SongRow
from midiprism.catalog.song_row import read_songs
from midiprism.integrity.damage_report import DamageReport, VerifyProgress
from midiprism.integrity.verify import verify_result
from midiprism.pipeline import (
    CatalogSettings,
    RequestedIdentity,
    RerunPolicy,
    Resources,
    RunCallbacks,
    RunProgress,
    Scope,
    Settings,
    Summary,
    run_pipeline,
    song_limits,
)
from midiprism.removal.forget import SongChoice, forget_songs
from midiprism.removal.undo import RestoredCounts, undo_removal
from midiprism.results.identity import Identity, StoreKind
from midiprism.results.removal_counts import RemovalCounts
from midiprism.results.result_dir import locate_result, open_catalog_of, read_identity, require_result
from midiprism.search.diagnosis import missing_facts_text
from midiprism.search.find import open_search
from midiprism.search.index.facets import Facet
from midiprism.search.query import Query
from midiprism.search.upkeep import load_update, start_update_after_run
from midiprism.similarity.run_listener import listener_of_run
from midiprism.smf.text.decode import check_encoding
from midiprism.smf.types import By, Context
from midiprism.sources import Source

_logger = getLogger("midiprism")


def split_library(
    sources: PathLike | Source | Sequence[PathLike],
    out: PathLike,
    *,
    by: By | None = None,
    context: Context | None = None,
    store: StoreKind | None = None,
    workers: int | None = None,
    limit: int | None = None,
    max_song_size: int | None = None,
    redo: bool = False,
    retry_failed: bool = False,
    prune: bool = False,
    encoding: str | None = None,
    facts: bool = True,
    database: str | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Summary:
    """Split songs into the result in ``out``, and return what was done.

    Songs that are known from an earlier run are skipped, so the same call continues a run that was cut off.

    >>> summary = split_library("songs", "result", workers=0)
    >>> summary.state, summary.songs_done, summary.songs_failed
    ('done', 3, 0)
    >>> split_library("songs", "result", workers=0).songs_skipped
    3

    Args:
        sources: a folder, a file, an archive or a Parquet file, several of them, or what
            ``midiprism.sources.open_source`` returned.
        out: folder of the result. It is made if it does not exist.
        by: what becomes a track of its own: ``auto``, ``track``, ``channel``, ``program`` or ``drum``. None
            for what the result has, or else ``auto``.
        context: what of its song a track contains: ``conductor`` or ``full``. None for what the result has,
            or else ``conductor``.
        store: where tracks are kept: ``files`` or ``parquet``. None for what the result has, or else
            ``files``.
        workers: worker processes; 0 for none, None for as many as there are processors.
        limit: process the first so many songs only.
        max_song_size: refuse songs of more bytes, not counting a sound bank around them; at most 1 GiB. None
            for 64 MiB.
        redo: split again what is known.
        retry_failed: split again what failed.
        prune: remove the songs that are gone from the sources, with the tracks that no other song has; of a
            source of which more than half is gone, nothing.
        encoding: of the texts of songs, such as ``cp932``; None to guess it. A known song keeps its names.
        facts: compute the facts of tracks, such as their keys.
        database: URL of a catalog in PostgreSQL; None for a file in the result.
        on_progress: called at most ten times a second with the progress of the run.
        stop: once it returns true, the current songs are finished and committed, and the run ends.

    Returns:
        What was done. If the run could not continue, for example because a disk is full, ``state`` is
        ``stopped`` and ``error`` is the reason; what was committed before is kept.

    Raises:
        UsageError: a source is missing, ``encoding`` is unknown, or ``out`` cannot be the result of this run.
        StoreError: ``out`` is held by another run, or cannot be written.
        CatalogError: the catalog cannot be opened.
    """
    folder = locate_result(os.fspath(out))
    settings = Settings(
        identity=RequestedIdentity(by, context, store),
        limits=song_limits(max_song_size),
        resources=Resources(workers=workers),
        rerun_policy=RerunPolicy(redo=redo, retry_failed=retry_failed),
        catalog=CatalogSettings(address_of(database)),
        scope=Scope(limit, prune=prune),
        encoding=None if encoding is None else check_encoding(encoding),
        facts=facts,
    )
    callbacks = RunCallbacks(
        stop=stop or (lambda: False),
        on_compile=log_compiling,
        on_warning=_logger.warning,
        on_progress=on_progress,
        track_listener=listener_of_run,
        after_run=start_update_after_run,
        load_after_run=load_update,
    )
    return run_pipeline(source_of(sources, folder), folder, settings, callbacks)


def open_result(out: PathLike, *, database: str | None = None) -> "Result":
    """Return the result in ``out``, or the one that was relocated from there.

    >>> result = open_result("result")
    >>> result.identity.by, result.identity.store
    ('auto', 'files')

    Args:
        out: folder of the result.
        database: URL of its catalog, if that is in PostgreSQL.

    Raises:
        UsageError: ``out`` holds no result.
    """
    folder = locate_result(os.fspath(out))
    require_result(folder)
    identity = read_identity(folder)
    assert identity is not None
    return Result(folder, identity, address_of(database))


class Result(ExportMethods, SimilarityMethods):
    """A result: its tracks, songs and files.

    Each method opens the catalog for as long as it needs it, so there is nothing to close, and a run may be
    active meanwhile. Get one from ``open_result``.

    Attributes:
        folder: absolute path of the result.
        identity: what its tracks were made with.
    """

    def __init__(self, folder: str, identity: Identity, database: PostgresAddress | None) -> None:
        self.folder = os.path.abspath(folder)
        self.identity = identity
        self._database = database

    def __repr__(self) -> str:
        return f"<Result {self.folder!r}>"

    def find(
        self, query: str = "", *, limit: int | None = None, **filters: str | int | float | bool
    ) -> Iterator[TrackRow]:
        """Yield the tracks that pass a query and all filters.

        Without ``sort:`` in the query they are ordered by the paths of their songs, and stream.

        >>> [track.song_name for track in open_result("result").find("piano notes:1.. -live", limit=2)]
        ['first', 'second']
        >>> [track.song_name for track in open_result("result").find(instrument="piano", limit=2)]
        ['first', 'second']

        Args:
            query: in the language of ``midiprism list``; ``@name`` stands for a search that you have saved.
            limit: yield so many at most.
            filters: values by the names of the fields of queries: ``instrument="bass"`` is
                ``instrument:bass``. Numbers are those of the attributes of tracks, so channels count from 0.
                ``min_notes`` and ``max_notes`` are the ends of a range, and so for every number.

        Raises:
            TypeError: there is no filter of that name.
            QueryError: the query cannot be understood, or a field takes no such value.
            CatalogError: the catalog cannot be read.
        """
        return self._find(query_of(query, filters), limit)

    def tracks(self) -> Iterator[TrackRow]:
        """Yield every track of every song, ordered by the paths of the songs.

        >>> len(list(open_result("result").tracks()))
        4

        Raises:
            CatalogError: the catalog cannot be read.
        """
        return self._find(Query(), None)

    def facets(
        self,
        query: str = "",
        *,
        fields: Sequence[str] | None = None,
        **filters: str | int | float | bool,
    ) -> tuple[Facet, ...]:
        """Return how many tracks have each value of some fields, among those that pass a query and filters.

        >>> (family,) = open_result("result").facets("notes:1..", fields=["family"])
        >>> sorted((count.value, count.count) for count in family.counts)
        [('Bass', 1), ('Drums', 1), ('Piano', 2)]

        Args:
            query: as for ``find``.
            fields: of queries; None for family, role, key, meter, tempo, length and source.
            filters: as for ``find``.

        Raises:
            TypeError: there is no filter of that name.
            UsageError: there is no such field, or it cannot be counted; likewise QueryError.
            CatalogError: the catalog cannot be read.
        """
        with open_search(self.folder, self._database) as search:
            return search.facets(query_of(query, filters), fields)

    def songs(self) -> Iterator[SongRow]:
        """Yield every song whose content is known.

        >>> sorted(song.track_count for song in open_result("result").songs())
        [1, 1, 2]

        Raises:
            CatalogError: the catalog cannot be read.
        """
        with (
            open_catalog_of(self.folder, self._database) as catalog,
            catalog.read_transaction() as connection,
        ):
            yield from read_songs(connection)

    def verify(
        self,
        *,
        share: float = 1.0,
        on_progress: Callable[[VerifyProgress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> DamageReport:
        """Check that every track is where the catalog says, and return what is damaged. Nothing is written.

        >>> open_result("result").verify().ok
        True

        Args:
            share: check only such a share of all tracks and songs, more than 0 and at most 1.
            on_progress: called at most ten times a second.
            stop: once it returns true, the check ends.

        Raises:
            StoreError: a run is writing to the result.
            CatalogError: the catalog cannot be used, for another reason than damage.
        """
        return verify_result(
            self.folder,
            VerifyScope(share),
            database=self._database,
            stop=stop or (lambda: False),
            listener=on_progress,
        )

    def forget(self, *songs: str, query: str = "") -> RemovalCounts:
        """Remove songs, with the tracks that no other song has, and return what was removed.

        Args:
            songs: their names, as in ``song_name`` of a track, their paths, or their BLAKE3 in hex.
            query: the songs of the tracks that it finds are removed too; nothing for none.

        Raises:
            UsageError: there is no song of one of the names, or the query is not valid.
            StoreError: another process writes to the result, or it cannot be written.
            CatalogError: the catalog cannot be written.
        """
        choice = SongChoice(songs, query_of(query, {}) if query else None)
        with open_removal_hooks(self.folder, self._database) as hooks:
            return forget_songs(self.folder, choice, self._database, hooks)

    def undo_forget(self) -> RestoredCounts:
        """Put back the songs of the last removal, also that of a prune, and return what was put back.

        Raises:
            UsageError: there is nothing to undo, or the result belongs to an adopted library.
            StoreError: another process writes to the result, or it cannot be written.
        """
        return undo_removal(self.folder, self._database)

    def _find(self, query: Query, limit: int | None) -> Iterator[TrackRow]:
        with (
            open_search(self.folder, self._database) as search,
            closing(search.tracks(query, limit)) as rows,
        ):
            if (text := missing_facts_text(query, search.missing_facts)) is not None:
                _logger.warning("%s", text)
            yield from rows

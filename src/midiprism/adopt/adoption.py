"""Adopting a library that another program keeps in PostgreSQL: its songs, and the tracks it has split."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from midiprism.adopt.adopted_source import AdoptedSource
from midiprism.adopt.adoption_hook import AdoptionHook, RecordedTrackPaths
from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.adopt.db.foreign_songs import ForeignSongs
from midiprism.adopt.db.foreign_tables import read_foreign_tables
from midiprism.adopt.db.preflight_queries import read_own_catalog
from midiprism.adopt.errors import NotAdoptableError, PathNotTextError
from midiprism.adopt.options import Adoption
from midiprism.adopt.preflight import run_preflight
from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.catalog.queries.redo import expire_contract
from midiprism.results.result_dir import read_identity, require_matching_adoption


class AdoptedLibrary(NamedTuple):
    """Source and hook of a run that adopts a library.

    Attributes:
        source: the library's songs.
        hook: fills the library's tables; for ``Settings.hooks``.
    """

    source: AdoptedSource
    hook: AdoptionHook


class AdoptionPlan(NamedTuple):
    """Numbers of songs that adopting a library would treat in some way.

    Attributes:
        songs: number of songs with several tracks.
        adopted: of ``songs``, those that their owner has split; they are left alone, or split again on
            request.
        known: of ``songs``, those that earlier runs have recorded.
        to_split: the remaining ones.
        missing: of ``to_split``, those without a file at their path.
    """

    songs: int
    adopted: int
    known: int
    to_split: int
    missing: int


@contextlib.contextmanager
def open_adopted_library(
    address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]
) -> Iterator[AdoptedLibrary]:
    """Open the library in a database.

    Args:
        address: of the database.
        adoption: how the library is adopted.
        out: folder of the result.
        stop: once true, a server that is away is not waited for.

    Raises:
        NotAdoptableError: the database holds no library with the tables that midiprism knows.
        CatalogError: the database cannot be read.
    """
    with ForeignLibrary(address, stop) as library:
        songs = ForeignSongs(library)
        tables = library.run_in_transaction(
            lambda: read_foreign_tables(library.connection, library.schema, address.schema)
        )
        track_paths = RecordedTrackPaths(os.path.abspath(out), adoption.path_map)
        hook = AdoptionHook(tables, track_paths, adoption.existing)
        source = AdoptedSource(songs.path_pages, songs.count, adoption.path_map, songs.common_folder())
        if adoption.existing == "replace":
            _redo_songs(address, hook, songs.wrongly_linked_ids())
        if adoption.existing == "leave":
            source = dataclasses.replace(source, already_split_pages=songs.already_split)
        yield AdoptedLibrary(source, hook)


def _redo_songs(address: PostgresAddress, hook: AdoptionHook, song_ids: list[int]) -> None:
    """Let the next run split songs again that runs of midiprism have split."""
    if song_ids:
        with open_catalog(address, [hook]) as catalog:
            expire_contract(catalog, song_ids)


def require_adoptable(
    address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]
) -> None:
    """Require that a library can be adopted, unless it has been.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        NotAdoptableError: it cannot be adopted as it is.
        CatalogError: the database cannot be read.
    """
    try:
        os.path.abspath(out).encode()
    except UnicodeEncodeError as error:
        raise PathNotTextError(out) from error
    with ForeignLibrary(address, stop) as library:
        own_catalog = read_own_catalog(library)
    if own_catalog is not None and own_catalog.songs:
        return
    report = run_preflight(address, adoption.path_map, out, stop=stop)
    if report.obstacles:
        raise NotAdoptableError(str(address), report.obstacles[0])


def plan_adoption(
    address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]
) -> AdoptionPlan:
    """Return what adopting a library would do. Nothing is written.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        NotAdoptableError: the database holds no library with the tables that midiprism knows.
        CatalogError: the database cannot be read.
    """
    read_identity(out)
    require_matching_adoption(out, adopts=True)
    with ForeignLibrary(address, stop) as library:
        songs = ForeignSongs(library)
        missing = 0
        for page in songs.path_pages(remaining_only=True):
            missing += sum(not os.path.isfile(adoption.path_map.to_local(path)) for path in page)
            if stop():
                break
        progress = songs.split_progress()
    return AdoptionPlan(
        progress.songs, progress.split_by_owner, progress.known_songs, progress.remaining, missing
    )

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
from midiprism.adopt.db.preflight_queries import read_own_catalog, read_sample_files
from midiprism.adopt.errors import NotAdoptableError, PathNotTextError, SongsMissingError
from midiprism.adopt.options import ADOPTION_HOOK_NAME, Adoption
from midiprism.adopt.preflight import run_preflight
from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.catalog.queries.redo import expire_contract
from midiprism.pipeline.missing_songs import MAX_SHARE_MISSING, MIN_SONGS_DOUBTED
from midiprism.results.free_catalog import require_free_catalog
from midiprism.results.result_dir import read_identity, require_matching_adoption

_SAMPLE = 1_000
"""Most songs whose files are looked for before a run."""


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
        known: of ``songs``, those that earlier runs have recorded and this one does not split again.
        to_split: the remaining ones.
        missing: of ``to_split``, those without a file at their path.
        replaceable_rows: the owner's rows of ``track_splits``, of which a run that replaces rows takes out
            those that lead to tracks with other content than splitting their song gives.
    """

    songs: int
    adopted: int
    known: int
    to_split: int
    missing: int
    replaceable_rows: int


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
        songs = ForeignSongs(library, adoption.existing)
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
    address: PostgresAddress,
    adoption: Adoption,
    out: str,
    stop: Callable[[], bool],
    *,
    trusted: bool = False,
) -> None:
    """Require that a library can be adopted, unless it has been, and that its songs are there.

    Args:
        address: of the database.
        adoption: how the library is adopted.
        out: folder of the result.
        stop: once true, a server that is away is not waited for.
        trusted: whether to go on although most songs are not at their paths.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        BoundCatalogError: the result of the library has another folder.
        NotAdoptableError: it cannot be adopted as it is.
        SongsMissingError: most songs are not at their paths.
        CatalogError: the database cannot be read.
    """
    try:
        os.path.abspath(out).encode()
    except UnicodeEncodeError as error:
        raise PathNotTextError(out) from error
    require_free_catalog(out, address, [ADOPTION_HOOK_NAME])
    with ForeignLibrary(address, stop) as library:
        own_catalog = read_own_catalog(library)
        if own_catalog is not None and own_catalog.songs:
            if not trusted:
                _require_songs(library, adoption)
            return
    report = run_preflight(address, adoption.path_map, out, stop=stop)
    if report.obstacles:
        raise NotAdoptableError(str(address), report.obstacles[0])


def _require_songs(library: ForeignLibrary, adoption: Adoption) -> None:
    """Raise SongsMissingError if so many songs are missing that their disk may be: each would fail."""
    paths = [adoption.path_map.to_local(file.path) for file in read_sample_files(library, "songs", _SAMPLE)]
    missing = [path for path in paths if not os.path.isfile(path)]
    is_much = len(paths) >= MIN_SONGS_DOUBTED and len(missing) > MAX_SHARE_MISSING * len(paths)
    if missing and (len(missing) == len(paths) or is_much):
        raise SongsMissingError(len(missing), len(paths), missing[0])


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
        songs = ForeignSongs(library, adoption.existing)
        missing = 0
        for page in songs.path_pages(remaining_only=True):
            missing += sum(not os.path.isfile(adoption.path_map.to_local(path)) for path in page)
            if stop():
                break
        progress = songs.split_progress()
        replaceable = songs.count_owner_links()
    return AdoptionPlan(
        progress.songs,
        progress.split_by_owner,
        progress.known_songs,
        progress.remaining,
        missing,
        replaceable,
    )


def count_owner_links(address: PostgresAddress) -> int:
    """Return how many rows of ``track_splits`` the owner of a library has added.

    Raises:
        NotAdoptableError: the database holds no library with the tables that midiprism knows.
        CatalogError: the database cannot be read.
    """
    with ForeignLibrary(address) as library:
        return ForeignSongs(library).count_owner_links()

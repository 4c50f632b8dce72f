"""Taking over a library that another program keeps in PostgreSQL: its songs, and what it has split."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.adopt.adopted_source import AdoptedSource
from midiprism.adopt.db import restore
from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.adopt.db.foreign_songs import ForeignSongs, bind_source
from midiprism.adopt.db.foreign_writer import read_foreign_writer_config
from midiprism.adopt.db.preflight_queries import read_own_catalog
from midiprism.adopt.options import Adoption
from midiprism.adopt.preflight import run_preflight
from midiprism.catalog import Catalog, PostgresAddress, TrackValues
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.errors import CatalogError, UsageError
from midiprism.pipeline.settings import Settings
from midiprism.results.result_dir import read_identity, require_matching_adoption
from midiprism.stores import track_path


class AdoptionPlan(NamedTuple):
    """What taking over a library would do.

    Attributes:
        songs: songs with several tracks.
        adopted: of these, what its owner has split; it is left, or split again where that was asked for.
        known: what midiprism has come to in earlier runs.
        to_split: what is left.
        missing: of what is left, what is not where it should be.
    """

    songs: int
    adopted: int
    known: int
    to_split: int
    missing: int


@dataclass(frozen=True, slots=True)
class ForeignPaths:
    """Says where the file of a content is, as the paths of a library are written.

    Attributes:
        out: the folder of the result, absolute.
        adoption: knows where the library's paths are here.
    """

    out: str
    adoption: Adoption

    def __call__(self, track: TrackValues) -> str:
        digest, _, stem, digits, _, _, family, *_ = track
        path = os.path.join(self.out, *track_path(family, stem, digest, digits).split("/"))
        return os.fsdecode(self.adoption.path_map.to_recorded(os.fsencode(path)))


@contextlib.contextmanager
def open_adopted_source(
    address: PostgresAddress, adoption: Adoption, stop: Callable[[], bool]
) -> Iterator[AdoptedSource]:
    """The library of a database, open for reading.

    Raises:
        CatalogError: there is none of the shape that midiprism knows, or it cannot be read.
    """
    with ForeignLibrary(address, stop) as library:
        listing = ForeignSongs(library)
        facts = (listing.path_pages, listing.count, adoption.path_map, listing.common_folder())
        yield (
            AdoptedSource(*facts, listing.already_split)
            if adoption.existing == "leave"
            else AdoptedSource(*facts)
        )


def require_adoptable(
    address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]
) -> None:
    """See that a library can be taken over, unless it has been.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: it cannot be taken over as it is.
    """
    try:
        os.path.abspath(out).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{out} is no text, and files holds paths as text: choose another folder."
        ) from error
    with ForeignLibrary(address, stop) as library:
        own = read_own_catalog(library)
    if own is not None and own.songs:
        return
    found = run_preflight(address, adoption.path_map, out, stop=stop)
    if found.obstacles:
        raise CatalogError(
            f"{address} cannot be taken over: {found.obstacles[0]} `midiprism catalog check` says more."
        )


def plan_adoption(
    address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]
) -> AdoptionPlan:
    """What taking over a library would do. Nothing is written.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: there is none of the shape that midiprism knows, or it cannot be read.
    """
    read_identity(out)
    require_matching_adoption(out, adopts=True)
    with ForeignLibrary(address, stop) as library:
        listing = ForeignSongs(library)
        missing = 0
        for page in listing.path_pages(remaining_only=True):
            missing += sum(not os.path.isfile(adoption.path_map.to_local(path)) for path in page)
            if stop():
                break
        standing = listing.split_progress()
    left = standing.songs - standing.split_by_owner - standing.known_songs
    return AdoptionPlan(*standing, left, missing)


def attach_foreign_library(catalog: Catalog, settings: Settings, out: str) -> None:
    """Let a catalogue fill the tables of the library that it goes with.

    Raises:
        CatalogError: it goes with none, or with one and the run does not.
    """
    if not isinstance(catalog, PostgresCatalog):
        return
    adoption = settings.catalog.adoption
    bind_source(catalog, adopts=adoption is not None)
    if adoption is not None:
        catalog.foreign_writer_config = read_foreign_writer_config(
            catalog, ForeignPaths(os.path.abspath(out), adoption), adoption.existing
        )


def delete_replaced_files(catalog: Catalog, run_id: int | None) -> None:
    """Take the files out to which only links led that the run has taken out."""
    if isinstance(catalog, PostgresCatalog) and run_id is not None:
        bridge = catalog.foreign_writer_config
        if bridge is not None and bridge.existing_links_policy == "replace":
            restore.delete_replaced_files(catalog, bridge, run_id)

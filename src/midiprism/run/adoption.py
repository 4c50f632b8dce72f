"""Taking over a library that another program keeps in PostgreSQL: its songs, and what it has split."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.catalog import Catalog, ParentRecord, PostgresAddress, TrackValues
from midiprism.catalog.adopting import BegunParent, Listing, tie
from midiprism.catalog.bridge import build_bridge
from midiprism.catalog.foreign_facts import read_own_catalog
from midiprism.catalog.foreign_reading import ForeignLibrary
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.catalog.records import ADOPTED
from midiprism.catalog.replaced import drop_replaced_files
from midiprism.errors import CatalogError, UsageError
from midiprism.library.listed import ListedLibrary
from midiprism.run.adoptable import check_library
from midiprism.run.result import read_identity, require_adopted
from midiprism.run.settings import Adoption, Settings
from midiprism.run.telling import song_of
from midiprism.store import track_path


@dataclass(frozen=True)
class AdoptedLibrary(ListedLibrary):
    """The songs that ``files`` lists, and which of them its owner has split.

    Attributes:
        begun_pages: those, page by page, unless our catalogue knows them.
    """

    begun_pages: Callable[[], Iterator[list[BegunParent]]] = lambda: iter(())

    def begun(self) -> Iterator[list[ParentRecord]]:
        """Records of the songs that are not to be opened, since their owner has split them."""
        for page in self.begun_pages():
            yield [record for parent in page if (record := self._adopted(parent)) is not None]

    def _adopted(self, parent: BegunParent) -> ParentRecord | None:
        found = self.found(parent.path)
        if found is None:
            return None
        return ParentRecord(
            found.path,
            found.root_length,
            song_of(found),
            found.size,
            found.mtime_ns,
            parent.content_hash,
            ADOPTED,
            parent.format,
            parent.num_tracks,
            parent.ticks_per_quarter_note,
            parent.duration_ticks,
            parent.duration_seconds,
        )


class Outlook(NamedTuple):
    """What taking over a library would do.

    Attributes:
        parents: songs with several tracks.
        adopted: of these, what its owner has split; it is left, or split again where that was asked for.
        known: what midiprism has come to in earlier runs.
        to_split: what is left.
        missing: of what is left, what is not where it should be.
    """

    parents: int
    adopted: int
    known: int
    to_split: int
    missing: int


@dataclass(frozen=True, slots=True)
class Filing:
    """Says where the file of a content is, as the paths of a library are written.

    Attributes:
        out: the folder of the result, absolute.
        adoption: knows where the library's paths are here.
    """

    out: str
    adoption: Adoption

    def __call__(self, content: TrackValues) -> str:
        digest, _, stem, digits, _, _, family, *_ = content
        path = os.path.join(self.out, *track_path(family, stem, digest, digits).split("/"))
        return os.fsdecode(self.adoption.paths.recorded(os.fsencode(path)))


@contextlib.contextmanager
def adopted_library(
    address: PostgresAddress, adoption: Adoption, stop: Callable[[], bool]
) -> Iterator[AdoptedLibrary]:
    """The library of a database, open for reading.

    Raises:
        CatalogError: there is none of the shape that midiprism knows, or it cannot be read.
    """
    with ForeignLibrary(address, stop) as library:
        listing = Listing(library)
        facts = (listing.pages, listing.count, adoption.paths, listing.common_folder())
        yield (
            AdoptedLibrary(*facts, listing.begun) if adoption.existing == "leave" else AdoptedLibrary(*facts)
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
    if own is not None and own.parents:
        return
    found = check_library(address, adoption.paths, out, stop=stop)
    if found.obstacles:
        raise CatalogError(
            f"{address} cannot be taken over: {found.obstacles[0]} `midiprism catalog check` says more."
        )


def look_ahead(address: PostgresAddress, adoption: Adoption, out: str, stop: Callable[[], bool]) -> Outlook:
    """What taking over a library would do. Nothing is written.

    Raises:
        UsageError: ``out`` cannot be the folder of its result.
        CatalogError: there is none of the shape that midiprism knows, or it cannot be read.
    """
    read_identity(out)
    require_adopted(out, adopts=True)
    with ForeignLibrary(address, stop) as library:
        listing = Listing(library)
        missing = 0
        for page in listing.pages(left=True):
            missing += sum(not os.path.isfile(adoption.paths.here(path)) for path in page)
            if stop():
                break
        standing = listing.standing()
    left = standing.parents - standing.adopted - standing.known
    return Outlook(*standing, left, missing)


def join_library(catalog: Catalog, settings: Settings, out: str) -> None:
    """Let a catalogue fill the tables of the library that it goes with.

    Raises:
        CatalogError: it goes with none, or with one and the run does not.
    """
    if not isinstance(catalog, PostgresCatalog):
        return
    adoption = settings.adoption
    tie(catalog, adopts=adoption is not None)
    if adoption is not None:
        catalog.bridge = build_bridge(catalog, Filing(os.path.abspath(out), adoption), adoption.existing)


def end_adoption(catalog: Catalog, run_id: int | None) -> None:
    """Take the files out to which only links led that the run has taken out."""
    if isinstance(catalog, PostgresCatalog) and run_id is not None:
        bridge = catalog.bridge
        if bridge is not None and bridge.existing == "replace":
            drop_replaced_files(catalog, bridge, run_id)

"""Plan the removal of chosen songs from a result. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from midiprism.catalog import Catalog, PostgresAddress
from midiprism.catalog.queries.find_songs import SongPlaces, song_places
from midiprism.catalog.queries.gone_songs import song_digests
from midiprism.catalog.queries.removable_tracks import SoleTrack, tracks_of_no_other_song
from midiprism.removal.forget import SongChoice
from midiprism.results.result_dir import marker_facts, open_catalog_of


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """The songs that are chosen, and what goes with them.

    Attributes:
        places: the songs, and where they are.
        tracks: that no other song has.
        song_digests: of those songs that were read.
        reversible: whether the removal can be undone: not in an adopted library.
    """

    places: Sequence[SongPlaces]
    tracks: Sequence[SoleTrack]
    song_digests: Sequence[bytes]
    reversible: bool

    @property
    def bytes(self) -> int:
        """Number of bytes of the tracks."""
        return sum(track.size for track in self.tracks)


def plan_removal(out: str, choice: SongChoice, database: PostgresAddress | None = None) -> RemovalPlan:
    """Return the songs that are chosen, and what their removal would remove.

    Raises:
        UsageError: ``out`` holds no result, or there is no song of one of the names.
        CatalogError: the catalog cannot be read.
    """
    with open_catalog_of(out, database) as catalog:
        return _plan(catalog, choice.find(catalog), reversible="adopted" not in marker_facts(out))


def _plan(catalog: Catalog, song_ids: set[int], *, reversible: bool) -> RemovalPlan:
    places = song_places(catalog, song_ids)
    digests = [*song_digests(catalog, song_ids).values()]
    return RemovalPlan(places, tracks_of_no_other_song(catalog, song_ids), digests, reversible)

"""Keeps the thumbnails that were asked for."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from midiprism.catalog.queries.track_lookup import find_tracks_by_digest
from midiprism.web.notes import thumbnail
from midiprism.web.served_result import ServedResult

_MAX_KEPT = 4_096  # of at most 1.4 kB


class Thumbnails:
    """Thumbnails of tracks by their digests, which never change.

    Args:
        result: that has the tracks.
    """

    def __init__(self, result: ServedResult) -> None:
        self._result = result
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()

    def of(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        """Return the thumbnails of some tracks; of those that are missing, none.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        with self._lock:
            found = {digest: self._kept[digest] for digest in digests if digest in self._kept}
            for digest in found:
                self._kept.move_to_end(digest)
        missing = [digest for digest in digests if digest not in found]
        if missing:
            made = self._make(missing)
            with self._lock:
                self._kept.update(made)
                while len(self._kept) > _MAX_KEPT:
                    self._kept.popitem(last=False)
            found |= made
        return found

    def _make(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        with self._result.snapshot() as snapshot:
            tracks = find_tracks_by_digest(snapshot.reader, digests)
        locations = [track.location for track in tracks.values()]
        data = self._result.read_if_there(locations)
        return {location.digest: thumbnail(one) for location, one in zip(locations, data, strict=True) if one}

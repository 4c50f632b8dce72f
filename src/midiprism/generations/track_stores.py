"""The store into which workers put tracks during a pass, which keeps nothing on a disk."""

from collections.abc import Set

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.generations.song_pack import PackSource
from midiprism.stores import NullStore, StoreCapabilities, StoredTrack
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.types import make_stored_track

_MAX_TAKEN_DIGESTS = 65_536


class FirstTracksStore(NullStore):
    """Collects the tracks that a chunk is the first to have; see ``TrackStore``.

    Facts of other tracks are not computed, and their bytes do not cross to the process that writes.

    Args:
        source: of the songs, whose pack says which tracks those are: none in pass A.
    """

    def __init__(self, source: PackSource) -> None:
        self._source = source
        self._first: frozenset[bytes] = frozenset()
        self._pending: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def __reduce__(self) -> tuple[type["FirstTracksStore"], tuple[PackSource]]:
        return type(self), (self._source,)

    @property
    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(writes_in_commit=True)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        first = self._source.first_tracks
        if first is not self._first:  # another chunk, or another attempt at one
            self._first = first
            self._taken.clear()
        is_wanted = digest[:DIGEST_BYTES] in first and digest not in self._taken
        if is_wanted:
            self._pending[digest] = data
        try:
            stem = track_stem(name, instrument)
        except Exception:  # noqa: BLE001 - no defect of the naming rule may cost a track of pass A
            stem = track_stem(None, instrument)
        return make_stored_track(("", stem, SHORT_DIGEST_DIGITS, False, is_wanted))

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        pending, self._pending = self._pending, {}
        if wanted is not None:
            pending = {digest: data for digest, data in pending.items() if digest in wanted}
        if len(self._taken) > _MAX_TAKEN_DIGESTS:  # a track may be sent twice
            self._taken.clear()
        self._taken.update(pending)
        return pending

    def forget_taken(self) -> None:
        self._taken.clear()

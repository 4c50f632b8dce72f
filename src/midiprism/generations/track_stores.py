"""The stores into which workers put tracks during a pass: both keep nothing on a disk."""

from collections.abc import Collection, Set

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.stores import NullStore, StoreCapabilities, StoredTrack
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.types import make_stored_track


class FirstTracksStore(NullStore):
    """Collects the tracks that a chunk is the first to have; see ``TrackStore``.

    Facts of other tracks are not computed, and their bytes do not cross to the process that writes.

    Args:
        first: leading bytes of the digests of those tracks.
    """

    def __init__(self, first: Collection[bytes]) -> None:
        self._first = frozenset(first)
        self._pending: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def __reduce__(self) -> tuple[type["FirstTracksStore"], tuple[Collection[bytes]]]:
        return type(self), (self._first,)

    @property
    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(writes_in_commit=True)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        is_wanted = digest[:DIGEST_BYTES] in self._first and digest not in self._taken
        if is_wanted:
            self._pending[digest] = data
        return make_stored_track(("", track_stem(name, instrument), SHORT_DIGEST_DIGITS, False, is_wanted))

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        pending, self._pending = self._pending, {}
        if wanted is not None:
            pending = {digest: data for digest, data in pending.items() if digest in wanted}
        self._taken.update(pending)
        return pending

    def forget_taken(self) -> None:
        self._taken.clear()

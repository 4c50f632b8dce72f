"""A store that gathers tracks in memory, for a commit that writes those of them that are new."""

from collections.abc import Set
from functools import partial

from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.interface import StoredTrack, make_stored_track
from midiprism.stores.null import NullStore


class MemoryStore(NullStore):
    """Keeps each track until it is taken.

    Args:
        skip_taken: do not gather a track again that was taken, as every track that is taken will be
            committed, in the same order.
    """

    _MAX_TAKEN_DIGESTS = 65_536

    def __init__(self, *, skip_taken: bool) -> None:
        self._skip_taken = skip_taken
        self._pending: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), skip_taken=self._skip_taken), ()

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        if digest not in self._taken:
            self._pending[digest] = data
        # Only the commit decides where the track goes, and whether it is new.
        return make_stored_track(("", track_stem(name, instrument), SHORT_DIGEST_DIGITS, False))

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        """Return by their digests the tracks put since the last call; only those ``wanted``, if these are given."""
        gathered, self._pending = self._pending, {}
        if wanted is not None:
            gathered = {digest: data for digest, data in gathered.items() if digest in wanted}
        if self._skip_taken:
            if len(self._taken) > self._MAX_TAKEN_DIGESTS:
                self._taken.clear()
            self._taken.update(gathered)
        return gathered

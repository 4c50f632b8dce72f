"""Splits gathered in memory, for a commit that writes those of them that are new."""

from collections.abc import Set
from functools import partial

from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.interface import StoredTrack, make_stored_track
from midiprism.stores.null import NullStore


class MemoryStore(NullStore):
    """Has each content until it is taken.

    Args:
        remembers: do not gather again what was taken: all that was will be committed, in its order.
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
        # Where it will be, and whether it is new, the commit will tell.
        return make_stored_track(("", track_stem(name, instrument), SHORT_DIGEST_DIGITS, False))

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        """What was put since the last call, by digest; of that only what is ``wanted``, if that is given."""
        gathered, self._pending = self._pending, {}
        if wanted is not None:
            gathered = {digest: data for digest, data in gathered.items() if digest in wanted}
        if self._skip_taken:
            if len(self._taken) > self._MAX_TAKEN_DIGESTS:
                self._taken.clear()
            self._taken.update(gathered)
        return gathered

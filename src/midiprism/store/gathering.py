"""Splits gathered in memory, for a commit that writes those of them that are new."""

from collections.abc import Set
from functools import partial

from midiprism.store.interface import Stored, stored_of
from midiprism.store.layout import SHORT_DIGITS, track_stem
from midiprism.store.null import NullStore


class GatheringStore(NullStore):
    """Has each content until it is taken.

    Args:
        remembers: do not gather again what was taken: all that was will be committed, in its order.
    """

    _REMEMBERED = 65_536

    def __init__(self, *, remembers: bool) -> None:
        self._remembers = remembers
        self._gathered: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), remembers=self._remembers), ()

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:  # noqa: ARG002
        if digest not in self._taken:
            self._gathered[digest] = data
        # Where it will be, and whether it is new, the commit will tell.
        return stored_of(("", track_stem(name, instrument), SHORT_DIGITS, False))

    def take(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        """What was put since the last call, by digest; of that only what is ``wanted``, if that is given."""
        gathered, self._gathered = self._gathered, {}
        if wanted is not None:
            gathered = {digest: data for digest, data in gathered.items() if digest in wanted}
        if self._remembers:
            if len(self._taken) > self._REMEMBERED:
                self._taken.clear()
            self._taken.update(gathered)
        return gathered

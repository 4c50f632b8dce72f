"""The facts of songs that a commit records. Loads NumPy only for batches with facts."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column

from midiprism.catalog.schema import tracks
from midiprism.records.batches import BatchRecord
from midiprism.records.fields import SONG_KEY_FACTS

if TYPE_CHECKING:
    from midiprism.catalog.song_keys import SongKeys

RowLookup = Callable[[tuple[Column[Any], ...], Column[Any], Iterable[Any]], Iterable[Sequence[Any]]]
"""Returns the values of some columns in the rows with some keys, inside a transaction that is open."""


class SongFacts:
    """Computes the facts of songs while a catalog is open.

    Args:
        select_by_keys: of the catalog.
    """

    def __init__(self, select_by_keys: RowLookup) -> None:
        self._select_by_keys = select_by_keys
        self._song_keys: SongKeys | None = None

    def completed(self, batch: BatchRecord) -> BatchRecord:
        """Return a batch with the facts of its songs, inside a transaction that is open.

        A batch without any facts is returned as it is. If its tracks have facts in the catalog, the keys of
        its songs are found after the run.
        """
        if all(version is None for version in batch.tracks["facts_version"]):
            return batch
        if self._song_keys is None:
            from midiprism.catalog.song_keys import SongKeys

            self._song_keys = SongKeys(self._select_facts)
        return self._song_keys.completed(batch)

    def _select_facts(self, digests: Sequence[bytes]) -> Iterable[Sequence[Any]]:
        columns = (tracks.c.digest, *(tracks.c[name] for name in SONG_KEY_FACTS))
        return self._select_by_keys(columns, tracks.c.digest, digests)

"""Songs that a later run is to split again."""

from collections.abc import Sequence

from sqlalchemy import update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import songs


def expire_contract(catalog: Catalog, song_ids: Sequence[int]) -> None:
    """Let songs count as split by an earlier contract: any later run splits them again."""

    def work() -> None:
        for part in query_chunks(song_ids):
            catalog.connection.execute(update(songs).where(songs.c.id.in_(part)).values(contract_version=0))

    catalog.run_in_transaction(work)

"""A table that is published."""

from typing import Any, NamedTuple

from midiprism.generations.layout import GROUPS, LINKS, SONGS, TRACKS
from midiprism.generations.result import Manifest, TableFile
from midiprism.generations.tables import GROUP_COLUMNS, OUTCOME_COLUMNS
from midiprism.objects import ObjectStorage, StorageUrl
from midiprism.stores.parquet.schema import LINK_COLUMNS, TRACK_COLUMNS, make_schema

COLUMNS = {TRACKS: TRACK_COLUMNS, LINKS: LINK_COLUMNS, SONGS: OUTCOME_COLUMNS, GROUPS: GROUP_COLUMNS}
"""The columns of the tables that are published."""

GENERATION_PROPERTY = "midiprism.generation"
"""Property of a publication that states its generation."""


class PublishedTable(NamedTuple):
    """A table as it is published.

    Attributes:
        table: its name.
        generation: of the publication: that of the manifest, or a later one that is there already.
        location: URL by which programs open it.
        files: number of its files.
        rows: number of its rows.
    """

    table: str
    generation: int
    location: str
    files: int
    rows: int


class TableSource(NamedTuple):
    """A table of a manifest.

    Attributes:
        table: its name.
        storage: of the result.
        place: of the result.
        manifest: of the generation.
    """

    table: str
    storage: ObjectStorage
    place: StorageUrl
    manifest: Manifest

    @property
    def files(self) -> list[TableFile]:
        """The files of the table."""
        return [file for file in self.manifest.files if file.table == self.table]

    @property
    def schema(self) -> Any:
        """The Arrow schema of the table."""
        return make_schema(COLUMNS[self.table], {})

    def published(self, generation: int, location: str) -> PublishedTable:
        """Return the table as it is published."""
        files = self.files
        rows = sum(file.stored.rows for file in files)
        return PublishedTable(self.table, generation, location, len(files), rows)

"""The part of the Python API for exports: trees of tracks for people, and data sets."""

import os
from collections.abc import Callable

from midiprism.api_values import PathLike, query_of
from midiprism.catalog import PostgresAddress
from midiprism.export.data_set import DataSetExport, export_data_set
from midiprism.export.export import Export, export_tracks
from midiprism.export.path_template import PathTemplate


class ExportMethods:
    """The methods of a ``Result`` that export.

    Attributes:
        folder: absolute path of the result.
    """

    folder: str
    _database: PostgresAddress | None

    def export(
        self,
        to: PathLike,
        query: str = "",
        *,
        layout: str = "song",
        hardlink: bool = False,
        one_per_group: bool = False,
        prune: bool = False,
        dry_run: bool = False,
        on_progress: Callable[[Export], None] | None = None,
        stop: Callable[[], bool] | None = None,
        **filters: str | int | float | bool,
    ) -> Export:
        """Write a tree of tracks under readable names, and return what was done.

        >>> open_result("result").export("tree", family="bass").files_new
        1

        Args:
            to: folder of the tree. Files that are there are left alone.
            query: for the tracks, as for ``find``.
            layout: ``song``, ``instrument``, or a template such as ``{family}/{song} {track:02}.mid``.
            hardlink: link the files instead of copying them.
            one_per_group: write one track of each group that ``find_groups`` found, and each track once.
            prune: remove files that earlier exports wrote, and nobody changed, of songs that are gone,
                renamed or changed.
            dry_run: write nothing.
            on_progress: called after every file.
            stop: once it returns true, no further file is written.
            filters: as for ``find``.

        Raises:
            TypeError: there is no filter of that name.
            UsageError: ``to`` cannot take a tree, or the template or the query is not valid.
            StoreError: ``to`` cannot be written.
            CatalogError: the catalog cannot be read.
        """
        return export_tracks(
            self.folder,
            os.fspath(to),
            PathTemplate(layout),
            query_of(query, filters),
            database=self._database,
            hardlink=hardlink,
            one_per_group=one_per_group,
            prune=prune,
            dry_run=dry_run,
            stop=stop or (lambda: False),
            listener=on_progress or (lambda _export: None),
        )

    def export_data_set(
        self,
        to: PathLike,
        query: str = "",
        *,
        limit: int | None = None,
        one_per_group: bool = False,
        **filters: str | int | float | bool,
    ) -> DataSetExport:
        """Write a data set of tracks, links and songs in Parquet files, with a card; return what was done.

        >>> exported = open_result("result").export_data_set("dataset", family="bass")
        >>> exported.tracks, exported.links, exported.songs
        (1, 1, 1)

        Args:
            to: folder of the data set, new or empty.
            query: for the tracks, as for ``find``.
            limit: export so many links at most, the first in the order of the query.
            one_per_group: export one track of each group that ``find_groups`` found, and each track with one
                link.
            filters: as for ``find``.

        Raises:
            UsageError: ``to`` cannot take a data set, nothing is found, the query is not valid, or there are
                no groups.
            StoreError: ``to`` cannot be written, or a track is lost or damaged.
        """
        return export_data_set(
            self.folder,
            os.fspath(to),
            query_of(query, filters),
            database=self._database,
            limit=limit,
            one_per_group=one_per_group,
        )

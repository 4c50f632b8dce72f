"""A selection: a Parquet file that names the tracks that a query finds, to join them with a data set."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from midiprism.catalog.track_row import TrackRow
from midiprism.stores.parquet.io import open_writer
from midiprism.stores.parquet.schema import LINK_COLUMNS, import_pyarrow, make_schema, make_table

_ROWS_PER_GROUP = 25_000

SELECTION_COLUMNS = tuple(
    next(column for column in LINK_COLUMNS if column.name == name)
    for name in ("track_blake3", "song_blake3", "position")
)


def write_selection(rows: Iterable[TrackRow], sink: Any, query: str) -> None:
    """Write a row for each link that was found, in order: digests of track and song, and the link's position.

    Args:
        rows: that were found.
        sink: a binary file that is open for writing.
        query: that found them; it is written into the file.

    Raises:
        UsageError: pyarrow is not installed.
        OSError: ``sink`` cannot be written.
    """
    arrow = import_pyarrow()
    schema = make_schema(SELECTION_COLUMNS, {"query": query})
    remaining = iter(rows)
    file = arrow.PythonFile(sink, "w")  # not closed, since that would close the sink
    with open_writer(file, schema, SELECTION_COLUMNS) as writer:
        while part := [
            (row.track.digest, row.song_digest, row.position) for row in islice(remaining, _ROWS_PER_GROUP)
        ]:
            names = (column.name for column in SELECTION_COLUMNS)
            values = dict(zip(names, zip(*part, strict=True), strict=True))
            writer.write_table(make_table(SELECTION_COLUMNS, schema, values))

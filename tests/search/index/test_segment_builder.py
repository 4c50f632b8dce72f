"""Tests of segments: facts that no track has are not read, and are NULL as those that are read."""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog.queries.index_rows import ALL_SONGS
from midiprism.catalog.reader import CatalogReader
from midiprism.records.fields import TRACK_FACT_NAMES
from midiprism.results.result_dir import catalog_path
from midiprism.search.index.segment_builder import build_segment
from support.index_checks import ChangingCatalog, make_result


class RecordingReader(CatalogReader):
    """A reader that remembers the statements whose rows it streamed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, "catalog", None)
        self.statements: list[str] = []

    def stream(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Generator[list[tuple[Any, ...]], None, None]:
        self.statements.append(statement)
        return super().stream(statement, values)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    out = make_result(tmp_path / "out")
    ChangingCatalog.of_seed(out, 1).add()
    opened = sqlite3.connect(catalog_path(str(out)))
    yield opened
    opened.close()


def segment(connection: sqlite3.Connection) -> tuple[dict[str, tuple[str, bytes]], bool]:
    """Return the arrays of all songs but that of the version of facts, and whether facts were read."""
    reader = RecordingReader(connection)
    arrays = build_segment(reader, [ALL_SONGS])
    kept = {name: (array.dtype.str, array.tobytes()) for name, array in arrays.items()}
    return {
        name: kept[name] for name in kept if not name.startswith("tracks.facts_version")
    }, "role_strength" in "".join(reader.statements)


def test_facts_that_no_track_has_are_null_without_being_read(connection: sqlite3.Connection) -> None:
    nothing = ", ".join(f'"{name}" = NULL' for name in TRACK_FACT_NAMES)
    connection.execute(f"UPDATE tracks SET {nothing}")
    unread, were_read = segment(connection)
    assert not were_read
    connection.execute("UPDATE tracks SET facts_version = 1 WHERE id = (SELECT max(track_id) FROM links)")
    read, were_read = segment(connection)
    assert were_read
    assert [*read] == [*unread]
    assert read == unread

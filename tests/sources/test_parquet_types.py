"""Tests of the column types that programs write songs and their ids in."""

import json
import os
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from midiprism.errors import UsageError
from midiprism.pipeline.record_builder import song_name_of
from midiprism.sources import Notice, SongRef, Source, open_source
from midiprism.sources.parquet_reader import ParquetRows
from support.archive_files import write_parquet

LIMIT = 1 << 20
DATA = [b"one", b"two" * 1000, b"three"]


def walk_source(library: Source) -> list[SongRef]:
    items = list(library.walk())
    assert not [item for item in items if isinstance(item, Notice)]
    assert list(library.running_count())[-1] == len(items)
    return [item for item in items if isinstance(item, SongRef)]


def song_contents(library: Source) -> list[bytes | None]:
    return [library.read(found, LIMIT).data for found in walk_source(library)]


def test_bytes_in_a_dictionary_within_a_struct_are_songs(tmp_path: Path) -> None:
    cells = pa.StructArray.from_arrays([pa.array(DATA).dictionary_encode()], ["bytes"])
    assert song_contents(open_source([write_parquet(tmp_path / "x.parquet", {"midi": cells})])) == DATA


SONGS = [b"MThd\x00\x00\x00\x06\xff\xfe", b"", b"RIFF\x20\x00\x00\x00RMIDdata\x80\x81"]


def as_text(values: list[bytes], kind: pa.DataType) -> pa.Array:
    """Return bytes that are marked as text, as ClickHouse writes them."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values).buffers()).cast(kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_songs_that_are_marked_as_text_are_read_as_they_are(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {"title": ["a", "b", "c"], "midi": as_text(SONGS, kind)}
    path = write_parquet(tmp_path / "x.parquet", columns)
    assert song_contents(open_source([path])) == SONGS
    assert song_contents(open_source([path], song_column="midi", name_column="title")) == SONGS
    with pytest.raises(UsageError, match="column title holds no bytes; those that do: midi"):
        open_source([path], song_column="title")


def test_a_column_of_bytes_comes_before_songs_that_are_marked_as_text(tmp_path: Path) -> None:
    columns = {"digest": [b"1", b"2", b"3"], "midi": as_text(SONGS, pa.string())}
    path = write_parquet(tmp_path / "x.parquet", columns)
    assert song_contents(open_source([path])) == columns["digest"]
    assert song_contents(open_source([path], song_column="midi")) == SONGS
    assert song_contents(open_source([path], name_column="digest")) == SONGS


def test_bytes_and_uuids_name_songs_and_are_kept(tmp_path: Path) -> None:
    ids = [uuid.UUID(int=number) for number in range(3)]
    columns = {
        "midi": DATA,
        "uuid": pa.array([one.bytes for one in ids], pa.uuid()),
        "md5": pa.array([one.bytes for one in ids], pa.binary(16)),
        "text": ["Björn".encode(), b"\xff\x00", None],
        "folded": pa.array([b"a", b"\x01", b"a"]).dictionary_encode(),
        "marked": as_text([b"\xff", b"a", b"b"], pa.string()),
    }
    path = write_parquet(tmp_path / "x.parquet", columns)
    expected: dict[str, list[str | None]] = {
        "uuid": [str(one) for one in ids],
        "md5": [one.hex for one in ids],
        "text": ["Björn", "ff00", None],
        "folded": ["a", "01", "a"],
    }
    for column, names in expected.items():
        library = open_source([path], song_column="midi", name_column=column)
        shown = [name or f"{number:08}" for number, name in enumerate(names)]
        assert [song_name_of(found) for found in walk_source(library)] == shown
    expected["marked"] = ["ff", "a", "b"]
    library = open_source([path], song_column="midi", kept_columns=list(expected))
    facts = [json.loads(library.read(found, LIMIT).facts or "") for found in walk_source(library)]
    assert facts == [dict(zip(expected, row, strict=True)) for row in zip(*expected.values(), strict=True)]


def test_long_bytes_that_name_songs_are_cut_between_characters(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"id": [b"n" + "ö".encode() * 600, b"\xff" * 600]})
    assert list(ParquetRows(os.fsencode(path)).song_names("id")) == ["n" + "ö" * 511, "ff" * 512]

"""Tests of Parquet files as sources: the column of songs, their names, and the kept columns."""

import json
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midiprism.errors import UsageError
from midiprism.pipeline.record_builder import song_name_of
from midiprism.sources import Notice, PathReader, SongRef, Source, UnreadableError, open_source
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


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_the_only_column_of_bytes_holds_the_songs(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"title": ["a", "b", "c"], "midi": pa.array(DATA, kind)})
    os.utime(path, ns=(5, 77))
    library = open_source([path])
    found = walk_source(library)
    assert song_contents(library) == DATA
    assert [one.path for one in found] == [os.fsencode(path) + b"/midi/%08d" % n for n in range(3)]
    assert [song_name_of(one) for one in found] == ["00000000", "00000001", "00000002"]
    assert {one.mtime_ns for one in found} == {77} == {library.read(one, LIMIT).mtime_ns for one in found}
    assert library.source_paths == (os.fsencode(path),)


def test_the_struct_of_hugging_face_is_a_column_of_bytes(tmp_path: Path) -> None:
    cells = [{"bytes": data, "path": f"folder/{data[:3].decode()}.mid"} for data in DATA]
    path = write_parquet(tmp_path / "x.parquet", {"midi": cells, "label": [1, 2, 3]})
    assert song_contents(open_source([path])) == DATA
    library = open_source([path], name_column="midi.path")
    assert [song_name_of(found) for found in walk_source(library)] == [
        "folder/one",
        "folder/two",
        "folder/thr",
    ]
    assert song_contents(library) == DATA


def test_a_null_is_a_song_without_bytes(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": pa.array([b"x", None, b""], pa.binary())})
    assert song_contents(open_source([path])) == [b"x", b"", b""]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = pa.array([None, {"bytes": None, "path": "x"}, {"bytes": b"x", "path": None}], kind)
    path = write_parquet(tmp_path / "y.parquet", {"midi": cells})
    library = open_source([path], name_column="midi.path")
    assert song_contents(library) == [b"", b"", b"x"]
    assert [song_name_of(found) for found in walk_source(library)] == ["00000000", "x", "00000002"]


def test_ids_name_the_songs_and_may_clash_or_lead_nowhere(tmp_path: Path) -> None:
    ids = ["Op. 27 No. 2", "a/b.mid", "Op. 27 No. 2", None, "../../x", "", "n" * 3000, "nul\0", "é/..", "/a"]
    path = write_parquet(
        tmp_path / "x.parquet", {"id": ids, "midi": [str(n).encode() for n in range(len(ids))]}
    )
    library = open_source([path], name_column="id")
    found = walk_source(library)
    assert [song_name_of(one) for one in found] == [
        "Op. 27 No. 2",
        "a/b",
        "Op. 27 No. 2",
        "00000003",
        "x",
        "00000005",
        "n" * 1020,
        "nul_",
        "é",
        "a",
    ]
    paths = [one.path for one in found]
    assert paths == sorted(set(paths)), "no two are the same, and the walk is in their order"
    assert song_contents(library) == [str(n).encode() for n in range(len(ids))]


def test_whole_numbers_name_songs_too(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"id": [7, 8, 9], "midi": DATA})
    assert [song_name_of(found) for found in walk_source(open_source([path], name_column="id"))] == [
        "7",
        "8",
        "9",
    ]


def test_kept_columns_come_as_json(tmp_path: Path) -> None:
    columns = {
        "midi": DATA,
        "genre": ["jazz", None, "f\u0000nk"],
        "score": [1.5, float("nan"), float("inf")],
        "tags": [["a", "b"], [], None],
        "when": pa.array([0, 1, None], pa.timestamp("s")),
    }
    path = write_parquet(tmp_path / "x.parquet", columns)
    library = open_source([path], kept_columns=["genre", "score", "tags", "when"])
    facts = [json.loads(library.read(found, LIMIT).facts or "") for found in walk_source(library)]
    assert facts == [
        {"genre": "jazz", "score": 1.5, "tags": ["a", "b"], "when": "1970-01-01 00:00:00"},
        {"genre": None, "score": None, "tags": [], "when": "1970-01-01 00:00:01"},
        {"genre": "f\0nk", "score": None, "tags": None, "when": None},
    ]
    assert open_source([path]).read(walk_source(library)[0], LIMIT).facts is None


def test_a_kept_date_that_python_cannot_represent_is_kept_as_its_number(tmp_path: Path) -> None:
    columns = {
        "midi": DATA,
        "when": pa.array([0, 2**61, None], pa.timestamp("us")),
        "day": pa.array([0, 2**30, -(2**30)], pa.date32()),
        "took": pa.array([1, 2**61, None], pa.duration("s")),
        "times": pa.array([[0], [2**61, None], None], pa.list_(pa.timestamp("us"))),
    }
    path = write_parquet(tmp_path / "x.parquet", columns)
    library = open_source([path], song_column="midi", kept_columns=["when", "day", "took", "times"])
    facts = [json.loads(library.read(found, LIMIT).facts or "") for found in walk_source(library)]
    first = {"when": "1970-01-01 00:00:00", "day": "1970-01-01", "took": "0:00:01"}
    assert facts[0].items() >= first.items()
    assert facts[1] == {"when": 2**61, "day": 2**30, "took": 2**61, "times": [2**61, None]}
    assert facts[2] == {"when": None, "day": -(2**30), "took": None, "times": None}


def test_a_song_with_too_many_facts_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.sources.parquet_reader.MAX_FACTS_CHARACTERS", 100)
    path = write_parquet(tmp_path / "x.parquet", {"midi": [b"a", b"b"], "text": ["x" * 200, "x"]})
    library = open_source([path], kept_columns=["text"])
    first, second = walk_source(library)
    library = pickle.loads(pickle.dumps(library))  # as in a worker, which reads in its own process
    with pytest.raises(UnreadableError) as raised:
        library.read(first, LIMIT)
    assert raised.value.code == "limit"
    assert library.read(second, LIMIT).data == b"b"


def write_dictionary(path: Path, column: str, value: Any, rows: int, **others: Any) -> Path:
    """Write a file of the same value in many rows, which is stored once."""
    values = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array([value]))
    return write_parquet(path, {column: values, **others}, compression="zstd", store_schema=False)


def test_rows_with_large_values_are_decoded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dictionary(tmp_path / "x.parquet", "midi", bytes(24 << 20), 40)
    assert path.stat().st_size < 1 << 20
    pool_before = pa.total_allocated_bytes()
    source = open_source([path])
    library = pickle.loads(pickle.dumps(source))  # as in a worker, which reads in its own process
    for found in walk_source(source):
        content = library.read(found, LIMIT)
        assert (content.data, content.size) == (None, 24 << 20)
        assert pa.total_allocated_bytes() - pool_before < 200 << 20


def test_long_names_are_cut_and_decoded_a_few_at_a_time(tmp_path: Path) -> None:
    numbers = pa.array([b"%d" % number for number in range(100)])
    path = write_dictionary(tmp_path / "x.parquet", "id", "n" * (8 << 20), 100, midi=numbers)
    pool_before = pa.total_allocated_bytes()
    names = set()
    for name in ParquetRows(os.fsencode(path)).song_names("id"):
        assert pa.total_allocated_bytes() - pool_before < 200 << 20
        names.add(name)
    assert names == {"n" * 1024}
    library = open_source([path], name_column="id", song_column="midi")
    assert {song_name_of(found) for found in walk_source(library)} == {"n" * 1020}


def test_a_kept_value_that_is_too_large_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    songs = pa.array([b"a", b"b"])
    path = write_dictionary(tmp_path / "x.parquet", "text", "x" * (8 << 20), 2, midi=songs)
    library = open_source([path], kept_columns=["text"])
    for found in walk_source(library):
        with pytest.raises(UnreadableError) as raised:
            library.read(found, LIMIT)
        assert raised.value.code == "limit"


def test_the_bytes_of_a_song_beyond_the_limit_are_digested_and_not_kept(tmp_path: Path) -> None:
    library = open_source([write_parquet(tmp_path / "x.parquet", {"midi": [bytes(101), b"x"]})])
    found = walk_source(library)
    assert [library.read(one, 100).data for one in found] == [None, b"x"]
    assert library.read(found[0], 100).size == 101


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "has several columns of bytes: choose one of midi, other, hf"),
        (
            {"song_column": "nowhere"},
            "there is no column nowhere: its columns are midi, other, hf, id, score",
        ),
        ({"song_column": "score"}, "column score holds no bytes; those that do: midi, other, hf"),
        ({"song_column": "midi", "name_column": "what"}, "there is no column what"),
        ({"song_column": "midi", "name_column": "score"}, "neither text nor whole numbers"),
        ({"song_column": "midi", "name_column": "midi"}, "neither text nor whole numbers"),
        ({"song_column": "id"}, "column id holds no bytes; those that do: midi, other, hf"),
        ({"song_column": "hf.bytes"}, "column hf.bytes holds no bytes"),
        (
            {"song_column": "midi", "kept_columns": ["id", "hf"]},
            "column hf cannot be kept: it holds songs, or bytes in lists or structs",
        ),
        ({"song_column": "midi", "kept_columns": ["midi"]}, "column midi cannot be kept"),
    ],
)
def test_a_wrong_column_is_a_usage_error(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    columns = {"midi": [b"x"], "other": [b"y"], "hf": [{"bytes": b"z"}], "id": ["a"], "score": [1.0]}
    path = write_parquet(tmp_path / "x.parquet", columns)
    with pytest.raises(UsageError, match=message) as raised:
        open_source([path], **options)
    assert str(path) in str(raised.value)


def test_a_file_without_bytes_and_options_without_a_file_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no column of bytes"):
        open_source([write_parquet(tmp_path / "x.parquet", {"id": ["a"]})])
    for options in ({"song_column": "a"}, {"name_column": "a"}, {"kept_columns": ["a"]}):
        with pytest.raises(UsageError, match="a Parquet file"):
            open_source([tmp_path], **options)


def test_without_pyarrow_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": DATA})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"needs the package pyarrow.*pip install 'pyarrow"):
        open_source([path])


def test_parquet_files_in_folders_are_ignored(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", {"midi": DATA})
    assert list(open_source([tmp_path], enter_archives=True).walk()) == []


def test_another_column_gives_other_paths(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"a/b %": [b"1"], "a": [b"2"]})
    for column, shown, data in (("a/b %", b"a%2Fb %25", b"1"), ("a", b"a", b"2")):
        (found,) = walk_source(open_source([path], song_column=column))
        assert found.path == os.fsencode(path) + b"/" + shown + b"/00000000"
        assert PathReader().read(found.path, LIMIT).data == data


def test_a_row_is_read_by_its_path_alone(tmp_path: Path) -> None:
    cells = [{"bytes": data, "path": "x/y.mid"} for data in DATA]
    path = write_parquet(
        tmp_path / "x.parquet", {"midi": cells, "other": [b"1", b"2", b"3"]}, row_group_size=2
    )
    library, again = open_source([path], song_column="midi", name_column="midi.path"), PathReader()
    for found in walk_source(library):
        assert again.read(found.path, LIMIT) == library.read(found, LIMIT)
    for wrong in (b"/midi/00000003", b"/nothing/00000000", b"/midi", b"/midi/x.mid", b"/midi/" + b"9" * 5000):
        with pytest.raises(UnreadableError) as raised:
            again.read(os.fsencode(path) + wrong, LIMIT)
        assert raised.value.code in ("vanished", "damaged")


def test_rows_are_decoded_once_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    data = [os.urandom(200) for _ in range(1_000)]
    path = write_parquet(tmp_path / "x.parquet", {"midi": data}, row_group_size=300)
    library = open_source([path])
    found = walk_source(library)
    iter_batches = pq.ParquetFile.iter_batches

    def count_batches(file: pq.ParquetFile, *args: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        for batch in iter_batches(file, *args, **options):
            decoded.append(batch)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", count_batches)
    crossed = pickle.loads(pickle.dumps(library))
    assert [crossed.read(one, LIMIT).data for one in found] == data
    assert len(decoded) == 3 * 19 + 7
    # A few rows out of order cost nothing; for rows far back, their group is decoded again.
    assert crossed.read(found[960], LIMIT).data == data[960]
    assert len(decoded) == 3 * 19 + 7
    assert crossed.read(found[310], LIMIT).data == data[310]
    assert len(decoded) == 3 * 19 + 8


@pytest.mark.parametrize("cut", [0, 3, 100, -1])
def test_a_file_that_is_not_parquet_gives_a_notice(tmp_path: Path, cut: int) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": DATA})
    path.write_bytes(path.read_bytes()[:cut])
    good = write_parquet(tmp_path / "y.parquet", {"midi": DATA})
    library = open_source([path, good])
    items = list(library.walk())
    assert [item.code for item in items if isinstance(item, Notice)] == ["archive"]
    assert sum(isinstance(item, SongRef) for item in items) == 3 == list(library.running_count())[-1]


def test_wrong_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"id": ["a", "b", "c"], "midi": DATA})
    data = path.read_bytes()
    for number in range(4, len(data), 5):
        path.write_bytes(data[:number] + bytes([data[number] ^ 0xFF]) + data[number + 1 :])
        try:
            library = open_source([path], name_column="id")
        except UsageError:
            continue
        for item in library.walk():
            if isinstance(item, SongRef):
                with suppress(UnreadableError):
                    library.read(item, LIMIT)


def test_a_file_that_changed_after_the_walk_is_not_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": DATA})
    library = open_source([path])
    found = walk_source(library)
    write_parquet(path, {"midi": DATA[::-1]})
    os.utime(path, ns=(1, 1))
    with pytest.raises(UnreadableError) as raised:
        library.read(found[0], LIMIT)
    assert raised.value.code == "changing"
    path.unlink()
    assert library.missing_paths() == [os.fsencode(path)]

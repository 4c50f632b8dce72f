"""The groups, folds and keys of songs in object storage are those of a local result of the same songs."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from blake3 import blake3

import midiprism
from midiprism.errors import UsageError
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.forget import forget_songs_in_storage
from midiprism.generations.groups.columns import digests_of, fixed_bytes_of
from midiprism.generations.groups.make import make_groups
from midiprism.generations.groups.song_groups import LaneSizes, lanes_of_notes
from midiprism.generations.groups.table import GroupTable, find_groups
from midiprism.generations.layout import GROUPS, groups_key, manifest_key
from midiprism.generations.open_generation import MAX_ATTEMPT_SECONDS
from midiprism.generations.plan import SplitSettings
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.sweep import GRACE, sweep
from midiprism.generations.tables import GROUP_COLUMNS
from midiprism.objects import ObjectStorage, ReadRequest, open_storage
from support.generation_results import (
    empty_result,
    local_rows,
    memory_url,
    options,
    parts,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
)
from support.object_stores import HookedStorage, KilledError, When

LATER = datetime.now(UTC) + GRACE + timedelta(hours=1)
COLUMNS = [column.name for column in GROUP_COLUMNS]

Rows = list[dict[str, Any]]


def versions_of_songs(count: int = 8) -> dict[str, bytes]:
    """Return songs of which some share titles, tracks or folders, and copies and broken ones."""
    songs = some_songs(count, broken=6)
    good = song_bytes(count, 2 * count)
    songs |= {f"versions/Song {number % 5} (v{number}).mid": data for number, data in enumerate(good)}
    songs |= {f"by number/album {number % 3}/{number:02}.mid": data for number, data in enumerate(good[:6])}
    return songs | {f"again/{key}": data for key, data in [*songs.items()][::4]}


def split(songs: dict[str, bytes], url: str | None = None, **values: Any) -> str:
    url = url or memory_url()
    split_to_storage(source_with(songs), url, options(**values), parts())
    return url


def stored_groups(url: str, made: GroupTable | None = None) -> Rows:
    """Return the rows of the groups of the newest generation, which were made."""
    storage = open_storage(url)
    result = open_result(storage)
    found = find_groups(result, result.newest_manifest().number)
    assert found is not None
    assert made in (None, found)
    rows: Rows = []
    for stored in found.stored:
        data = storage.read(ReadRequest(stored.name))
        assert (len(data), blake3(data).hexdigest()) == (stored.size, stored.digest)
        part = pyarrow.parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
        assert len(part) == stored.rows
        rows += part
    assert len(rows) == found.songs
    assert len({row["song_group"] for row in rows}) == found.groups
    return rows


def local_groups(songs: dict[str, bytes], folder: Path, **values: Any) -> Rows:
    """Return the same columns of a local result of the same songs, in the order of their digests."""
    local_rows(songs, folder, **values)
    table = pyarrow.parquet.read_table(folder / "out" / "songs" / "songs.parquet", columns=COLUMNS)
    rows: Rows = table.sort_by("blake3").to_pylist()
    return rows


def test_groups_folds_and_keys_are_those_of_a_local_result(tmp_path: Path) -> None:
    songs = versions_of_songs()
    url = split(songs)
    made = make_groups(url)
    assert stored_groups(url, made) == local_groups(songs, tmp_path)
    assert made.groups < made.songs
    assert [*stored_groups(url)[0]] == COLUMNS
    assert make_groups(url) == made


@pytest.mark.parametrize("sizes", [LaneSizes(1, 1), LaneSizes(20, 7)])
def test_the_groups_are_the_same_for_any_chunks_and_lanes(tmp_path: Path, sizes: LaneSizes) -> None:
    songs = versions_of_songs(4)
    url = split(songs, chunks=ChunkLimits(1_000, chunks=1_000, min_songs=1))
    other = split(songs, chunks=ChunkLimits(8, chunks=1_000, min_songs=1), prefixes=16)
    made = make_groups(other, folder=str(tmp_path), sizes=sizes)
    assert len(made.stored) == -(-made.songs // sizes.songs)
    make_groups(url)
    assert stored_groups(other) == stored_groups(url)
    assert [*tmp_path.iterdir()] == []


def test_songs_in_archives_are_grouped_by_their_paths_in_them(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, data in enumerate(song_bytes(0, 4)):
            archive.writestr(f"album/Song {number % 2}.{number}.mid", data)
    songs = {"x/Song 1.mid": song_bytes(5, 6)[0], "packed.zip": packed.getvalue()}
    url = split(songs, archives=True)
    make_groups(url)
    assert stored_groups(url) == local_groups(songs, tmp_path, enter_archives=True)


def test_without_facts_of_tracks_there_are_no_keys(tmp_path: Path) -> None:
    songs = versions_of_songs(4)
    url = split(songs, settings=SplitSettings(facts=False))
    make_groups(url)
    assert stored_groups(url) == local_groups(songs, tmp_path, facts=False)
    assert {row["song_key"] for row in stored_groups(url)} == {None}


def test_the_notes_of_long_tracks_group_songs_of_other_titles(tmp_path: Path) -> None:
    songs = {f"{name}.mid": data for name, data in zip(("Oak", "Elm"), song_bytes(0, 2), strict=True)}
    songs |= {
        f"{name}.mid": data + b"XXXX\0\0\0\1\0"
        for name, data in zip(("Ash", "Fir"), song_bytes(0, 2), strict=True)
    }
    url = split(songs)
    assert make_groups(url).songs == 4
    group_of = {row["blake3"]: row["song_group"] for row in stored_groups(url)}
    oak, elm, ash, fir = (group_of[blake3(data).hexdigest()] for data in songs.values())
    assert (oak, elm) == (ash, fir)
    assert stored_groups(url) == local_groups(songs, tmp_path)


def test_each_generation_has_groups_of_its_own(tmp_path: Path) -> None:
    songs = {f"Song {number}.mid": data for number, data in enumerate(song_bytes(0, 8))}
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), parts())
    local_groups(songs, tmp_path)
    first = make_groups(url)
    # Song 1 has other bytes now, so its title is that of another song.
    changed = {"Song 1.mid": song_bytes(9, 10)[0], "x/Song 2 (live).mid": song_bytes(10, 11)[0]}
    put_songs(open_storage(source), changed)
    split_to_storage(source, url, options(), parts())
    with pytest.raises(UsageError, match=r"groups of generation 2 of .* were not made"):
        midiprism.table_files(url, "groups")
    assert len(midiprism.table_files(url, "groups", generation=1)) == len(first.stored)
    second = make_groups(url)
    assert (second.generation, second.songs) == (2, 10)
    assert stored_groups(url, second) == local_groups(songs | changed, tmp_path)
    open_storage(source).delete(["Song 3.mid"])
    split_to_storage(source, url, options(prune=True), parts())
    assert make_groups(url).songs == 8  # without Song 3, and what Song 1 was
    left = {key: data for key, data in (songs | changed).items() if key != "Song 3.mid"}
    assert stored_groups(url) == local_groups(left, tmp_path / "left")


def test_forgotten_songs_are_in_no_group(tmp_path: Path) -> None:
    songs = versions_of_songs()
    url = split(songs)
    make_groups(url)
    gone = {blake3(data).digest() for data in song_bytes(0, 3)}
    forget_songs_in_storage(url, gone)
    with pytest.raises(UsageError, match="not made"):
        midiprism.table_files(url, "groups")
    make_groups(url)
    left = {key: data for key, data in songs.items() if blake3(data).digest() not in gone}
    assert stored_groups(url) == local_groups(left, tmp_path)
    result = open_result(open_storage(url))
    sweep(result, datetime.now(UTC), forgotten=True)
    assert find_groups(result, 1) is None
    digests = {row["blake3"] for row in stored_groups(url)}
    assert not digests & {digest.hex() for digest in gone}


def test_songs_without_tracks_are_groups_of_their_own() -> None:
    url = split({"a/x.mid": b"no song", "b/x.mid": b"none either"})
    made = make_groups(url)
    assert (made.songs, made.groups) == (2, 2)
    assert {row["song_key"] for row in stored_groups(url)} == {None}


def test_groups_need_a_generation() -> None:
    with pytest.raises(UsageError, match="has no committed generation yet"):
        make_groups(empty_result())


def keys_of(url: str) -> set[str]:
    return {info.key for info in open_storage(url).list()}


def test_a_sweep_keeps_current_groups_and_removes_others() -> None:
    source, url = source_with(some_songs(4)), memory_url()
    split_to_storage(source, url, options(), parts())
    first = make_groups(url)
    before = keys_of(url)
    open_storage(url).put("groups/groups-000001-000000-stray.parquet", b"of a process that was killed")
    assert sweep(open_result(open_storage(url)), LATER).objects == 1
    assert keys_of(url) == before
    put_songs(open_storage(source), {"new.mid": song_bytes(30, 31)[0]})
    split_to_storage(source, url, options(), parts())
    second = make_groups(url)
    rows = stored_groups(url)
    assert {it.name for it in first.stored} <= keys_of(url)
    sweep(open_result(open_storage(url)), LATER)
    left = {key for key in keys_of(url) if key.startswith(f"{GROUPS}/")}
    assert left == {groups_key(2), *(it.name for it in second.stored)}
    assert stored_groups(url) == rows


def hooked(hook: Callable[[When, str, str], None]) -> Callable[[str], ObjectStorage]:
    return lambda url: HookedStorage(open_storage(url), hook)


def test_a_kill_at_any_request_changes_nothing() -> None:
    url = split(versions_of_songs(3))
    sizes = LaneSizes(20, 10)
    points: list[tuple[When, str, str]] = []
    other = split(versions_of_songs(3))
    make_groups(other, sizes=sizes, opener=hooked(lambda *point: points.append(point)))
    expected = stored_groups(other)
    before = keys_of(url)
    for number, point in enumerate(points):
        if "probes/" in point[2]:
            continue
        calls = iter(range(len(points)))

        def kill(*_point: str, calls: Any = calls, number: int = number) -> None:
            if next(calls) == number:
                raise KilledError

        with suppress(KilledError):
            make_groups(url, sizes=sizes, opener=hooked(kill))
        make_groups(url, sizes=sizes)
        assert stored_groups(url) == expected, point
        sweep(open_result(open_storage(url)), LATER)
        named = {key for key in keys_of(url) if key.startswith(f"{GROUPS}/")}
        assert keys_of(url) == before | named, point
        open_storage(url).delete([*named])


def test_of_two_processes_the_first_counts() -> None:
    url = split(versions_of_songs(3))
    made: list[GroupTable] = []

    def overtake(when: When, name: str, key: str) -> None:
        if (when, name, key) == ("before", "create", groups_key(1)):
            made.append(make_groups(url))

    assert make_groups(url, opener=hooked(overtake)) == made[0]
    named = {key for key in keys_of(url) if key.startswith(f"{GROUPS}/")}
    assert named == {groups_key(1), *(it.name for it in made[0].stored)}


def test_a_generation_that_is_committed_meanwhile_has_no_groups() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    split_to_storage(source, url, options(), parts())

    def overtake(when: When, name: str, key: str) -> None:
        if (when, name, key) == ("before", "create", groups_key(1)):
            put_songs(open_storage(source), {"new.mid": song_bytes(30, 31)[0]})
            split_to_storage(source, url, options(), parts())

    made = make_groups(url, opener=hooked(overtake))
    assert len(midiprism.table_files(url, "groups", generation=1)) == len(made.stored)
    with pytest.raises(UsageError, match=r"generation 2 of .* were not made"):
        midiprism.table_files(url, "groups")
    sweep(open_result(open_storage(url)), LATER)
    assert not any(key.startswith(f"{GROUPS}/") for key in keys_of(url))
    assert make_groups(url).songs == made.songs + 1


def test_an_attempt_that_took_too_long_records_nothing() -> None:
    url = split(some_songs(3))
    times = iter((0.0, MAX_ATTEMPT_SECONDS + 1))
    with pytest.raises(GenerationError, match="more than 12 hours"):
        make_groups(url, clock=lambda: next(times))
    assert find_groups(open_result(open_storage(url)), 1) is None


def test_it_can_be_stopped() -> None:
    url = split(some_songs(3))
    calls: list[tuple[int, int]] = []
    with pytest.raises(GenerationStoppedError):
        make_groups(url, lambda: len(calls) > 2, lambda *counts: calls.append(counts))
    assert find_groups(open_result(open_storage(url)), 1) is None
    calls.clear()
    make_groups(url, on_file=lambda *counts: calls.append(counts))
    assert calls[0][0] == 0
    assert calls[-1][0] == calls[-1][1] == len(open_result(open_storage(url)).newest_manifest().files)


@pytest.mark.parametrize("record", [b"{}", b'{"generation": 1, "files": [1], "songs": 1, "groups": 1}'])
def test_a_record_that_is_none_is_refused(record: bytes) -> None:
    url = split(some_songs(3))
    open_storage(url).put(groups_key(1), record)
    with pytest.raises(GenerationError, match="can be removed and made again"):
        make_groups(url)


Change = Callable[[list[Any]], Any]


def reversed_digests(values: list[Any]) -> Any:
    return pyarrow.array([value and value[::-1] for value in values])


def no_values(values: list[Any]) -> Any:
    return pyarrow.nulls(len(values), pyarrow.string())


def texts(values: list[Any]) -> Any:
    return pyarrow.array(["x"] * len(values))


def change_a_file(url: str, table: str, column: str, change: Change) -> None:
    """Change a column of a file, so that only its content tells."""
    storage = open_storage(url)
    manifest = open_result(storage).newest_manifest()
    stored = max((it.stored for it in manifest.files if it.table == table), key=lambda it: it.rows)
    rows = pyarrow.parquet.read_table(pyarrow.BufferReader(storage.read(ReadRequest(stored.name))))
    place = rows.schema.get_field_index(column)
    changed = rows.set_column(place, column, change(rows.column(column).to_pylist()))
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(changed, sink)
    storage.put(stored.name, sink.getvalue().to_pybytes())
    content = storage.read(ReadRequest(manifest_key(1))).decode()
    named = content.replace(f'"bytes":{stored.size},', f'"bytes":{sink.getvalue().size},')
    storage.put(manifest_key(1), named.encode())


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("songs", "blake3", reversed_digests),
        ("links", "song_blake3", reversed_digests),
        ("links", "track_blake3", reversed_digests),
        ("tracks", "blake3", reversed_digests),
        ("paths", "blake3", reversed_digests),
        ("paths", "path", no_values),
        ("tracks", "pitch_class_weights", texts),
        ("tracks", "note_hash", texts),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_files_that_contradict_each_other_are_noticed(table: str, column: str, change: Change) -> None:
    url = split(some_songs(3))
    change_a_file(url, table, column, change)
    with pytest.raises(GenerationError, match="damaged"):
        make_groups(url)


def test_digests_are_read_from_any_part_of_a_column() -> None:
    digests = [song.to_bytes(32, "big") for song in (0, 7, 1 << 200, 255)]
    column = pyarrow.array([digests[0].hex(), None, *(it.hex() for it in digests[1:])])
    found, present = digests_of(column.slice(1))
    assert present.tolist() == [False, True, True, True]
    assert found[1:].tobytes() == b"".join(digests[1:])
    assert digests_of(pyarrow.array([None], pyarrow.string()))[1].tolist() == [False]
    assert len(digests_of(pyarrow.array([], pyarrow.string()))[0]) == 0
    for wrong in ("", "ab", "g" * 64, "A" * 64, "a" * 128, "é" * 32):
        with pytest.raises(GenerationError, match="damaged"):
            digests_of(pyarrow.array(["0" * 64, wrong]))
    with pytest.raises(GenerationError, match="damaged"):
        fixed_bytes_of(pyarrow.array([b"12", b"1", b"123"]), 2)
    assert (
        fixed_bytes_of(pyarrow.array([b"12", None, b"34"]), 2)[1].tolist()
        == np.frombuffer(b"1234", np.uint8).reshape(2, 2).tolist()
    )


def test_hashes_of_notes_are_divided_evenly_among_lanes() -> None:
    hashes = np.array(
        [track.note_hash for data in song_bytes(0, 60) for track in midiprism.split(data).tracks]
    )
    counts = np.bincount(lanes_of_notes(hashes, 4), minlength=4)
    assert len(counts) == 4
    assert counts.min() > len(hashes) / 10

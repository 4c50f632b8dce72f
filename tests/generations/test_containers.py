"""Archives and Parquet files in object storage are read as folders of songs."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from blake3 import blake3

from midiprism.generations.forget import forget_songs_in_storage
from midiprism.generations.result import open_result
from midiprism.generations.run import RunOptions, split_to_storage
from midiprism.objects import ObjectStorage, open_storage
from support.archive_files import damaged_zip_of, zip_of
from support.generation_results import (
    Rows,
    local_rows,
    memory_url,
    options,
    parts,
    put_songs,
    song_bytes,
    source_with,
    stored_rows,
    table_rows,
)
from support.object_stores import HookedStorage, When

Songs = dict[str, bytes]


def tar_of(songs: Songs, mode: Any = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in songs.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def parquet_of(songs: Songs) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"song": [*songs.values()]}), buffer)
    return buffer.getvalue()


ARCHIVES: dict[str, Callable[[Songs], bytes]] = {
    "a.zip": zip_of,
    "b.tar": tar_of,
    "c.TAR.GZ": lambda songs: tar_of(songs, "w:gz"),
    "d.tar.xz": lambda songs: tar_of(songs, "w:xz"),
}


def with_archives(**values: bool) -> RunOptions:
    return options(archives=True, **values)


def local_rows_with_archives(objects: Songs, folder: Path) -> Rows:
    """Return the rows of a local result of a folder with these files, whose archives are entered."""
    return local_rows(objects, folder, enter_archives=True)


def midi_songs(first: int, last: int, prefix: str = "") -> Songs:
    return {f"{prefix}{number:03}.mid": data for number, data in enumerate(song_bytes(first, last), first)}


def test_songs_in_archives_are_those_of_a_local_run(tmp_path: Path) -> None:
    objects = midi_songs(0, 8) | {"x.tar.mid": song_bytes(9, 10)[0]}
    for number, (name, pack) in enumerate(ARCHIVES.items()):
        members = midi_songs(number, number + 6, "in/") | {"z.txt": b"none"}
        objects[f"archives/{name}"] = pack(dict(reversed([*members.items()])))
    objects["x.tar"] = tar_of(midi_songs(9, 11))  # the same song as x.tar.mid, which comes before its members
    source, url = source_with(objects), memory_url()
    summary = split_to_storage(source, url, with_archives(), parts())
    assert stored_rows(url) == local_rows_with_archives(objects, tmp_path)
    again = split_to_storage(source, url, with_archives(), parts())
    assert (again.generation, again.songs_planned) == (1, 0)
    assert summary.generation == 1


def test_rows_of_parquet_files_are_songs() -> None:
    songs = midi_songs(0, 5)
    source, url = source_with({"shard.parquet": parquet_of(songs)}), memory_url()
    split_to_storage(source, url, with_archives(), parts())
    alone = memory_url()
    split_to_storage(source_with(songs), alone, options(), parts())
    assert stored_rows(url)["tracks"] == stored_rows(alone)["tracks"]
    assert stored_rows(url)["links"] == stored_rows(alone)["links"]


def test_archives_are_left_out_unless_that_is_asked_for() -> None:
    source, url = source_with(midi_songs(0, 2) | {"a.zip": zip_of(midi_songs(2, 4))}), memory_url()
    assert split_to_storage(source, url, options(), parts()).outcomes == {"split": 2}


def test_a_changed_archive_is_read_again_and_others_are_not() -> None:
    source, url = memory_url(), memory_url()
    put_songs(open_storage(source), {"a.zip": zip_of(midi_songs(0, 3)), "b.zip": zip_of(midi_songs(3, 6))})
    split_to_storage(source, url, with_archives(), parts())
    put_songs(open_storage(source), {"b.zip": zip_of(midi_songs(3, 7))})
    read: list[str] = []

    def note(when: When, name: str, key: str) -> None:
        if when == "before" and name == "read" and key.endswith(".zip"):
            read.append(key)

    def opened(place: str, **values: Any) -> ObjectStorage:
        return HookedStorage(open_storage(place, **values), note)

    summary = split_to_storage(source, url, with_archives(), parts(open_storage=opened))
    assert (summary.generation, summary.outcomes) == (2, {"split": 7})
    assert {*read} == {"b.zip"}


def test_an_archive_without_songs_is_read_once() -> None:
    source, url = (
        source_with({"a.zip": zip_of({"a.txt": b"none"}), "b.mid": song_bytes(0, 1)[0]}),
        memory_url(),
    )
    for expected in (2, 0):
        assert split_to_storage(source, url, with_archives(), parts()).songs_planned == expected


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar", "broken.tar.gz", "broken.parquet"])
def test_a_broken_archive_costs_itself(name: str) -> None:
    source, url = source_with(midi_songs(0, 3) | {name: b"nothing of the kind" * 40}), memory_url()
    summary = split_to_storage(source, url, with_archives(), parts())
    assert summary.outcomes == {"split": 3, "unreadable": 1}
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    assert [row["path"] for row in rows if row["outcome"] == "unreadable"] == [name]


def test_a_damaged_member_costs_itself() -> None:
    source, url = source_with({"a.zip": damaged_zip_of(midi_songs(0, 3))}), memory_url()
    outcomes = split_to_storage(source, url, with_archives(), parts()).outcomes
    assert outcomes == {"split": 2, "unreadable": 1}


def test_an_archive_that_vanishes_costs_itself() -> None:
    source, url = source_with(midi_songs(0, 2) | {"a.zip": zip_of(midi_songs(2, 4))}), memory_url()

    def vanish(when: When, name: str, key: str) -> None:
        if when == "before" and name == "read" and key == "a.zip":
            open_storage(source).delete([key])

    def opened(place: str, **values: Any) -> ObjectStorage:
        return HookedStorage(open_storage(place, **values), vanish)

    summary = split_to_storage(source, url, with_archives(), parts(open_storage=opened))
    assert summary.outcomes == {"split": 2, "unreadable": 1}


def test_a_large_archive_has_a_chunk_of_its_own() -> None:
    members = {f"{number:05}.mid": data for number, data in enumerate(song_bytes(0, 12))}
    source, url = source_with(midi_songs(0, 3) | {"m.tar": tar_of(members)}), memory_url()
    split_to_storage(source, url, with_archives(), parts())
    assert len(open_result(open_storage(url)).read_plan(1).chunks) == 2


def test_songs_keep_their_names_if_an_archive_is_damaged() -> None:
    good = midi_songs(0, 3)
    source = source_with(
        {"m.tar": b"damaged" * 99, "m.tar.gz": tar_of(good, "w:gz"), "m.tar.gz.mid": song_bytes(4, 5)[0]}
    )
    url = memory_url()
    split_to_storage(source, url, with_archives(), parts())
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    expected = {f"m.tar.gz/{name}": blake3(data).hexdigest() for name, data in good.items()}
    expected["m.tar.gz.mid"] = blake3(song_bytes(4, 5)[0]).hexdigest()
    assert {row["path"]: row["blake3"] for row in rows if row["outcome"] == "split"} == expected
    assert [row["path"] for row in rows if row["outcome"] != "split"] == ["m.tar"]


def test_names_that_are_not_utf_8_name_different_songs() -> None:
    first, second = song_bytes(0, 2)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        for name, data in (("è.mid", second), ("é.mid", first)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    url = memory_url()
    split_to_storage(source_with({"a.tar.gz": buffer.getvalue()}), url, with_archives(), parts())
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    assert {row["blake3"] for row in rows} == {blake3(first).hexdigest(), blake3(second).hexdigest()}
    assert len({row["path"] for row in rows}) == 2


def test_a_damaged_archive_is_not_gone() -> None:
    source, url = source_with(midi_songs(0, 2) | {"m.tar": b"damaged" * 99}), memory_url()
    split_to_storage(source, url, with_archives(), parts())
    again = split_to_storage(source, url, with_archives(prune=True), parts())
    assert (again.generation, again.songs_gone, again.songs_planned) == (1, 0, 0)


def test_a_long_key_is_no_name_on_the_disk() -> None:
    source, url = source_with({f"1.{'x' * 246}.zip": zip_of(midi_songs(0, 2))}), memory_url()
    assert split_to_storage(source, url, with_archives(), parts()).outcomes == {"split": 2}


def test_forgotten_songs_of_archives_come_back() -> None:
    source, url = source_with({"a.zip": zip_of(midi_songs(0, 3))}), memory_url()
    split_to_storage(source, url, with_archives(), parts())
    forget_songs_in_storage(url, [blake3(song_bytes(0, 1)[0]).digest()])
    assert open_result(open_storage(url)).newest_manifest().outcomes == {"split": 2}
    assert split_to_storage(source, url, with_archives(), parts()).outcomes == {"split": 3}

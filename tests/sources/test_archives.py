"""Tests of listing and reading the songs of archives."""

import gzip
import os
import pickle
import zipfile
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.sources import (
    Notice,
    PathReader,
    SongRef,
    Source,
    UnreadableError,
    open_source,
)
from midiprism.sources.archives import decompress
from midiprism.sources.file_cache import OpenFile
from support.archive_files import ARCHIVE_SUFFIXES, write_archive

LIMIT = 1 << 20
SONGS = {
    "z.mid": b"z",
    "a/2.mid": b"two",
    "a-.MID": b"dash" * 1000,
    "./a//10.kar": b"ten",
    "a/read.me": b"no song",
    "B/1.mid": b"1",
}
NAMES = ["B/1.mid", "a-.MID", "a/10.kar", "a/2.mid", "z.mid"]


def walk_source(library: Source) -> tuple[list[SongRef], list[Notice]]:
    items = list(library.walk())
    return (
        [item for item in items if isinstance(item, SongRef)],
        [item for item in items if isinstance(item, Notice)],
    )


def song_names(library: Source) -> list[str]:
    return [os.fsdecode(found.path[found.root_length :]) for found in walk_source(library)[0]]


def song_contents(library: Source) -> dict[str, bytes | None]:
    """Return the content of every song, in the order of the walk."""
    found = walk_source(library)[0]
    return {os.fsdecode(one.path[one.root_length :]): library.read(one, LIMIT).data for one in found}


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_an_archive_is_read_like_a_folder(tmp_path: Path, kind: str) -> None:
    path = write_archive(tmp_path / f"songs{kind}", SONGS)
    os.utime(path, ns=(5, 77))
    library = open_source([path])
    found, notices = walk_source(library)
    assert notices == []
    assert song_contents(library) == {
        "B/1.mid": b"1",
        "a-.MID": b"dash" * 1000,
        "a/10.kar": b"ten",
        "a/2.mid": b"two",
        "z.mid": b"z",
    }
    for one in found:
        assert one.path == os.fsencode(path) + b"/" + one.path[one.root_length :]
        content = library.read(one, LIMIT)
        assert (content.size, content.mtime_ns) == (one.size, one.mtime_ns)
        assert content.mtime_ns == 77
        assert content.digest == blake3(content.data or b"").digest()
    assert list(library.running_count())[-1] == len(found) == 5
    assert library.source_paths == (os.fsencode(path),)


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_archives_with_random_access_are_walked_in_the_order_of_the_paths(tmp_path: Path, kind: str) -> None:
    assert (
        song_names(open_source([write_archive(tmp_path / f"songs{kind}", SONGS)])) == NAMES == sorted(NAMES)
    )


def test_a_compressed_tar_is_walked_in_its_own_order_and_marked_so(tmp_path: Path) -> None:
    library = open_source([write_archive(tmp_path / "songs.tgz", SONGS)])
    assert song_names(library) == ["z.mid", "a/2.mid", "a-.MID", "a/10.kar", "B/1.mid"]
    assert [one.member and one.member.in_path_order for one in walk_source(library)[0]] == [False] * 5


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_a_member_is_read_by_its_path_alone(tmp_path: Path, kind: str) -> None:
    path = write_archive(tmp_path / f"songs{kind}", SONGS)
    library, again = open_source([path]), PathReader()
    for one in walk_source(library)[0]:
        assert again.read(one.path, LIMIT) == library.read(one, LIMIT)
    with pytest.raises(UnreadableError) as raised:
        again.read(os.fsencode(path) + b"/b.mid", LIMIT)
    assert raised.value.code == "vanished"


def test_a_file_in_a_folder_named_like_an_archive_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "old.zip").mkdir()
    (tmp_path / "old.zip/a.mid").write_bytes(b"song")
    assert PathReader().read(os.fsencode(tmp_path / "old.zip/a.mid"), LIMIT).data == b"song"


def test_archives_in_folders_are_read_on_request_only(tmp_path: Path) -> None:
    for name in ("b.zip", "b.tar.gz", "d/c.tar"):
        write_archive(tmp_path / name, {"x.mid": name.encode(), "w.mid": b"w"})
    (tmp_path / "b-.mid").write_bytes(b"plain")
    (tmp_path / "b0.mid").write_bytes(b"plain")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "folder.zip/y.mid").write_bytes(b"plain")
    plain = ["b-.mid", "b0.mid", "folder.zip/y.mid"]
    assert song_names(open_source([tmp_path])) == plain
    library = open_source([tmp_path], enter_archives=True)
    found = song_names(library)
    assert [name for name in found if "tar.gz" not in name] == [
        "b-.mid",
        "b.zip/w.mid",
        "b.zip/x.mid",
        "b0.mid",
        "d/c.tar/w.mid",
        "d/c.tar/x.mid",
        "folder.zip/y.mid",
    ]
    assert [name for name in found if "tar.gz" in name] == ["b.tar.gz/x.mid", "b.tar.gz/w.mid"]
    assert song_contents(library)["d/c.tar/x.mid"] == b"d/c.tar"
    assert list(library.running_count())[-1] == 9


def test_sources_of_every_kind_keep_the_order_they_were_named_in(tmp_path: Path) -> None:
    first, second = (
        write_archive(tmp_path / "b.zip", {"1.mid": b"1"}),
        write_archive(tmp_path / "a.tgz", {"2.mid": b"2"}),
    )
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/3.mid").write_bytes(b"3")
    library = open_source([first, tmp_path / "songs", second, tmp_path / "songs/3.mid", first])
    assert song_contents(library) == {"1.mid": b"1", "3.mid": b"3", "2.mid": b"2"}
    assert song_names(library) == ["1.mid", "3.mid", "2.mid", "3.mid"]
    assert list(library.running_count())[-1] == 4
    assert len(library.source_paths) == 4
    assert library.missing_paths() == []
    second.unlink()
    assert library.missing_paths() == [os.fsencode(second)]


@pytest.mark.parametrize("kind", [".zip", ".tgz"])
def test_a_source_with_open_archives_can_be_pickled(tmp_path: Path, kind: str) -> None:
    library = open_source(
        [write_archive(tmp_path / f"a{kind}", SONGS), write_archive(tmp_path / f"b{kind}", SONGS)]
    )
    before = song_contents(library)
    assert song_contents(pickle.loads(pickle.dumps(library))) == before


def test_a_name_in_any_encoding_is_kept_as_it_is(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", {"\udcff\udcfe.mid": b"x"})
    (found,) = walk_source(open_source([path]))[0]
    assert found.path.endswith(b"/\xff\xfe.mid")


def test_backslashes_separate_folders_in_zips_from_windows(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.zip", {"songs/one.mid": b"x"})
    path.write_bytes(path.read_bytes().replace(b"songs/one", b"songs\\one"))
    assert song_contents(open_source([path])) == {"songs/one.mid": b"x"}


def test_in_a_tar_a_backslash_is_a_character(tmp_path: Path) -> None:
    assert song_names(open_source([write_archive(tmp_path / "a.tar", {"AC\\DC.mid": b"x"})])) == [
        "AC\\DC.mid"
    ]


def test_a_self_extracting_zip_is_read(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.zip", SONGS)
    path.write_bytes(b"MZ" * 1000 + path.read_bytes())
    assert song_names(open_source([path])) == NAMES


def test_a_zip64_archive_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 3)  # all that is larger takes 64 bits
    path = write_archive(tmp_path / "a.zip", {"1.mid": b"x", "2.mid": b"larger"})
    assert b"PK\6\6" in path.read_bytes()
    assert song_contents(open_source([path])) == {"1.mid": b"x", "2.mid": b"larger"}


def test_a_compressed_tar_is_decompressed_once_for_a_walk_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[OpenFile] = []
    library = open_source(
        [write_archive(tmp_path / "a.tgz", {f"{n}.mid": os.urandom(50_000) for n in range(100)})]
    )
    found = walk_source(library)[0]
    read_at = OpenFile.read_at

    def count_starts(file: OpenFile, offset: int, size: int) -> bytes:
        if offset == 0:
            starts.append(file)
        return read_at(file, offset, size)

    monkeypatch.setattr(OpenFile, "read_at", count_starts)
    monkeypatch.setattr(decompress, "LOOK_BACK_BYTES", 1_000_000)
    expected = [library.read(one, LIMIT) for one in found]
    assert len(starts) == 1
    # Threads that read ahead get out of order by a few songs; no new decompression starts for these.
    swapped = pickle.loads(pickle.dumps(library))
    for number in range(0, 100, 8):
        part = list(range(number, min(100, number + 8)))[::-1]
        assert [swapped.read(found[n], LIMIT) for n in part] == [expected[n] for n in part]
    assert len(starts) == 2
    # Songs far behind can be read too.
    assert swapped.read(found[0], LIMIT) == expected[0]
    assert len(starts) == 3


def test_seeking_to_a_member_prepares_reading_it(tmp_path: Path) -> None:
    library = open_source(
        [write_archive(tmp_path / "a.tgz", {f"{n}.mid": os.urandom(50_000) for n in range(20)})]
    )
    last = walk_source(library)[0][-1]
    library.seek(last)
    assert library.read(last, LIMIT).size == 50_000


@pytest.mark.parametrize("kind", [".tgz", ".tar.bz2", ".tar.xz"])
def test_a_hole_after_a_compressed_archive_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = write_archive(tmp_path / f"a{kind}", SONGS)
    os.truncate(path, 1 << 40)
    read_at, sizes = OpenFile.read_at, [0]

    def counting(file: OpenFile, offset: int, size: int) -> bytes:
        sizes.append(size)
        assert sum(sizes) < 64 << 20
        return read_at(file, offset, size)

    monkeypatch.setattr(OpenFile, "read_at", counting)
    library = open_source([path])
    assert sorted(song_contents(library)) == NAMES
    assert walk_source(library)[1] == []


def test_consecutive_streams_and_padding_are_one_archive(tmp_path: Path) -> None:
    data = write_archive(tmp_path / "a.tar", SONGS).read_bytes()
    parts = gzip.compress(data[:3000]) + gzip.compress(data[3000:]) + bytes(512)
    (tmp_path / "b.tgz").write_bytes(parts)
    library = open_source([tmp_path / "b.tgz"])
    assert sorted(song_contents(library)) == NAMES
    assert walk_source(library)[1] == []

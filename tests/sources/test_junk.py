"""Tests of files that are passed over: empty ones, and those that macOS and Windows make."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from midiprism.sources import Notice, SongRef, Source, open_source
from midiprism.sources.file_types import is_junk_name
from support.archive_files import ARCHIVE_SUFFIXES, tar_member, write_archive, write_tar
from support.fake_songs import write_files

JUNK = {
    "._a.mid": b"attributes of a.mid",
    "deep/._songs.ZIP": b"attributes of an archive",
    "deep/.DS_Store": b"where its window was",
    "deep/Thumbs.db": b"pictures",
    "desktop.ini": b"[icons]",
    "empty.mid": b"",
}
SONGS = {"a.mid": b"song", ".a.kar": b"hidden", "deep/_.b.mid": b"other"}
NO_SONGS = {"._readme.txt": b"attributes of no song", "readme.txt": b""}


def song_names(source: Source) -> list[bytes]:
    songs = [item for item in source.walk() if isinstance(item, SongRef)]
    return sorted(song.path[len(source.source_paths[0]) + 1 :] for song in songs)


def junk_names(source: Source) -> list[bytes]:
    notices = [item for item in source.walk() if isinstance(item, Notice)]
    assert {notice.code for notice in notices} == {"junk"}
    assert not any(notice.failed for notice in notices)
    return sorted(notice.path[len(source.source_paths[0]) + 1 :] for notice in notices)


def encoded(names: Iterable[str]) -> list[bytes]:
    return sorted(name.encode() for name in names)


def test_a_folder_is_read_without_its_junk(tmp_path: Path) -> None:
    songs = write_files(tmp_path / "songs", JUNK | SONGS | NO_SONGS)
    write_files(songs / "deep/__MACOSX", {"._c.mid": b"", "c.mid": b"no song"})
    source = open_source([songs])
    assert song_names(source) == encoded(SONGS)
    assert junk_names(source) == encoded([*JUNK, "deep/__MACOSX"])


def test_the_count_of_a_folder_has_at_most_the_empty_files_too_many(tmp_path: Path) -> None:
    source = open_source([write_files(tmp_path / "songs", JUNK | SONGS)])
    assert [*source.running_count()][-1] == len(SONGS) + 1


def test_an_empty_file_named_as_a_source_is_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path, {"empty.mid": b"", "._a.mid": b"song"})
    assert [item.code for item in open_source([tmp_path / "empty.mid"]).walk() if isinstance(item, Notice)]
    named = open_source([tmp_path / "._a.mid"])
    assert all(isinstance(item, SongRef) for item in named.walk()), "it was named"


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_an_archive_is_read_without_its_junk(tmp_path: Path, suffix: str) -> None:
    inside = {"__MACOSX/deep/._b.mid": b"attributes", "x/__MACOSX/b.mid": b"no song"}
    members = JUNK | SONGS | NO_SONGS | inside | {"__MACOSX/._readme": b""}
    source = open_source([write_archive(tmp_path / f"songs{suffix}", members)])
    assert song_names(source) == encoded(SONGS)
    assert junk_names(source) == encoded([*JUNK, *inside])
    assert [*source.running_count()][-1] == len(SONGS)


def test_a_link_in_an_archive_is_no_empty_file(tmp_path: Path) -> None:
    import tarfile

    link = tar_member("link.mid", type=tarfile.SYMTYPE, linkname="a.mid")
    source = open_source(
        [write_tar(tmp_path / "songs.tar", [(tar_member("a.mid", 4), b"song"), (link, b"")])]
    )
    assert [item.code for item in source.walk() if isinstance(item, Notice)] == ["member"]


def test_a_file_that_vanished_is_no_empty_file(tmp_path: Path) -> None:
    songs = write_files(tmp_path / "songs", {"a.mid": b"song", "b.mid": b"song"})
    walk = open_source([songs]).walk()
    next(walk)
    (songs / "b.mid").unlink()
    assert isinstance(next(walk), SongRef), "reading it says why it failed"


@pytest.mark.parametrize("name", [b"a.mid", b"_a.mid", b".a.mid", b"a._.mid", b"thumbs.mid", b"DS_Store"])
def test_names_of_songs_are_no_junk(name: bytes) -> None:
    assert not is_junk_name(name)

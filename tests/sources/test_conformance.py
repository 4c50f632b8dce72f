"""Tests that every source keeps the promises of ``midiprism.sources.Source``."""

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.adopt.adopted_source import AdoptedSource
from midiprism.adopt.db.foreign_songs import AlreadySplitSong
from midiprism.sources import (
    Notice,
    PathReader,
    SongRef,
    Source,
    UnreadableError,
    open_folders,
    open_source,
)
from midiprism.sources.path_list import PathListSource
from support.archive_files import write_archive, write_parquet

LIMIT = 1 << 20
SONGS = {"B/1.mid": b"1", "a-.mid": b"dash" * 1000, "a/10.kar": b"ten", "a/2.mid": b"two", "z.mid": b"z"}


@dataclass(frozen=True)
class SourceCase:
    """A source over ``SONGS``, and the file or folder whose loss it reports."""

    source: Source
    container: Path
    recorded_songs: int = 0


def write_folder(folder: Path) -> Path:
    for name, data in SONGS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def folder_case(tmp_path: Path) -> SourceCase:
    folder = write_folder(tmp_path / "songs")
    return SourceCase(open_folders([folder]), folder)


def archive_case(suffix: str) -> Callable[[Path], SourceCase]:
    def make(tmp_path: Path) -> SourceCase:
        path = write_archive(tmp_path / f"songs{suffix}", SONGS)
        return SourceCase(open_source([path]), path)

    return make


def folder_with_archive_case(tmp_path: Path) -> SourceCase:
    write_archive(tmp_path / "songs/inner.zip", SONGS)
    return SourceCase(open_source([tmp_path / "songs"], enter_archives=True), tmp_path / "songs")


def parquet_case(tmp_path: Path) -> SourceCase:
    path = write_parquet(tmp_path / "songs.parquet", {"midi": list(SONGS.values()), "name": list(SONGS)})
    return SourceCase(open_source([path], name_column="name"), path)


def chained_case(tmp_path: Path) -> SourceCase:
    names = list(SONGS)
    first = write_archive(tmp_path / "1.zip", {name: SONGS[name] for name in names[:2]})
    second = write_archive(tmp_path / "2.tgz", {name: SONGS[name] for name in names[2:4]})
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / names[4]).write_bytes(SONGS[names[4]])
    return SourceCase(open_source([first, second, tmp_path / "songs"]), first)


def path_list_case(tmp_path: Path) -> SourceCase:
    folder = write_folder(tmp_path / "songs")
    return SourceCase(path_list_of(folder), folder)


def recorded_paths(folder: Path) -> list[bytes]:
    return sorted(os.fsencode(folder / name) for name in SONGS)


def path_list_of(folder: Path) -> PathListSource:
    paths = recorded_paths(folder)
    return PathListSource(
        pages=lambda: [paths[:2], paths[2:]],
        count_paths=lambda: len(paths),
        recorded_root=os.fsencode(folder) + b"/",
    )


def adopted_case(tmp_path: Path) -> SourceCase:
    folder = write_folder(tmp_path / "songs")
    listed, path = path_list_of(folder), recorded_paths(folder)[1]
    song = AlreadySplitSong(1, path, blake3(SONGS["a-.mid"]).digest(), 1, 3, 480, 960, 1.0)
    source = AdoptedSource(
        listed.pages,
        listed.count_paths,
        recorded_root=listed.recorded_root,
        already_split_pages=lambda: iter([[song], []]),
    )
    return SourceCase(source, folder, recorded_songs=1)


CASES = {
    "folder": folder_case,
    "folder with an archive": folder_with_archive_case,
    "zip": archive_case(".zip"),
    "tar": archive_case(".tar"),
    "tar.gz": archive_case(".tar.gz"),
    "parquet": parquet_case,
    "chained": chained_case,
    "path list": path_list_case,
    "adopted": adopted_case,
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> SourceCase:
    return CASES[request.param](tmp_path)


def songs_of(source: Source) -> list[SongRef]:
    items = list(source.walk())
    assert not [item for item in items if isinstance(item, Notice)]
    return [item for item in items if isinstance(item, SongRef)]


def test_every_song_is_listed_with_the_end_of_its_path_as_its_name(case: SourceCase) -> None:
    names = {
        os.fsdecode(song.path[song.root_length :]).removeprefix("inner.zip/")
        for song in songs_of(case.source)
    }
    assert names == set(SONGS)
    assert all(os.path.isabs(song.path) for song in songs_of(case.source))


def test_songs_are_listed_in_the_same_order_each_time(case: SourceCase) -> None:
    assert songs_of(case.source) == songs_of(case.source)


def test_songs_below_a_root_are_listed_in_the_order_of_their_paths_unless_they_say_otherwise(
    case: SourceCase,
) -> None:
    by_root: dict[bytes, list[bytes]] = {}
    for song in songs_of(case.source):
        if song.member is None or song.member.in_path_order:
            by_root.setdefault(song.path[: song.root_length], []).append(song.path)
    assert all(paths == sorted(paths) for paths in by_root.values())


def test_the_last_running_count_is_the_number_of_songs(case: SourceCase) -> None:
    counts = list(case.source.running_count())
    assert counts[-1] == len(SONGS)
    assert counts == sorted(counts)


def test_a_song_is_read_whole_with_its_digest(case: SourceCase) -> None:
    for song in songs_of(case.source):
        name = os.fsdecode(song.path[song.root_length :]).removeprefix("inner.zip/")
        content = case.source.read(song, LIMIT)
        assert content.data == SONGS[name]
        assert content.digest == blake3(SONGS[name]).digest()
        assert (content.size, content.mtime_ns) == (len(SONGS[name]), song.mtime_ns)
        if song.member is None or song.member.size_is_exact:
            assert song.size == content.size


def test_the_bytes_of_a_song_above_the_limit_are_not_kept(case: SourceCase) -> None:
    (song,) = [song for song in songs_of(case.source) if song.path.endswith(b"a-.mid")]
    if song.member is not None and song.member.size_is_exact:  # it is not unpacked at all
        with pytest.raises(UnreadableError) as raised:
            case.source.read(song, 3_999)
        assert raised.value.code == "song_size"
        return
    content = case.source.read(song, 3_999)
    assert content.data is None
    assert (content.size, content.digest) == (4_000, blake3(SONGS["a-.mid"]).digest())


def test_a_song_is_read_the_same_after_seeking_to_it(case: SourceCase) -> None:
    last = songs_of(case.source)[-1]
    expected = case.source.read(last, LIMIT)
    case.source.seek(last)
    assert case.source.read(last, LIMIT) == expected


def test_a_pickled_copy_reads_the_same(case: SourceCase) -> None:
    copy: Source = pickle.loads(pickle.dumps(case.source))
    for song in songs_of(case.source):
        assert copy.read(song, LIMIT) == case.source.read(song, LIMIT)


def test_a_song_is_read_the_same_by_its_path_alone(case: SourceCase) -> None:
    reader = PathReader()
    for song in songs_of(case.source):
        assert reader.read(song.path, LIMIT) == case.source.read(song, LIMIT)


def test_a_lost_container_is_missing_and_its_songs_cannot_be_read(case: SourceCase) -> None:
    songs = [song for song in songs_of(case.source) if song.path.startswith(os.fsencode(case.container))]
    copy: Source = pickle.loads(pickle.dumps(case.source))
    assert case.source.missing_paths() == []
    if case.container.is_dir():
        shutil.rmtree(case.container)
    else:
        case.container.unlink()
    assert case.source.missing_paths() == [os.fsencode(case.container)]
    copy.seek(songs[0])
    with pytest.raises(UnreadableError) as raised:
        copy.read(songs[0], LIMIT)
    assert raised.value.code == "vanished"


def test_outcomes_are_recorded_for_listed_songs_only(case: SourceCase) -> None:
    recorded = list(case.source.recorded())
    assert len(recorded) == case.recorded_songs
    assert {song.song_ref for song in recorded} <= set(songs_of(case.source))

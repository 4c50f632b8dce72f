import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.sources import Notice, SongContent, SongRef, UnreadableError, open_folders
from midiprism.sources.folder import read_file

Read = Callable[[Path], SongContent]


def song_names(root: Path, *sources: Path) -> list[str]:
    walk = open_folders(sources or [root]).walk()
    return [os.fsdecode(item.path).removeprefix(f"{root}/") for item in walk if isinstance(item, SongRef)]


def walk_notices(*sources: Path) -> list[Notice]:
    return [item for item in open_folders(sources).walk() if isinstance(item, Notice)]


MARKER = b'{"midiprism": "result", "layout": 2}'


def create_files(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(MARKER if path.endswith("midiprism.json") else b"x")


def test_files_are_taken_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    create_files(tmp_path, "a.mid", "b.MIDI", "c.Kar", "d.rmi", "e.smf", "f.txt", "mid", "g.mid.gz")
    assert song_names(tmp_path) == ["a.mid", "b.MIDI", "c.Kar", "d.rmi", "e.smf"]


def test_songs_come_in_the_order_of_the_bytes_of_their_paths(tmp_path: Path) -> None:
    create_files(
        tmp_path, "z.mid", "a/2.mid", "a/10.mid", "a/b/c.mid", "a-.mid", "a0.mid", "B/1.mid", "c.mid"
    )
    found = ["B/1.mid", "a-.mid", "a/10.mid", "a/2.mid", "a/b/c.mid", "a0.mid", "c.mid", "z.mid"]
    assert song_names(tmp_path) == found == sorted(found)


def test_a_song_carries_its_root_size_and_time(tmp_path: Path) -> None:
    create_files(tmp_path, "songs/a/b.mid")
    os.utime(tmp_path / "songs/a/b.mid", ns=(5, 1_234_567_891))
    (found,) = open_folders([tmp_path / "songs"]).walk()
    assert isinstance(found, SongRef)
    assert found.path[found.root_length :] == b"a/b.mid"
    assert (found.size, found.mtime_ns) == (1, 1_234_567_891)


def test_a_file_named_as_a_source_is_taken_with_any_suffix(tmp_path: Path) -> None:
    create_files(tmp_path, "song.bin")
    (found,) = open_folders([tmp_path / "song.bin"]).walk()
    assert isinstance(found, SongRef)
    assert found.path[found.root_length :] == b"song.bin"


def test_paths_in_any_encoding_are_found(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.mid"
    with open(odd, "wb") as file:
        file.write(b"x")
    assert [item.path for item in open_folders([tmp_path]).walk()] == [odd]


def test_only_regular_files_and_links_to_them_are_taken(tmp_path: Path) -> None:
    create_files(tmp_path, "real.mid", "elsewhere/in.mid")
    os.mkfifo(tmp_path / "pipe.mid")
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "link.mid").symlink_to("real.mid")
    (tmp_path / "dangling.mid").symlink_to("nowhere.mid")
    (tmp_path / "pipe-link.mid").symlink_to("pipe.mid")
    (tmp_path / "folder-link").symlink_to("elsewhere")
    assert song_names(tmp_path) == ["elsewhere/in.mid", "link.mid", "real.mid"]


def test_a_circular_link_is_listed(tmp_path: Path) -> None:
    (tmp_path / "loop.mid").symlink_to("loop.mid")
    assert song_names(tmp_path) == ["loop.mid"]


def test_a_source_that_is_a_link_to_a_folder_is_walked(tmp_path: Path) -> None:
    create_files(tmp_path, "real/a.mid")
    (tmp_path / "link").symlink_to("real")
    assert song_names(tmp_path, tmp_path / "link") == ["link/a.mid"]


def test_folders_that_hold_a_result_are_skipped_with_a_notice(tmp_path: Path) -> None:
    create_files(tmp_path, "a.mid", "out/midiprism.json", "out/tracks/bass/00/x.mid", "out/y.mid")
    assert song_names(tmp_path) == ["a.mid"]
    (notice,) = walk_notices(tmp_path)
    assert notice.code == "result"
    assert not notice.failed


@pytest.mark.parametrize("source", ["out", "out/tracks", "link"])
def test_a_source_that_belongs_to_a_result_is_refused(tmp_path: Path, source: str) -> None:
    create_files(tmp_path, "out/midiprism.json", "out/tracks/bass/00/x.mid")
    (tmp_path / "link").symlink_to("out/tracks")
    with pytest.raises(UsageError, match="never read as a source"):
        open_folders([tmp_path / source])


@pytest.mark.parametrize("source", ["songs", "songs/sub"])
def test_a_source_inside_out_is_refused(tmp_path: Path, source: str) -> None:
    create_files(tmp_path, "songs/sub/a.mid")
    with pytest.raises(UsageError, match="name another folder"):
        open_folders([tmp_path / source], os.fsencode(tmp_path / "songs"))


def test_a_missing_source_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        open_folders([tmp_path / "nowhere"])


def test_a_source_that_is_a_pipe_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        open_folders([tmp_path / "pipe"])


def test_a_source_named_twice_is_walked_once(tmp_path: Path) -> None:
    create_files(tmp_path, "a.mid")
    assert song_names(tmp_path, tmp_path, tmp_path / ".") == ["a.mid"]


def test_an_unreadable_folder_is_reported_and_the_walk_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_files(tmp_path, "a/1.mid", "b/2.mid", "c/3.mid")
    scandir = os.scandir

    def forbidding(path: bytes) -> object:
        if path.endswith(b"/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    assert song_names(tmp_path) == ["a/1.mid", "c/3.mid"]
    (notice,) = walk_notices(tmp_path)
    assert (notice.path, notice.code, notice.failed) == (os.fsencode(tmp_path / "b"), "folder", True)
    assert "Permission denied" in notice.message


def test_a_tree_deeper_than_python_recurses_is_walked(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with open(os.open("a.mid", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(b"x")
    os.close(here)
    found = song_names(tmp_path)
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # pytest's own clean-up does recurse
    assert len(found) == 1


def test_the_count_agrees_with_the_walk(tmp_path: Path) -> None:
    create_files(tmp_path, "a.mid", "b/c.mid", "b/d.txt", "out/midiprism.json", "out/x.mid", "e.bin")
    library = open_folders([tmp_path, tmp_path / "e.bin"])
    assert list(library.running_count())[-1] == 3


def test_a_file_that_is_deleted_after_the_listing_is_still_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_files(tmp_path, "a.mid")
    library = open_folders([tmp_path])
    stat = os.stat

    def vanished(path: bytes, **options: bool) -> os.stat_result:
        if path == os.fsencode(tmp_path / "a.mid"):
            raise FileNotFoundError(2, "No such file or directory")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", vanished)
    (found,) = library.walk()
    assert isinstance(found, SongRef)
    assert (found.size, found.mtime_ns) == (0, 0)


@pytest.fixture(params=["as it was found", "changed since", "not scanned"])
def read_path(request: pytest.FixtureRequest) -> Read:
    """Return a function that reads a file, given the right, a wrong or no size and time of its listing."""

    def read(path: Path) -> SongContent:
        if request.param == "not scanned":
            return read_file(os.fsencode(path), 1000)
        there = os.stat(path) if path.exists() else os.stat(path.parent)
        time = there.st_mtime_ns - (request.param == "changed since")
        return read_file(os.fsencode(path), 1000, there.st_size, time)

    return read


def failure_code(reader: Read, path: Path) -> str:
    with pytest.raises(UnreadableError) as raised:
        reader(path)
    return raised.value.code


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_file_is_read_whole_with_its_digest_size_and_time(
    read_path: Read, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(bytes(size))
    os.utime(path, ns=(0, 77))
    content = read_path(path)
    assert (content.data, content.size, content.mtime_ns) == (bytes(size), size, 77)
    assert content.digest == blake3(bytes(size)).digest()


def test_a_file_beyond_the_limit_is_digested_and_not_kept(read_path: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"x" * 16_000)
    content = read_path(path)
    assert (content.data, content.size) == (None, 16_000)
    assert content.digest == blake3(b"x" * 16_000).digest()


def rmid(song: bytes, bank: bytes) -> bytes:
    """Return a RIFF (RMID) container of a song and a sound bank."""
    body = b"RMIDdata" + len(song).to_bytes(4, "little") + song + bank
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_of_a_file_beyond_the_limit_the_song_beside_a_sound_bank_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.rmi"
    data = rmid(b"MThd" + bytes(900), b"LIST" + (5_000).to_bytes(4, "little") + bytes(5_000))
    path.write_bytes(data)

    content = read_file(os.fsencode(path), 1_000)

    assert content.data == data[:924]
    assert (content.size, content.digest) == (len(data), blake3(data).digest())


@pytest.mark.parametrize(
    "data",
    [
        rmid(b"MThd" + bytes(1_000), bytes(5_000)),
        rmid(b"MThd" + bytes(6_000), b""),
        b"RIFF" + bytes(4) + b"WAVE" + bytes(5_000),
        b"RIFF" + bytes(4) + b"RMID" + bytes(5_000),
        rmid(b"", b"")[:16] + bytes(4) + b"MThd" + bytes(5_000),
    ],
    ids=["song too large", "nothing but a song", "no RMID", "no song", "no size"],
)
def test_of_any_other_file_beyond_the_limit_nothing_is_kept(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.rmi"
    path.write_bytes(data)
    content = read_file(os.fsencode(path), 1_000)
    assert content.data is None
    assert (content.size, content.digest) == (len(data), blake3(data).digest())


@pytest.mark.parametrize("size", [16_001, 1 << 40])
def test_a_file_far_beyond_the_limit_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = tmp_path / "a.mid"
    path.touch()
    os.truncate(path, size)  # a hole, which takes no space
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(UnreadableError, match=str(size)) as raised:
        read_file(os.fsencode(path), 1000, size, os.stat(path).st_mtime_ns)
    assert raised.value.code == "song_size"


def test_a_missing_file_has_vanished(read_path: Read, tmp_path: Path) -> None:
    assert failure_code(read_path, tmp_path / "a.mid") == "vanished"


def test_a_pipe_does_not_make_the_reader_wait(read_path: Read, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mid")
    assert failure_code(read_path, tmp_path / "a.mid") == "not_regular"


def test_a_folder_is_not_a_regular_file(read_path: Read, tmp_path: Path) -> None:
    assert failure_code(read_path, tmp_path) == "not_regular"


@pytest.mark.parametrize(
    ("number", "code"), [(13, "permission"), (1, "permission"), (5, "io"), (116, "vanished")]
)
def test_errors_of_the_system_have_stable_codes(
    read_path: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def failing(*_arguments: object) -> int:
        raise OSError(number, "so it is")

    path = tmp_path / "a.mid"
    path.write_bytes(b"x")
    monkeypatch.setattr(os, "open", failing)
    assert failure_code(read_path, path) == code


def test_a_file_that_changes_once_while_it_is_read_is_read_again(
    read_path: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"before")
    read, changes = os.read, [b"after and longer"]

    def changing(descriptor: int, count: int) -> bytes:
        data = read(descriptor, count)
        if changes:
            path.write_bytes(changes.pop())
        return data

    monkeypatch.setattr(os, "read", changing)
    assert read_path(path).data == b"after and longer"


def test_a_file_that_keeps_changing_is_an_error(
    read_path: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"x")
    read = os.read

    def growing(descriptor: int, count: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"y")
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", growing)
    assert failure_code(read_path, path) == "changing"


def test_a_read_that_returns_less_than_asked_for_is_continued(
    read_path: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"0123456789")
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, count: read(descriptor, min(count, 3)))
    assert read_path(path).data == b"0123456789"


def test_the_status_of_an_unchanged_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"notes")
    found, fstat_calls, fstat = os.stat(path), [0], os.fstat

    def counted(descriptor: int) -> os.stat_result:
        fstat_calls[0] += 1
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", counted)
    assert read_file(os.fsencode(path), 1000, found.st_size, found.st_mtime_ns).data == b"notes"
    assert fstat_calls == [1]


def test_the_exception_crosses_processes() -> None:
    again = pickle.loads(pickle.dumps(UnreadableError("io", "It is so.")))
    assert (again.code, str(again)) == ("io", "It is so.")

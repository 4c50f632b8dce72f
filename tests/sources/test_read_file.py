import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.sources.read_file import read_file
from midiprism.sources.source import SongContent, UnreadableError

Read = Callable[[Path], SongContent]


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
    assert raised.value.code == "limit"


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

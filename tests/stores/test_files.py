import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs import fsync as durable
from midiprism.fs.fsync import find_syncfs
from midiprism.stores import NullStore, StoredTrack, TrackLocation, TrackStore
from midiprism.stores.files.layout import family_folder
from midiprism.stores.files.store import FileStore


@dataclass(frozen=True)
class Track:
    data: bytes
    name: str | None = "Lead"
    own_instrument: str = "Violin"
    own_family: str = "Strings"
    faked: bytes | None = None

    @property
    def digest(self) -> bytes:
        return self.faked or blake3(self.data).digest()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def put(store: TrackStore, track: Track) -> StoredTrack:
    return store.put(track.data, track.digest, track.name, track.own_instrument, track.own_family)


def path_of(track: Track, digits: int = 32) -> str:
    number = track.digest.hex()
    return f"tracks/strings/{number[:2]}/Lead-{number[:digits]}.mid"


def location_of(track: Track, digits: int = 32) -> TrackLocation:
    return TrackLocation("Strings", "Lead", track.digest, digits)


def stored_paths(store: TrackStore) -> list[str]:
    return [entry.path for entries in store.scan() for entry in entries if entry.kind == "file"]


def plant(root: Path, track: Track, data: bytes) -> Path:
    path = root / path_of(track)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def age(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_track_is_written_once_under_its_content(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    first, second = put(store, track), put(store, track)
    assert (first.path, first.new, second.path, second.new) == (path_of(track), True, path_of(track), False)
    assert (tmp_path / first.path).read_bytes() == b"notes"
    assert (first.stem, first.digits) == ("Lead", 32)


def test_stored_files_are_read_only(store: FileStore, tmp_path: Path) -> None:
    path = tmp_path / put(store, Track(b"notes")).path
    assert stat.S_IMODE(path.stat().st_mode) & 0o222 == 0


def test_the_path_is_derived_from_the_name_and_the_instrument(store: FileStore) -> None:
    nameless = Track(b"1", name=None, own_instrument="Lead 1 (square)", own_family="Synth Lead")
    assert put(store, nameless).path.startswith("tracks/synth-lead/")
    assert "/Lead 1 (square)-" in put(store, nameless).path
    assert "/Violin-" in put(store, Track(b"2", name="\u202e//")).path
    assert "/track-" in put(store, Track(b"3", name="???", own_instrument="")).path
    assert family_folder("") == "other"


def test_a_name_cannot_leave_the_store(store: FileStore, tmp_path: Path) -> None:
    path = put(store, Track(b"x", name="../../../etc/passwd", own_family="../up")).path
    assert (tmp_path / path).resolve().is_relative_to(tmp_path / "tracks")


def test_a_file_cut_short_by_a_crash_is_replaced(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"all the notes")
    path = plant(tmp_path, track, b"all the")
    age(path)
    assert put(store, track).new
    assert path.read_bytes() == b"all the notes"
    assert sorted(path.parent.iterdir()) == [path]


def test_a_store_waits_for_a_file_that_another_worker_is_writing(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = Track(b"all the notes")
    path = plant(tmp_path, track, b"all")
    monkeypatch.setattr("midiprism.stores.files.store._REREADS", 400)
    other = threading.Timer(0.05, path.write_bytes, [track.data])
    other.start()
    stored = put(store, track)
    other.join()
    assert not stored.new


def test_a_new_partial_file_is_replaced_after_a_short_wait(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"all the notes")
    path = plant(tmp_path, track, b"")
    assert put(store, track).new
    assert path.read_bytes() == track.data


def test_two_tracks_with_the_same_short_digest_are_both_kept(store: FileStore, tmp_path: Path) -> None:
    existing = Track(b"held")
    same = Track(b"other", faked=existing.digest[:16] + bytes(16))
    put(store, existing)
    stored = put(store, same)
    assert (stored.path, stored.digits, stored.new) == (path_of(same, 64), 64, True)
    assert (tmp_path / path_of(existing)).read_bytes() == b"held"
    assert not put(store, same).new


def test_a_link_at_the_path_of_a_file_is_replaced_and_not_followed(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = plant(tmp_path, track, b"")
    path.unlink()
    path.symlink_to(victim)
    assert put(store, track).new
    assert victim.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"notes"


def test_a_link_to_the_same_content_is_replaced_too(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    path = plant(tmp_path, track, b"")
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(b"notes")
    path.symlink_to(tmp_path / "elsewhere")
    put(store, track)
    assert not path.is_symlink()


def test_a_pipe_at_the_path_of_a_file_is_replaced(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    path = plant(tmp_path, track, b"")
    path.unlink()
    os.mkfifo(path)
    put(store, track)
    assert path.read_bytes() == b"notes"


def test_a_folder_at_the_path_of_a_file_is_reported(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    (tmp_path / path_of(track)).mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        put(store, track)
    assert store.remove_temporary_files() == 0


@pytest.mark.parametrize("level", ["tracks", "tracks/strings"])
def test_a_link_planted_as_a_folder_is_refused(store: FileStore, tmp_path: Path, level: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / level).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / level).symlink_to(outside)
    with pytest.raises(StoreError, match="no link to one"):
        put(store, Track(b"notes"))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "message"), [(28, "is full"), (30, "read-only"), (13, "Permission"), (5, "Input/output error")]
)
def test_a_full_or_read_only_disk_is_reported_and_leaves_no_partial_file(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(StoreError, match=message):
        put(store, Track(b"notes"))
    monkeypatch.undo()
    assert stored_paths(store) == []


def test_short_writes_are_continued(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    path = put(store, Track(b"12345")).path
    monkeypatch.undo()
    assert (tmp_path / path).read_bytes() == b"12345"


def test_many_workers_that_store_the_same_track_write_it_once(tmp_path: Path) -> None:
    tracks = [Track(b"%d" % (number % 20) * 500) for number in range(200)]
    stored: list[bool] = []

    def work() -> None:
        own = FileStore(tmp_path)
        stored.extend([put(own, track).new for track in tracks])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(stored) == 20
    assert len(stored_paths(FileStore(tmp_path))) == 20


def test_stored_tracks_can_be_read_and_listed(store: FileStore) -> None:
    tracks = [Track(b"%d" % number) for number in range(20)]
    paths = [put(store, track).path for track in tracks]
    assert sorted(stored_paths(store)) == sorted(paths)
    assert store.read(location_of(tracks[0])) == b"0"
    with pytest.raises(StoreError, match="is not there"):
        store.read(location_of(Track(b"missing")))


@pytest.mark.parametrize("stem", ["../../../x", "/etc/passwd", "..", "/../../../../catalog"])
def test_a_location_cannot_lead_out_of_the_store(store: FileStore, tmp_path: Path, stem: str) -> None:
    location = TrackLocation("Strings", stem + "/x", bytes(32), 32)
    (tmp_path / "outside.mid").write_bytes(b"precious")
    with pytest.raises(StoreError):
        store.read(location)
    assert store.status_of(location).state == "not_a_file"


@pytest.mark.parametrize(
    "path", ["../x.mid", "tracks/../../x.mid", "/etc/passwd", "tracks//x", "catalog.sqlite"]
)
def test_only_files_below_tracks_are_deleted(store: FileStore, path: str) -> None:
    with pytest.raises(StoreError, match="not below tracks"):
        store.delete(path)


def test_reading_does_not_follow_a_link(store: FileStore, tmp_path: Path) -> None:
    track = Track(b"notes")
    path = plant(tmp_path, track, b"")
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(StoreError, match="not a regular file"):
        store.read(location_of(track))
    assert store.status_of(location_of(track)).state == "not_a_file"


def test_only_temporary_files_are_removed(store: FileStore, tmp_path: Path) -> None:
    path = put(store, Track(b"notes")).path
    temporary = (tmp_path / path).parent / ".0123456789abcdef.tmp"
    temporary.write_bytes(b"half")
    assert stored_paths(store) == [path]
    assert store.remove_temporary_files() == 1
    assert not temporary.exists()
    assert stored_paths(store) == [path]


@pytest.mark.skipif(find_syncfs() is None, reason="syncfs is a call of Linux")
def test_a_flush_is_one_system_call_if_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(durable, "find_syncfs", lambda: calls.append)
    store = FileStore(tmp_path)
    put(store, Track(b"notes"))
    store.flush()
    assert len(calls) == 1


def test_a_failed_flush_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, "find_syncfs", lambda: fail)
    with pytest.raises(StoreError, match="Input/output error"):
        FileStore(tmp_path).flush()


def test_without_syncfs_new_and_existing_files_and_folders_are_flushed_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "find_syncfs", lambda: None)
    found = Track(b"found")
    put(FileStore(tmp_path), found)
    store, flushed, fsync = FileStore(tmp_path), set(), os.fsync

    def record_fsync(descriptor: int) -> None:
        flushed.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_fsync)
    new = put(store, Track(b"new")).path
    put(store, found)
    store.flush()
    assert {str(tmp_path / new), str(tmp_path / path_of(found)), str((tmp_path / new).parent)} <= flushed
    flushed.clear()
    store.flush()
    assert not flushed


def test_the_null_store_keeps_nothing_and_gives_the_same_paths(tmp_path: Path) -> None:
    track, null = Track(b"notes"), NullStore()
    stores: tuple[TrackStore, TrackStore] = (null, FileStore(tmp_path))
    first, second = (put(store, track) for store in stores)
    assert first == second
    assert put(null, track).new
    assert null.path_of(location_of(track)) == first.path
    assert null.status_of(location_of(track)).state == "missing"
    assert stored_paths(null) == []
    assert null.remove_temporary_files() == 0
    null.flush()
    with pytest.raises(StoreError):
        null.read(location_of(track))

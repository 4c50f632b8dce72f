"""A check finds what is missing, damaged or twice in a result in object storage."""

from collections.abc import Callable

import pytest

from midiprism.generations.errors import GenerationStoppedError
from midiprism.generations.layout import manifest_key
from midiprism.generations.result import Manifest, open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.verify import verify_generations
from midiprism.objects import ObjectStorage, ReadRequest, create_record, open_storage
from support.generation_results import memory_url, options, parts, put_songs, some_songs, source_with


@pytest.fixture
def url() -> str:
    songs = [*some_songs(10).items()]
    source, url = memory_url(), memory_url()
    for part in (dict(songs[:12]), dict(songs[12:])):
        put_songs(open_storage(source), part)
        split_to_storage(source, url, options(), parts())
    return url


def _file_of(url: str, table: str) -> str:
    files = open_result(open_storage(url)).newest_manifest().files
    return next(file.stored.name for file in files if file.table == table and file.stored.rows)


def _without(url: str, drops: Callable[[str], bool]) -> None:
    """Replace the manifest by one without the first file that is to be dropped."""
    storage = open_storage(url)
    manifest = open_result(storage).newest_manifest()
    dropped = next(file for file in manifest.files if drops(file.table) and file.stored.rows)
    files = tuple(file for file in manifest.files if file is not dropped)
    storage.delete([manifest_key(manifest.number)])
    changed = Manifest(manifest.number, files, manifest.index)
    create_record(storage, manifest_key(manifest.number), changed.as_json())


def test_a_result_is_undamaged(url: str) -> None:
    seen: list[tuple[int, int]] = []
    verification = verify_generations(url, on_file=lambda *counts: seen.append(counts))
    assert verification.damage == ()
    assert verification.generation == 2
    assert verification.tracks == open_result(open_storage(url)).newest_manifest().rows("tracks")
    assert seen[-1] == (verification.files, verification.files)


@pytest.mark.parametrize("table", ["tracks", "links", "songs", "paths"])
def test_missing_and_damaged_files_are_found(url: str, table: str) -> None:
    storage, name = open_storage(url), _file_of(url, table)
    data = storage.read(ReadRequest(name))
    storage.put(name, data[:-1] + b"X")
    assert (name, "It is damaged.") in verify_generations(url).damage
    storage.delete([name])
    assert (name, "It is missing.") in verify_generations(url).damage


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tracks", "tracks that were found new are in no file"),
        ("songs", "songs at paths have no outcome"),
    ],
)
def test_rows_that_are_in_no_file_are_found(url: str, table: str, message: str) -> None:
    _without(url, table.__eq__)
    assert any(message in damage.message for damage in verify_generations(url).damage)


def test_rows_that_are_there_twice_are_found(url: str) -> None:
    storage = open_storage(url)
    manifest = open_result(storage).newest_manifest()
    twice = next(file for file in manifest.files if file.table == "tracks")
    storage.delete([manifest_key(2)])
    changed = Manifest(2, (*manifest.files, twice), manifest.index)
    create_record(storage, manifest_key(2), changed.as_json())
    messages = [damage.message for damage in verify_generations(url).damage]
    assert messages == [f"{twice.stored.rows:,} tracks are there twice."]


def test_a_damaged_index_is_found(url: str) -> None:
    storage = open_storage(url)
    name = next(file.stored.name for file in open_result(storage).newest_manifest().index if file.stored.size)
    _spoil(storage, name)
    assert (name, "It is damaged.") in verify_generations(url).damage


def _spoil(storage: ObjectStorage, name: str) -> None:
    data = storage.read(ReadRequest(name))
    storage.put(name, bytes([data[0] ^ 1]) + data[1:])


def test_a_check_can_be_stopped(url: str) -> None:
    with pytest.raises(GenerationStoppedError):
        verify_generations(url, stop=lambda: True)


def test_a_result_without_a_generation_has_nothing_to_check() -> None:
    url = memory_url()
    split_to_storage(source_with({"notes.txt": b"x"}), url, options(), parts())
    assert verify_generations(url)[1:] == (0, 0, 0, ())

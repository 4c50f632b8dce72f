"""Songs are forgotten by a generation without them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.generations.errors import GenerationError
from midiprism.generations.forget import Forgotten, forget_songs_in_storage
from midiprism.generations.layout import INDEX, TABLES
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.sweep import sweep
from midiprism.generations.verify import verify_generations
from midiprism.mirror import update_mirror
from midiprism.objects import ObjectAccessError, ObjectStorage, open_storage, require_conditions
from support.generation_results import (
    local_rows,
    memory_url,
    options,
    parts,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
    stored_rows,
)
from support.object_stores import HookedStorage, KilledError, When


def digests_of(songs: Sequence[bytes]) -> set[bytes]:
    return {blake3(song).digest() for song in songs}


@pytest.mark.parametrize("last", [1, 5, 20])
def test_what_is_left_is_what_a_run_without_them_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "cache"))
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), parts())
    gone = digests_of(song_bytes(0, last))
    forgotten = forget_songs_in_storage(url, gone)
    assert (forgotten.generation, forgotten.songs) == (2, last)
    left = {key: data for key, data in songs.items() if blake3(data).digest() not in gone}
    expected = local_rows(left, tmp_path / "left")
    assert stored_rows(url) == expected
    assert verify_generations(url).damage == ()
    update_mirror(url)  # which needs every track in the first chunk that has it
    split_to_storage(source, url, options(), parts())
    assert stored_rows(url) == local_rows(songs, tmp_path / "all")
    assert verify_generations(url).damage == ()


def test_songs_of_several_generations_are_forgotten(tmp_path: Path) -> None:
    songs = [*some_songs(15).items()]
    source, url = memory_url(), memory_url()
    for start in (0, 10, 20):
        put_songs(open_storage(source), dict(songs[start : start + 10 if start < 20 else None]))
        split_to_storage(source, url, options(), parts())
    gone = digests_of([data for _, data in songs[5:15]])
    forget_songs_in_storage(url, gone)
    left = {key: data for key, data in songs if blake3(data).digest() not in gone}
    expected = local_rows(left, tmp_path)
    assert stored_rows(url)["tracks"] == expected["tracks"]
    assert stored_rows(url)["links"] == expected["links"]
    assert verify_generations(url).damage == ()


def test_songs_that_are_not_there_change_nothing() -> None:
    url = memory_url()
    split_to_storage(source_with(some_songs(3)), url, options(), parts())
    assert forget_songs_in_storage(url, [bytes(32)]) == Forgotten(1, 0, 0)


def test_files_without_such_songs_stay() -> None:
    url = memory_url()
    split_to_storage(source_with(some_songs(20)), url, options(), parts())
    result = open_result(open_storage(url))
    before = {file.stored.name for file in result.newest_manifest().files}
    forget_songs_in_storage(url, digests_of(song_bytes(19, 20)))
    after = {file.stored.name for file in result.newest_manifest().files}
    assert len(before & after) > len(before) // 2
    assert before != after


def killing(url: str, point: int) -> ObjectStorage:
    """Return storage that ends the process, as it were, before its write of this number."""
    writes = 0

    def hook(when: When, name: str, key: str) -> None:
        nonlocal writes
        if when == "before" and name in ("put", "create") and not key.startswith("probe"):
            writes += 1
            if writes == point:
                raise KilledError

    return HookedStorage(open_storage(url), hook)


@pytest.mark.parametrize("is_run_between", [True, False])
def test_a_removal_killed_before_any_write_leaves_the_result_as_it_was(
    tmp_path: Path, is_run_between: bool
) -> None:
    songs = some_songs(12)
    source = source_with(songs)
    gone = digests_of(song_bytes(0, 3))
    left = {key: data for key, data in songs.items() if blake3(data).digest() not in gone}
    whole, expected = local_rows(songs, tmp_path / "whole"), local_rows(left, tmp_path / "left")
    point = 0
    while True:
        point += 1
        url = memory_url()
        split_to_storage(source, url, options(), parts())
        try:
            forget_songs_in_storage(url, gone, lambda place, at=point: killing(place, at))  # type: ignore[misc]
        except KilledError:
            assert stored_rows(url) == whole
            if is_run_between:
                split_to_storage(source, url, options(), parts())  # finishes the generation, which is empty
                assert stored_rows(url) == whole
            forget_songs_in_storage(url, gone)
            assert stored_rows(url) == expected
            assert verify_generations(url).damage == ()
            continue
        break
    assert point > 8
    assert stored_rows(url) == expected


def test_an_open_generation_is_finished_first() -> None:
    source, url = source_with(some_songs(5)), memory_url()

    def fail(when: When, name: str, key: str) -> None:
        if when == "before" and name == "create" and key.startswith("manifests/"):
            raise ObjectAccessError("The store refuses.")

    def opened(place: str, *, make_folder: bool = False) -> ObjectStorage:
        return HookedStorage(open_storage(place, make_folder=make_folder), fail)

    with pytest.raises(ObjectAccessError):
        split_to_storage(source, url, options(), parts(open_storage=opened))
    with pytest.raises(UsageError, match=r"Generation 1 of memory:.* is not finished"):
        forget_songs_in_storage(url, digests_of(song_bytes(0, 1)))


def test_a_faster_run_is_noticed() -> None:
    source, url = source_with(some_songs(5)), memory_url()
    split_to_storage(source, url, options(), parts())

    def overtake(when: When, name: str, key: str) -> None:
        if when == "before" and name == "create" and key.startswith("manifests/"):
            split_to_storage(source, url, options(), parts())  # which finishes the empty generation

    with pytest.raises(GenerationError, match="Another run was faster"):
        forget_songs_in_storage(
            url, digests_of(song_bytes(0, 1)), lambda place: HookedStorage(open_storage(place), overtake)
        )
    assert stored_rows(url)["songs"]


def test_forgotten_songs_can_be_removed_at_once() -> None:
    url = memory_url()
    split_to_storage(source_with(some_songs(12)), url, options(), parts())
    forget_songs_in_storage(url, digests_of(song_bytes(0, 3)))
    storage = open_storage(url)
    result = open_result(storage)
    expected = stored_rows(url)
    assert sweep(result, require_conditions(storage)).objects == 0
    assert sweep(result, require_conditions(storage), forgotten=True).objects > 3
    named = {it.stored.name for it in (*result.newest_manifest().files, *result.newest_manifest().index)}
    left = {info.key for folder in (*TABLES, INDEX) for info in storage.list(folder)}
    assert left == named
    assert [info.key for info in storage.list("manifests")] == ["manifests/000002.json"]
    assert stored_rows(url) == expected
    assert sweep(result, require_conditions(storage), forgotten=True).objects == 0

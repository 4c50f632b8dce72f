"""A run does what its options say although another one plans a generation first."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.verify import verify_generations
from midiprism.objects import ObjectMissingError, ObjectStorage, open_storage
from support.generation_results import (
    local_rows,
    memory_url,
    older_parts,
    options,
    parts,
    put_songs,
    song_bytes,
    source_with,
    stored_rows,
)
from support.object_stores import HookedStorage, KilledError


def overtaken(url: str, run: Callable[[], object]) -> Callable[..., ObjectStorage]:
    """Return what opens storage in which another run begins once, just before the second plan is created."""
    calls = [run]

    def hook(when: str, name: str, key: str) -> None:
        if (when, name, key) == ("before", "create", "plans/000002.json") and calls:
            calls.pop()()
        _refuse(when, name, key)

    return lambda place, **values: HookedStorage(open_storage(place, **values), hook)


def _refuse(when: str, name: str, key: str) -> None:
    if (when, name, key) == ("before", "read", "refused.mid"):
        raise ObjectMissingError(key)


def refusing(place: str, **values: Any) -> ObjectStorage:
    return HookedStorage(open_storage(place, **values), _refuse)


def _end(_progress: object) -> None:
    raise KilledError


@pytest.mark.parametrize("ends", [False, True], ids=["killed after its plan", "at its end"])
@pytest.mark.parametrize("choice", ["redo", "prune"])
def test_a_run_does_its_own_after_one_that_was_faster(choice: str, *, ends: bool, tmp_path: Path) -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 9))}
    source, url = source_with(songs), memory_url()
    made_by = older_parts if choice == "redo" else parts
    split_to_storage(source, url, options(), made_by())
    open_storage(source).delete(["01.mid"])
    songs["zz.mid"] = song_bytes(20, 21)[0]
    put_songs(open_storage(source), {"zz.mid": songs["zz.mid"]})

    def run_other() -> None:
        if choice == "redo":  # which only another redo can overtake: of fewer songs
            open_storage(source).delete(["zz.mid"])
        with suppress(KilledError):
            listener = {} if ends else {"on_progress": _end}
            split_to_storage(source, url, options(redo=choice == "redo"), parts(**listener))
        put_songs(open_storage(source), {"zz.mid": songs["zz.mid"]})

    summary = split_to_storage(
        source, url, options(**{choice: True}), parts(open_storage=overtaken(url, run_other))
    )
    assert summary.generation == 3
    result = open_result(open_storage(url))
    assert result.newest_manifest_number() == 3
    assert verify_generations(url).damage == ()
    if choice == "prune":
        del songs["01.mid"]
        assert stored_rows(url) == local_rows(songs, tmp_path)
    else:
        assert result.read_plan(3).redo


@pytest.mark.parametrize("choice", ["redo", "prune", "retry_failed"])
def test_what_a_faster_run_has_done_is_not_done_again(choice: str) -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 4))}
    source, url = source_with(songs), memory_url()
    if choice == "retry_failed":
        put_songs(open_storage(source), {"refused.mid": songs["00.mid"]})
    split_to_storage(source, url, options(), parts(open_storage=refusing))
    if choice == "prune":
        open_storage(source).delete(["01.mid"])

    def run_other() -> None:
        split_to_storage(source, url, options(**{choice: True}), parts(open_storage=refusing))

    opened = overtaken(url, run_other)
    summary = split_to_storage(source, url, options(**{choice: True}), parts(open_storage=opened))
    assert (summary.generation, summary.songs_planned, summary.songs_gone) == (2, 0, 0)
    assert open_result(open_storage(url)).newest_manifest_number() == 2

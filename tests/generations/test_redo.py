"""Songs of a result are split again, as by a newer version of the contract."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from midiprism import table_files
from midiprism.errors import OlderContractError, UsageError
from midiprism.generations.errors import GenerationError, NewerContractError, OlderPlanError
from midiprism.generations.forget import forget_songs_in_storage
from midiprism.generations.groups.make import make_groups
from midiprism.generations.plan import Plan
from midiprism.generations.result import Manifest, open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.summary import GenerationSummary
from midiprism.generations.sweep import sweep
from midiprism.generations.verify import verify_generations
from midiprism.generations.work import work_on
from midiprism.objects import ObjectStorage, open_storage, require_conditions
from midiprism.smf.types import CONTRACT_VERSION
from support.archive_files import damaged_zip_of, zip_of
from support.generation_results import (
    OLDER_CONTRACT,
    local_rows,
    memory_url,
    older_parts,
    options,
    parts,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
    stored_rows,
    table_rows,
)
from support.nightly import every
from support.object_stores import HookedStorage, KilledError


def newest(url: str) -> Manifest:
    return open_result(open_storage(url)).newest_manifest()


def redo(source: str, url: str, **values: Any) -> GenerationSummary:
    return split_to_storage(source, url, options(redo=True, **values), parts())


def tracks_of(url: str) -> set[str]:
    """Return the names of the files of tracks."""
    return {file.stored.name for file in newest(url).files if file.table == "tracks"}


def assert_whole(url: str, expected: dict[str, list[str]]) -> None:
    assert stored_rows(url) == expected
    assert verify_generations(url).damage == ()


def test_a_redo_makes_the_result_of_a_new_one(tmp_path: Path) -> None:
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    expected = local_rows(songs, tmp_path)
    before = stored_rows(url)
    assert before["tracks"] != expected["tracks"]
    assert {*before["tracks"]} & {*expected["tracks"]}
    plans: list[Plan] = []
    summary = split_to_storage(source, url, options(redo=True), parts(on_redo=plans.append))
    assert [(plan.number, plan.contract) for plan in plans] == [(2, CONTRACT_VERSION)]
    assert (summary.generation, summary.tracks) == (2, len(expected["tracks"]))
    assert_whole(url, expected)
    assert (newest(url).contract, newest(url).has_songs_before(CONTRACT_VERSION)) == (CONTRACT_VERSION, False)
    again = split_to_storage(source, url, options(), parts())
    assert (again.generation, again.songs_planned) == (2, 0)


def groups_of(url: str) -> list[dict[str, Any]]:
    """Make the groups of songs, and return their rows."""
    groups = make_groups(url)
    return table_rows(open_storage(url), replace(newest(url), files=tuple(groups.files)), "groups")


def test_groups_after_a_redo_are_those_of_a_new_result() -> None:
    source, url, fresh = source_with(some_songs(9)), memory_url(), memory_url()
    split_to_storage(source, url, options(), older_parts())
    assert groups_of(url)
    redo(source, url)
    with pytest.raises(UsageError, match=r"groups of generation 2 of .* were not made"):
        table_files(url, "groups")
    split_to_storage(source, fresh, options(), parts())
    assert groups_of(url) == groups_of(fresh)


def test_an_earlier_contract_is_refused_unless_songs_are_redone() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    split_to_storage(source, url, options(), older_parts())
    for values in ({}, {"prune": True}, {"retry_failed": True}):
        with pytest.raises(OlderContractError, match="redo its songs"):
            split_to_storage(source, url, options(**values), parts())
    assert newest(url).number == 1


def test_an_earlier_version_refuses_a_newer_result() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    split_to_storage(source, url, options(), older_parts())
    redo(source, url)
    message = f"is version {CONTRACT_VERSION}; that of this one is {OLDER_CONTRACT}: use the newer midiprism"
    with pytest.raises(NewerContractError, match=message):
        split_to_storage(source, url, options(redo=True), older_parts())
    with pytest.raises(NewerContractError):
        work_on(url, source, older_parts())
    fresh = memory_url()
    split_to_storage(source, fresh, options(), parts())
    with pytest.raises(NewerContractError):
        open_result(open_storage(fresh), OLDER_CONTRACT)


def _stop(_progress: object) -> None:
    raise KilledError


def test_a_generation_is_finished_by_the_version_that_began_it() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    with suppress(KilledError):
        split_to_storage(source, url, options(), older_parts(on_progress=_stop))
    with pytest.raises(OlderPlanError, match=r"Generation 1 .* was begun by an earlier version"):
        work_on(url, source, parts())
    with pytest.raises(OlderPlanError):
        redo(source, url)
    assert work_on(url, source, older_parts()) is not None
    with suppress(KilledError):
        split_to_storage(source, url, options(redo=True), parts(on_progress=_stop))
    with pytest.raises(NewerContractError):
        work_on(url, source, older_parts())
    assert work_on(url, source, parts()) is not None


def test_tracks_that_are_made_again_stay_where_they_are(tmp_path: Path) -> None:
    songs = some_songs(12)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), parts())
    before = tracks_of(url)
    redo(source, url)  # by the same contract, so that all tracks are
    assert tracks_of(url) == before
    assert newest(url).number == 2
    assert_whole(url, local_rows(songs, tmp_path))


def test_songs_that_are_gone_or_cannot_be_read_keep_what_they_have(tmp_path: Path) -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 14))}
    songs["zz.mid"] = songs["03.mid"]
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    before = stored_rows(url)
    gone = ["02.mid", "03.mid", "05.mid"]  # 03.mid has a copy
    open_storage(source).delete(gone)
    put_songs(open_storage(source), {"07.mid": song_bytes(20, 21)[0]})

    def refuse(when: str, name: str, key: str) -> None:
        if (when, name, key) == ("before", "read", "09.mid"):
            open_storage(source).delete([key])

    def opened(place: str, **values: Any) -> ObjectStorage:
        storage = open_storage(place, **values)
        return HookedStorage(storage, refuse) if place == source else storage

    split_to_storage(source, url, options(redo=True), parts(open_storage=opened))
    kept = {blake3(songs[key]).hexdigest() for key in ("02.mid", "05.mid", "07.mid", "09.mid")}
    fresh = memory_url()
    split_to_storage(source, fresh, options(), parts())
    rows, expected = stored_rows(url), stored_rows(fresh)
    for table in ("links", "songs"):
        old = [row for row in before[table] if any(digest in row for digest in kept)]
        new = [row for row in rows[table] if "unreadable" not in row]
        assert sorted(new) == sorted([*expected[table], *old])
    linked = {row.split("'track_blake3': '")[1][:64] for row in rows["links"]}
    assert {row.split("'blake3': '")[1][:64] for row in rows["tracks"]} == linked
    assert verify_generations(url).damage == ()
    assert newest(url).has_songs_before(CONTRACT_VERSION)
    again = split_to_storage(source, url, options(), parts())
    assert (again.generation, again.songs_planned) == (2, 0)
    pruned = split_to_storage(source, url, options(prune=True), parts())
    assert pruned.generation == 3
    assert_whole(url, expected)


def test_paths_of_the_same_songs_have_one_row() -> None:
    songs = some_songs(12)
    members = {f"{number}.mid": data for number, data in enumerate(song_bytes(14, 18))}
    changed, gone = "good/004 ü#?.mid", "good/006 ü#?.mid"
    source, url = source_with({**songs, "m.zip": zip_of(members)}), memory_url()
    split_to_storage(source, url, options(archives=True), older_parts())
    open_storage(source).delete([gone])
    put_songs(open_storage(source), {changed: song_bytes(20, 21)[0]})
    redo(source, url, archives=True)
    rows = [row["path"] for row in table_rows(open_storage(url), newest(url), "paths")]
    counts = Counter(rows)
    assert {path for path, count in counts.items() if count > 1} == {changed}
    assert {gone, "m.zip/", "m.zip/0.mid"} <= counts.keys()
    assert verify_generations(url).damage == ()
    assert split_to_storage(source, url, options(archives=True), parts()).generation == 2


def test_a_song_that_comes_back_is_split_by_the_newer_contract(tmp_path: Path) -> None:
    songs = some_songs(8)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    missing = {key: data for key, data in songs.items() if "good/" in key and key >= "good/003"}
    open_storage(source).delete([*missing])
    redo(source, url)
    assert stored_rows(url)["links"] != local_rows(songs, tmp_path)["links"]
    new = {"zzz.mid": song_bytes(30, 31)[0]}
    put_songs(open_storage(source), missing | new)
    summary = split_to_storage(source, url, options(), parts())
    assert (summary.generation, summary.songs_planned) == (3, len(missing) + 1)
    assert_whole(url, local_rows(songs | new, tmp_path / "all"))
    assert not newest(url).has_songs_before(CONTRACT_VERSION)


def test_a_second_source_is_redone_by_its_next_run(tmp_path: Path) -> None:
    songs = some_songs(12)
    halves = [dict([*songs.items()][::2]), dict([*songs.items()][1::2])]
    url = memory_url()
    sources = [source_with(half) for half in halves]
    for source in sources:
        split_to_storage(source, url, options(), older_parts())
    redo(sources[0], url)
    assert verify_generations(url).damage == ()
    split_to_storage(sources[1], url, options(), parts())
    rows, expected = stored_rows(url), local_rows(songs, tmp_path)
    assert (rows["tracks"], rows["links"]) == (expected["tracks"], expected["links"])
    assert verify_generations(url).damage == ()
    assert split_to_storage(sources[0], url, options(), parts()).generation == 4
    assert not newest(url).has_songs_before(CONTRACT_VERSION)


def test_later_generations_and_removals_follow_a_redo(tmp_path: Path) -> None:
    all_songs = some_songs(16)
    first = dict([*all_songs.items()][4:])
    source, url = source_with(first), memory_url()
    split_to_storage(source, url, options(), older_parts())
    redo(source, url)
    put_songs(open_storage(source), all_songs)
    split_to_storage(source, url, options(), parts())
    expected = local_rows(all_songs, tmp_path / "all")
    rows = stored_rows(url)
    assert (rows["tracks"], rows["links"]) == (expected["tracks"], expected["links"])
    gone = {blake3(data).digest() for data in song_bytes(5, 9)}
    forget_songs_in_storage(url, gone)
    left = {key: data for key, data in all_songs.items() if blake3(data).digest() not in gone}
    expected, rows = local_rows(left, tmp_path / "left"), stored_rows(url)
    assert (rows["tracks"], rows["links"]) == (expected["tracks"], expected["links"])
    storage = open_storage(url)
    sweep(open_result(storage), require_conditions(storage), forgotten=True)
    assert stored_rows(url) == rows
    assert verify_generations(url).damage == ()


def test_a_redo_that_prunes_begins_anew(tmp_path: Path) -> None:
    songs = some_songs(8)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    open_storage(source).delete([*songs][:1])
    summary = redo(source, url, prune=True)
    assert (summary.generation, summary.songs_gone) == (2, 0)
    assert_whole(url, local_rows(dict([*songs.items()][1:]), tmp_path))
    assert not newest(url).has_songs_before(CONTRACT_VERSION)


def test_songs_of_archives_are_redone(tmp_path: Path) -> None:
    songs = some_songs(10, broken=0)
    members = {f"{number}.mid": data for number, data in enumerate(song_bytes(4, 10))}
    source = source_with({**songs, "m.zip": zip_of(members), "n.zip": damaged_zip_of(members)})
    url, fresh = memory_url(), memory_url()
    split_to_storage(source, url, options(archives=True), older_parts())
    redo(source, url, archives=True)
    split_to_storage(source, fresh, options(archives=True), parts())
    assert_whole(url, stored_rows(fresh))
    assert split_to_storage(source, url, options(archives=True), parts()).generation == 2


def test_damaged_files_are_noticed_and_never_committed() -> None:
    songs = some_songs(8)
    for table in ("tracks", "songs", "links"):
        source, url = source_with(songs), memory_url()
        split_to_storage(source, url, options(), older_parts())
        open_storage(source).delete([*songs][:4])
        storage = open_storage(url)
        for file in newest(url).files:
            if file.table == table:
                storage.put(file.stored.name, b"damaged")
        with pytest.raises(GenerationError):
            redo(source, url)
        assert newest(url).number == 1


FEW = options(prefixes=2, redo=True)


@cache
def few_songs() -> dict[str, bytes]:
    first, second, third, fourth = song_bytes(0, 4)
    return {
        "a.mid": first,
        "b.mid": second,
        "c.mid": b"no song",
        "d.mid": first,
        "e.mid": third,
        "f.mid": fourth,
    }


def older_result() -> tuple[str, str]:
    """Return the URLs of the songs and of a result of an earlier contract, of which one song is gone."""
    source, url = source_with(few_songs() | {"gone.mid": song_bytes(4, 5)[0]}), memory_url()
    split_to_storage(source, url, options(prefixes=2), older_parts())
    open_storage(source).delete(["gone.mid"])
    return source, url


@cache
def expected_of_redo() -> dict[str, list[str]]:
    source, url = older_result()
    split_to_storage(source, url, FEW, parts())
    return stored_rows(url)


def killed_at(url: str, number: int) -> Callable[..., ObjectStorage]:
    """Return what opens storage whose requests to a result end the process, as it were, from one on."""
    count = 0

    def hook(*_call: str) -> None:
        nonlocal count
        count += 1
        if count > number:
            raise KilledError

    def opened(place: str, **values: Any) -> ObjectStorage:
        storage = open_storage(place, **values)
        return HookedStorage(storage, hook) if place == url else storage

    return opened


LAST_POINT = 260


@pytest.mark.parametrize("number", every(26, range(LAST_POINT)))
def test_a_redo_that_is_killed_is_finished_by_the_next(number: int) -> None:
    source, url = older_result()
    before = stored_rows(url)
    with suppress(KilledError):
        split_to_storage(source, url, FEW, parts(open_storage=killed_at(url, number)))
    assert stored_rows(url) in (before, expected_of_redo())
    if work_on(url, source, parts()) is None and newest(url).number == 1:
        split_to_storage(source, url, FEW, parts())
    assert newest(url).number == 2
    assert_whole(url, expected_of_redo())


def test_every_request_of_a_redo_is_among_the_points() -> None:
    source, url = older_result()
    split_to_storage(source, url, FEW, parts(open_storage=killed_at(url, LAST_POINT)))

"""Generations follow their sources: new, changed, unreadable and gone songs."""

from pathlib import Path

import pytest

from midiprism.errors import DoubtedScanError, UsageError
from midiprism.generations.errors import (
    GenerationError,
    NoGenerationsError,
    OtherIdentityError,
    UnfinishedError,
)
from midiprism.generations.listing import SortedListing
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.work import work_on
from midiprism.objects import ObjectAccessError, open_storage
from midiprism.results.identity import RequestedIdentity
from support.generation_results import (
    local_rows,
    memory_url,
    options,
    parts,
    parts_with_hooked_source,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
    stored_rows,
    table_rows,
)
from support.object_stores import When


def _paths(url: str) -> dict[str, str | None]:
    """Return the digest at each path of the newest generation."""
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "paths")
    return {row["path"]: row["blake3"] for row in rows}


def _split(source: str, url: str, **values: bool) -> tuple[int, int]:
    """Split, and return the newest generation and how many songs were planned."""
    summary = split_to_storage(source, url, options(**values), parts())
    return summary.generation, summary.songs_planned


def test_nothing_new_makes_no_generation() -> None:
    source, url = source_with(some_songs(6)), memory_url()
    assert _split(source, url)[0] == 1
    before = stored_rows(url)
    assert _split(source, url) == (1, 0)
    assert stored_rows(url) == before


def test_new_songs_make_a_generation_that_adds_to_the_first(tmp_path: Path) -> None:
    all_songs = some_songs(20)
    first = dict([*all_songs.items()][8:24])
    source, url = source_with(first), memory_url()
    _split(source, url)
    added = {key: data for key, data in all_songs.items() if key not in first}
    put_songs(open_storage(source), added)
    songs_added = [
        key for key, data in added.items() if data and key.lower().endswith(".mid") and "_" not in key
    ]
    assert _split(source, url) == (2, len(songs_added))
    expected = local_rows(all_songs, tmp_path)
    rows = stored_rows(url)
    assert (rows["tracks"], rows["links"]) == (expected["tracks"], expected["links"])
    assert len(rows["songs"]) == len(expected["songs"])
    names = [file.generation for file in open_result(open_storage(url)).newest_manifest().files]
    assert {*names} == {1, 2}


def test_a_third_generation_knows_both_earlier_ones(tmp_path: Path) -> None:
    songs = [*some_songs(15).items()]
    source, url = memory_url(), memory_url()
    for start in (0, 10, 20):
        put_songs(open_storage(source), dict(songs[start : start + 10 if start < 20 else None]))
        _split(source, url)
    assert open_result(open_storage(url)).newest_manifest().number == 3
    expected = local_rows(dict(songs), tmp_path)
    assert stored_rows(url)["tracks"] == expected["tracks"]
    assert stored_rows(url)["links"] == expected["links"]


def test_a_changed_song_is_split_again_and_the_old_one_stays() -> None:
    first, second = song_bytes(0, 2)
    source, url = source_with({"a.mid": first}), memory_url()
    _split(source, url)
    put_songs(open_storage(source), {"a.mid": second})
    assert _split(source, url) == (2, 1)
    assert len(stored_rows(url)["songs"]) == 2


def test_songs_that_are_gone_stay_unless_they_are_pruned(tmp_path: Path) -> None:
    songs = some_songs(20)
    gone = [key for key in songs if key.startswith("copies/") or "good/" <= key < "good/005"]
    source, url = source_with(songs), memory_url()
    _split(source, url)
    before = stored_rows(url)
    open_storage(source).delete(gone)
    summary = split_to_storage(source, url, options(), parts())
    assert (summary.generation, summary.songs_gone) == (1, len(gone))
    assert stored_rows(url) == before
    summary = split_to_storage(source, url, options(prune=True), parts())
    assert (summary.generation, summary.songs_gone) == (2, 0)
    left = {key: data for key, data in songs.items() if key not in gone}
    assert stored_rows(url) == local_rows(left, tmp_path)
    assert _split(source, url, prune=True) == (2, 0)


def test_a_source_that_lost_most_songs_is_pruned_only_if_that_is_said() -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 12))}
    source, url = source_with(songs), memory_url()
    _split(source, url)
    open_storage(source).delete([*songs][:9])
    with pytest.raises(DoubtedScanError, match=r"9 of 12 songs of memory://.* are gone"):
        _split(source, url, prune=True)
    assert len(stored_rows(url)["songs"]) == 12
    assert _split(source, url, prune=True, trust_listing=True) == (2, 3)
    assert len(stored_rows(url)["songs"]) == 3


def test_songs_that_change_or_vanish_after_the_plan_are_left_to_the_next_generation(tmp_path: Path) -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 10))}
    source, url = source_with(songs), memory_url()
    (other,) = song_bytes(20, 21)

    def spoil(when: When, name: str, key: str) -> None:
        if (when, name, key) == ("before", "read", "03.mid"):
            open_storage(source).put(key, other)
        elif (when, name, key) == ("before", "read", "05.mid"):
            open_storage(source).delete([key])

    summary = split_to_storage(source, url, options(), parts_with_hooked_source(source, spoil))
    assert summary.outcomes == {"split": 8, "unreadable": 2}
    problems = [row for row in stored_rows(url)["songs"] if "unreadable" in row]
    assert len(problems) == 2
    assert [key for key, digest in _paths(url).items() if digest is None] == ["03.mid", "05.mid"]
    summary = split_to_storage(source, url, options(), parts())
    assert (summary.generation, summary.outcomes) == (2, {"split": 9})
    left = {**{key: data for key, data in songs.items() if key != "05.mid"}, "03.mid": other}
    assert stored_rows(url)["tracks"] == local_rows(left, tmp_path)["tracks"]


def test_songs_that_change_between_the_passes_do_not_change_the_result(tmp_path: Path) -> None:
    songs = some_songs(10)
    source, url = source_with(songs), memory_url()

    def change_all(progress: object) -> None:
        if getattr(progress, "pass_name", "") == "b":
            put_songs(open_storage(source), dict.fromkeys(songs, b"changed"))

    split_to_storage(source, url, options(), parts(on_progress=change_all))
    assert stored_rows(url) == local_rows(songs, tmp_path)


def test_a_song_that_may_not_be_read_costs_itself_and_is_retried_on_request() -> None:
    songs = {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, 3))}
    source, url = source_with(songs), memory_url()

    def refuse(when: When, name: str, key: str) -> None:
        if (when, name, key) == ("before", "read", "01.mid"):
            raise ObjectAccessError("access is refused")

    summary = split_to_storage(source, url, options(), parts_with_hooked_source(source, refuse))
    assert summary.outcomes == {"split": 2, "unreadable": 1}
    assert summary.songs_failed == 1
    assert _split(source, url) == (1, 0)
    assert _split(source, url, retry_failed=True) == (2, 1)
    assert open_result(open_storage(url)).newest_manifest().outcomes == {"split": 3}


def test_a_source_that_refuses_every_song_ends_the_run() -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0]}), memory_url()

    def refuse(_when: When, name: str, _key: str) -> None:
        if name == "read":
            raise ObjectAccessError("access is refused")

    with pytest.raises(ObjectAccessError):
        split_to_storage(source, url, options(), parts_with_hooked_source(source, refuse))
    assert open_result(open_storage(url)).newest_manifest().number == 0


def test_songs_beyond_one_run_are_sorted_on_the_disk(tmp_path: Path) -> None:
    source = open_storage(source_with({f"{number * 7919 % 100:03}.mid": b"x" for number in range(100)}))
    listing = SortedListing(source, str(tmp_path), run_songs=9)
    assert listing.count == 100
    for _ in range(2):
        assert [song.path for song in listing] == [f"{number:03}.mid" for number in range(100)]
    assert len([*tmp_path.iterdir()]) == 11


def test_many_runs_become_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.generations.listing.RUNS_PER_LEVEL", 3)
    source = open_storage(source_with({f"{number * 7919 % 100:03}.mid": b"x" for number in range(100)}))
    listing = SortedListing(source, str(tmp_path), run_songs=4)
    assert [song.path for song in listing] == [f"{number:03}.mid" for number in range(100)]
    assert len([*tmp_path.iterdir()]) == 5  # 25 runs are two of nine, two of three and one


def test_another_identity_is_refused() -> None:
    source, url = source_with(some_songs(2)), memory_url()
    _split(source, url)
    with pytest.raises(OtherIdentityError, match="was made with by='auto'"):
        split_to_storage(source, url, options(identity=RequestedIdentity(by="channel")), parts())


def test_a_worker_reads_only_the_source_that_its_command_names() -> None:
    source, other, url = source_with(some_songs(2)), source_with(some_songs(2)), memory_url()

    def stop(_progress: object) -> None:
        raise GenerationError("stopped")

    with pytest.raises(GenerationError, match="stopped"):
        split_to_storage(source, url, options(), parts(on_progress=stop))
    with pytest.raises(UnfinishedError, match=f"its songs are below {source}: finish it by a run from there"):
        work_on(url, other, parts())
    with pytest.raises(UnfinishedError, match="finish it by a run from there"):
        _split(other, url)
    summary = work_on(url, source, parts())
    assert summary is not None
    assert summary.generation == 1
    assert work_on(url, source, parts()) is None


def test_a_worker_without_a_result_is_refused() -> None:
    with pytest.raises(NoGenerationsError, match="holds no midiprism result"):
        work_on(memory_url(), memory_url(), parts())


@pytest.mark.parametrize(
    ("songs", "result"), [("s3://lake/a", "s3://lake/a/out"), ("s3://lake/a", "s3://lake")]
)
def test_a_result_within_its_source_is_refused(songs: str, result: str) -> None:
    with pytest.raises(UsageError, match="one within the other"):
        split_to_storage(songs, result)


def test_songs_of_a_second_source_are_added(tmp_path: Path) -> None:
    songs = some_songs(12)
    halves = [dict([*songs.items()][::2]), dict([*songs.items()][1::2])]
    url = memory_url()
    sources = [source_with(half) for half in halves]
    for source in sources:
        _split(source, url)
    expected = local_rows(songs, tmp_path)
    assert stored_rows(url)["tracks"] == expected["tracks"]
    assert stored_rows(url)["links"] == expected["links"]
    open_storage(sources[0]).delete([*halves[0]][:1])
    with pytest.raises(UsageError, match="has songs of several sources"):
        _split(sources[0], url, prune=True)

"""Sources of which a part, or all, cannot be read or listed, or that hold what midiprism made."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError

from midiprism import split_library
from midiprism.errors import UsageError
from midiprism.generations.dry_run import estimate_split
from midiprism.generations.errors import GenerationError, UnfinishedError
from midiprism.generations.finish import finish
from midiprism.generations.listing import SortedListing
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.run_parts import RunParts
from midiprism.generations.work import work_on
from midiprism.objects import (
    ObjectAccessError,
    ObjectMissingError,
    ObjectStorageError,
    ReadRequest,
    open_storage,
)
from support.generation_results import (
    memory_url,
    options,
    parts,
    parts_with_hooked_source,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
    stop_at,
    table_rows,
)
from support.object_stores import Hook, When

ONE = "05.mid"


def _songs(count: int = 10) -> dict[str, bytes]:
    return {f"{number:02}.mid": data for number, data in enumerate(song_bytes(0, count))}


def _failing(key: str, error: Exception) -> Hook:
    """Return a hook by which each read of an object fails."""

    def hook(when: When, name: str, found: str) -> None:
        if (when, name, found) == ("before", "read", key):
            raise error

    return hook


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ObjectStorageError("busy", is_transient=True), "io"),
        (ObjectStorageError("odd"), "io"),
        (ObjectAccessError("refused"), "permission"),
    ],
)
def test_a_song_that_can_never_be_read_costs_itself(error: Exception, code: str) -> None:
    source, url = source_with(_songs()), memory_url()
    summary = split_to_storage(source, url, options(), parts_with_hooked_source(source, _failing(ONE, error)))
    assert summary.outcomes == {"split": 9, "unreadable": 1}
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    (problems,) = [row["problems"] for row in rows if row["outcome"] == "unreadable"]
    assert f'"{code}"' in problems


def test_a_store_that_does_not_answer_ends_the_run_and_the_next_one_continues() -> None:
    source, url = source_with(_songs()), memory_url()
    is_down: list[str] = []

    def hook(when: When, name: str, key: str) -> None:
        if when == "before" and ((name, key) == ("read", ONE) or is_down):
            is_down.append(key)
            raise ObjectStorageError("no answer", is_transient=True)

    with pytest.raises(ObjectStorageError, match="no answer"):
        split_to_storage(source, url, options(), parts_with_hooked_source(source, hook))
    assert split_to_storage(source, url, options(), parts()).outcomes == {"split": 10}


def test_a_refused_song_alone_keeps_no_other_song_waiting() -> None:
    source, url = source_with({**_songs(), "x.mid": song_bytes(20, 21)[0]}), memory_url()
    refusing = parts_with_hooked_source(source, _failing("x.mid", ObjectAccessError("x.mid is refused")))
    assert split_to_storage(source, url, options(), refusing).outcomes == {"split": 10, "unreadable": 1}
    again = split_to_storage(source, url, options(retry_failed=True), refusing)
    assert (again.generation, again.outcomes) == (2, {"split": 10, "unreadable": 1})
    put_songs(open_storage(source), {"y.mid": song_bytes(21, 22)[0]})
    summary = split_to_storage(source, url, options(), refusing)
    assert (summary.generation, summary.outcomes) == (3, {"split": 11, "unreadable": 1})


def test_a_song_that_is_refused_once_its_generation_is_planned_does_not_keep_it_open() -> None:
    source, url = source_with({"x.mid": song_bytes(0, 1)[0]}), memory_url()
    with pytest.raises(GenerationError, match="stopped"):
        split_to_storage(source, url, options(), parts(on_progress=stop_at("a")))
    refusing = parts_with_hooked_source(source, _failing("x.mid", ObjectAccessError("refused")))
    assert split_to_storage(source, url, options(), refusing).outcomes == {"unreadable": 1}


@pytest.mark.parametrize("error", [ObjectAccessError("refused"), ObjectStorageError("400 ExpiredToken")])
def test_credentials_that_expire_during_a_run_blame_no_song(error: ObjectStorageError) -> None:
    source, url = source_with(_songs()), memory_url()

    def hook(when: When, _name: str, _key: str) -> None:
        if when == "before" and is_expired:
            raise error

    is_expired: list[bool] = []
    with pytest.raises(type(error)):
        split_to_storage(
            source,
            url,
            options(),
            _replaced(parts_with_hooked_source(source, hook), lambda _progress: is_expired.append(True)),
        )
    assert split_to_storage(source, url, options(), parts()).outcomes == {"split": 10}


def _replaced(chosen: RunParts, on_progress: Callable[[object], None]) -> RunParts:
    return parts(open_storage=chosen.open_storage, on_progress=on_progress)


@pytest.mark.parametrize("names_other", [False, True])
def test_a_generation_whose_songs_are_read_needs_its_source_no_more(
    tmp_path: Path, names_other: bool
) -> None:
    songs, gone, url = _songs(), tmp_path / "gone", memory_url()
    gone.mkdir()
    source, other = gone.as_uri(), source_with(some_songs(2, 0))
    put_songs(open_storage(source), songs)
    with pytest.raises(GenerationError, match="stopped"):
        split_to_storage(source, url, options(), parts(on_progress=stop_at("b")))
    gone.rename(tmp_path / "moved")
    if names_other:
        assert split_to_storage(other, url, options(), parts()).generation == 2
    else:
        summary = work_on(url, source, parts())
        assert summary is not None
        assert summary.outcomes == {"split": 10}
        with pytest.raises(ObjectMissingError):
            split_to_storage(source, url, options(), parts())


def test_a_generation_whose_songs_are_gone_before_they_are_read_says_what_to_do(tmp_path: Path) -> None:
    gone, url = tmp_path / "gone", memory_url()
    gone.mkdir()
    put_songs(open_storage(gone.as_uri()), _songs())
    with pytest.raises(GenerationError, match="stopped"):
        split_to_storage(gone.as_uri(), url, options(), parts(on_progress=stop_at("a")))
    gone.rename(tmp_path / "moved")
    for run in (split_to_storage, lambda source, url, _options, parts: work_on(url, source, parts)):
        with pytest.raises(UnfinishedError, match="make an empty folder or bucket of that name"):
            run(gone.as_uri(), url, options(), parts())
    gone.mkdir()
    assert split_to_storage(gone.as_uri(), url, options(), parts()).outcomes == {"unreadable": 10}


def test_what_midiprism_made_below_a_source_is_skipped(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    put_songs(open_storage(songs.as_uri()), _songs(6))
    split_library([songs], songs / "inner" / "result")
    (songs / "other").mkdir()
    (songs / "other" / "midiprism.json").write_text('{"midiprism": "no kind of ours"}')
    (songs / "other" / "a.mid").write_bytes(song_bytes(8, 9)[0])
    url = memory_url()
    summary = split_to_storage(songs.as_uri(), url, options(), parts())
    assert (summary.outcomes, summary.results_skipped) == ({"split": 7}, ("inner/result/",))
    listing = SortedListing(open_storage(songs.as_uri()), str(tmp_path / "runs"))
    assert sorted(listing.sample) == [*listing]
    with pytest.raises(UsageError, match="never read as a source"):
        split_to_storage(url, memory_url(), options(), parts())


def test_a_marker_that_cannot_be_read_is_none() -> None:
    source, url = source_with({**_songs(4), "x/midiprism.json": b"{}"}), memory_url()
    refusing = parts_with_hooked_source(source, _failing("x/midiprism.json", ObjectAccessError("refused")))
    assert split_to_storage(source, url, options(), refusing).outcomes == {"split": 4}


def test_refused_songs_that_come_first_do_not_hide_others() -> None:
    refused = {f"a/{number:03}.mid": data for number, data in enumerate(song_bytes(10, 40))}
    source, url = source_with({**refused, **_songs(10)}), memory_url()

    def hook(when: When, name: str, key: str) -> None:
        if (when, name) == ("before", "read") and key.startswith("a/"):
            raise ObjectAccessError("refused")

    assert (
        split_to_storage(source, url, options(), parts_with_hooked_source(source, hook)).outcomes["split"]
        == 10
    )


def test_the_sample_of_a_listing_is_from_all_of_its_parts(tmp_path: Path) -> None:
    source = open_storage(source_with({f"{number:04}.mid": b"x" for number in range(1000)}))
    sample = [int(song.path[:4]) for song in SortedListing(source, str(tmp_path)).sample]
    assert 8 <= len(sample) <= 16
    assert (sample[0], sample[-1] > 800) == (0, True)


def test_a_generation_that_was_committed_meanwhile_is_finished() -> None:
    source, other, url = source_with(_songs(4)), source_with({}), memory_url()
    split_to_storage(source, url, options(), parts())
    result = open_result(open_storage(url))
    assert finish(result, result.read_plan(1), open_storage(other), parts()).number == 1


def test_songs_of_archives_count_for_the_number_of_prefixes(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.mid", b"x" * 4096 * 400)
    source = open_storage(source_with({"many.zip": packed.getvalue(), "b.mid": b"x"}))
    listing = SortedListing(source, str(tmp_path), containers=True)
    assert (listing.count, listing.estimated_songs) == (2, 402)


def test_a_source_without_songs_makes_no_result() -> None:
    source, url = source_with({"notes.txt": b"no song"}), memory_url()
    assert split_to_storage(source, url, options(), parts()).generation == 0
    assert estimate_split(source, url, options(), parts()).estimate.songs == 0
    assert [*open_storage(url).list()] == []
    put_songs(open_storage(source), _songs(2))
    assert split_to_storage(source, url, options(prefixes=8), parts()).outcomes == {"split": 2}
    assert open_result(open_storage(url)).identity.prefixes == 8


@pytest.mark.parametrize("name", [b"a\tb.mid", b"latin\xe9.mid", b"two\nlines.mid"])
def test_a_name_that_object_storage_cannot_have_is_named(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    with pytest.raises(ObjectStorageError, match="cannot have the name") as caught:
        [*open_storage(tmp_path.as_uri()).list()]
    assert "name the folder without file://" in str(caught.value)
    assert name.split(b"\xe9")[0].decode() in str(caught.value)


@pytest.mark.parametrize(
    ("number", "kind", "is_transient"),
    [(13, ObjectAccessError, False), (5, ObjectStorageError, False), (24, ObjectStorageError, True)],
)
def test_errors_of_the_system_pass_or_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], is_transient: bool
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise GenericError(f"Unable to open file a.mid: failed (os error {number})")

    monkeypatch.setattr(obstore, "get", fail)
    with pytest.raises(ObjectStorageError) as caught:
        open_storage(tmp_path.as_uri()).read(ReadRequest("a.mid"))
    assert type(caught.value) is kind
    assert caught.value.is_transient == is_transient

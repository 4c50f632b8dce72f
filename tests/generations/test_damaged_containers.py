"""Damaged archives and damaged songs in them keep exactly one outcome in later generations."""

from dataclasses import replace

import pytest

from midiprism.generations.layout import manifest_key
from midiprism.generations.result import Manifest, open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.summary import GenerationSummary
from midiprism.objects import create_record, open_storage
from support.archive_files import damaged_zip_of, zip_of
from support.generation_results import (
    memory_url,
    options,
    parts,
    put_songs,
    song_bytes,
    source_with,
    table_rows,
)

ARCHIVES = {
    "damaged archive": (b"nothing of the kind" * 40, "m.zip"),
    "damaged member": (
        damaged_zip_of({f"{number}.mid": data for number, data in enumerate(song_bytes(5, 8))}),
        "m.zip/0.mid",
    ),
}
REPAIRED = zip_of({f"{number}.mid": data for number, data in enumerate(song_bytes(5, 8))})

damaged = pytest.mark.parametrize(("archive", "unread"), ARCHIVES.values(), ids=ARCHIVES)


def _split(source: str, url: str, **values: bool) -> GenerationSummary:
    return split_to_storage(source, url, options(archives=True, **values), parts())


def _newest(url: str) -> Manifest:
    return open_result(open_storage(url)).newest_manifest()


def _unread(url: str) -> list[str]:
    """Return the paths of the songs and archives that could not be read."""
    rows = table_rows(open_storage(url), _newest(url), "songs")
    return sorted(row["path"] for row in rows if row["outcome"] == "unreadable")


def _add_song(source: str, number: int) -> None:
    put_songs(open_storage(source), {f"new-{number}.mid": song_bytes(number, number + 1)[0]})


@damaged
def test_later_generations_try_them_again(archive: bytes, unread: str) -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": archive}), memory_url()
    songs = _split(source, url).outcomes["split"]
    assert _unread(url) == [unread]
    for number in (1, 2):
        _add_song(source, number)
        summary = _split(source, url)
        assert (summary.generation, summary.songs_planned) == (number + 1, 2)
        assert summary.outcomes == {"split": songs + number, "unreadable": 1}
        assert _unread(url) == [unread]


@damaged
def test_they_are_no_reason_for_a_generation_unless_that_is_asked_for(archive: bytes, unread: str) -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": archive}), memory_url()
    outcomes = _split(source, url).outcomes
    assert _split(source, url).generation == 1
    summary = _split(source, url, retry_failed=True)
    assert (summary.generation, summary.songs_planned, summary.outcomes) == (2, 1, outcomes)
    assert _unread(url) == [unread]


@damaged
def test_a_repaired_archive_has_all_its_songs(archive: bytes, unread: str) -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": archive}), memory_url()
    _split(source, url)
    assert _unread(url) == [unread]
    put_songs(open_storage(source), {"m.zip": REPAIRED})
    assert _split(source, url).outcomes == {"split": 4}
    _add_song(source, 1)
    summary = _split(source, url)
    assert (summary.songs_planned, summary.outcomes) == (1, {"split": 5})
    assert _split(source, url, retry_failed=True).generation == 3


@damaged
def test_a_removed_archive_goes_with_a_generation_that_prunes(archive: bytes, unread: str) -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": archive}), memory_url()
    _split(source, url)
    assert _unread(url) == [unread]
    open_storage(source).delete(["m.zip"])
    summary = _split(source, url, prune=True)
    assert (summary.generation, summary.songs_gone, summary.outcomes) == (2, 0, {"split": 1})


@damaged
def test_one_that_a_generation_did_not_see_is_read_by_the_next(archive: bytes, unread: str) -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": archive}), memory_url()
    outcomes = _split(source, url).outcomes
    _add_song(source, 1)
    without = split_to_storage(source, url, options(), parts())  # archives are left out
    assert (without.generation, without.songs_planned) == (2, 1)
    summary = _split(source, url)
    assert (summary.generation, summary.songs_planned) == (3, 1)
    assert summary.outcomes == {**outcomes, "split": outcomes["split"] + 1}
    assert _unread(url) == [unread]


def test_one_whose_outcome_an_earlier_version_dropped_is_read_again() -> None:
    source, url = source_with({"a.mid": song_bytes(0, 1)[0], "m.zip": b"damaged" * 99}), memory_url()
    outcomes = _split(source, url).outcomes
    manifest = _newest(url)
    kept = tuple(file for file in manifest.files if not file.is_provisional)
    create_record(open_storage(url), manifest_key(2), replace(manifest, number=2, files=kept).as_json())
    assert "unreadable" not in _newest(url).outcomes
    put_songs(open_storage(source), {"m.zip": b"damaged" * 99})
    summary = _split(source, url)
    assert (summary.generation, summary.songs_planned, summary.outcomes) == (3, 1, outcomes)

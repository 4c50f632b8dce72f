"""Tests of ``--redo`` and ``--retry-failed`` with songs that have an outcome already."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.errors import CorruptMidiError, UsageError
from midiprism.pipeline import RerunPolicy, Summary
from midiprism.smf.types import CONTRACT_VERSION, SplitSong
from midiprism.sources import open_folders
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.result_content import result_content
from support.runs import make_settings, run_source

pytestmark = pytest.mark.usefixtures("catalog_backend")

Splitter = Callable[[bytes], SplitSong]

NOTHING = RerunPolicy()


def run(
    source: Path,
    out: Path,
    rerun_policy: RerunPolicy = NOTHING,
    splitter: Splitter = fake_split,
    **options: object,
) -> Summary:
    database = catalog_access.postgres_address(out)
    settings = make_settings(
        workers=0, batch_songs=2, in_flight=1, rerun_policy=rerun_policy, database=database
    )
    library = open_folders([source])
    return run_source(library, str(out), settings, splitter=splitter, **options)


def old_split(data: bytes) -> SplitSong:
    """Return the splits of an earlier version: each track with a word that later versions omit."""
    split = fake_split(data)
    tracks = tuple(track._replace(data=b"old " + track.data) for track in split.tracks)
    return split._replace(tracks=tracks)


def make_result_of_earlier_version(source: Path, out: Path) -> None:
    """Create the result of a version with a lower contract in ``out``."""
    run(source, out, splitter=old_split)
    marker = json.loads((out / "midiprism.json").read_text())
    (out / "midiprism.json").write_text(json.dumps(marker | {"contract": CONTRACT_VERSION - 1}))
    catalog_access.execute(out, f"UPDATE songs SET contract_version = {CONTRACT_VERSION - 1}")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {f"{n}.mid": fake_song(PIANO + str(n), BASS, DRUMS) for n in range(9)}
    return write_files(tmp_path / "songs", files | {"copy.mid": files["3.mid"], "none.mid": fake_song()})


def test_a_redo_of_unchanged_songs_splits_all_and_changes_nothing(songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(songs, out)
    before = result_content(out)
    split: list[bytes] = []

    def count_and_split(data: bytes) -> SplitSong:
        split.append(data)
        return fake_split(data)

    summary = run(songs, out, RerunPolicy(redo=True), count_and_split)
    assert (len(split), summary.songs_done, summary.songs_copies, summary.songs_skipped) == (
        10,
        10,
        1,
        1,
    )
    assert (summary.tracks_new, summary.bytes_written) == (0, 0)
    assert result_content(out) == before


def test_a_redo_updates_a_result_of_an_earlier_version(songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_result_of_earlier_version(songs, out)
    with pytest.raises(UsageError, match="redo its songs, or choose another folder"):
        run(songs, out)
    summary = run(songs, out, RerunPolicy(redo=True))
    assert (summary.state, summary.songs_done) == ("done", 10)
    run(songs, tmp_path / "fresh")
    assert result_content(out) == result_content(tmp_path / "fresh"), (
        "tracks that no song has any more are gone"
    )


@pytest.mark.parametrize("moment", [1, 4, 7])
def test_an_update_that_was_interrupted_is_finished_by_any_later_run(
    songs: Path, tmp_path: Path, moment: int
) -> None:
    out = tmp_path / "out"
    make_result_of_earlier_version(songs, out)
    split: list[bytes] = []

    def count_and_split(data: bytes) -> SplitSong:
        split.append(data)
        return fake_split(data)

    first = run(songs, out, RerunPolicy(redo=True), count_and_split, stop=lambda: len(split) >= moment)
    assert first.state == "interrupted"
    second = run(songs, out, splitter=count_and_split)
    assert (second.state, len(split)) == ("done", 10), "what was done is not done again"
    run(songs, tmp_path / "fresh")
    assert result_content(out) == result_content(tmp_path / "fresh")


def test_failed_songs_are_retried_only_on_request(songs: Path, tmp_path: Path, catalog_backend: str) -> None:
    out = tmp_path / "out"

    def fail_some(data: bytes) -> SplitSong:
        if b"Hand;a3" in data:
            raise CorruptMidiError("header", "Not this one.")
        if b"Hand;a4" in data:
            raise ZeroDivisionError
        return fake_split(data)

    first = run(songs, out, splitter=fail_some)
    assert (first.songs_failed, first.outcomes) == (
        2,
        {"split": 7, "no_notes": 1, "corrupt": 1, "failed": 1},
    )
    assert run(songs, out).nothing_new
    second = run(songs, out, RerunPolicy(retry_failed=True))
    assert (second.songs_done, second.songs_failed, second.songs_skipped) == (2, 0, 9)
    # With leases, songs that were committed since their batch was planned are not opened again.
    assert second.songs_copies == (1 if catalog_backend == "sqlite" else 0)
    run(songs, tmp_path / "fresh")
    assert result_content(out) == result_content(tmp_path / "fresh")
    assert run(songs, out, RerunPolicy(retry_failed=True)).nothing_new


def test_a_retry_that_fails_again_keeps_one_outcome(songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_files(songs, {"bad.mid": b"junk"})
    run(songs, out)
    before = result_content(out)
    again = run(songs, out, RerunPolicy(retry_failed=True))
    assert (again.songs_done, again.songs_failed) == (1, 1)
    assert result_content(out) == before


def test_a_dry_redo_counts_the_same(songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(songs, out)
    dry = run(songs, out, RerunPolicy(redo=True), dry_run=True)
    wet = run(songs, out, RerunPolicy(redo=True))
    for name in ("outcomes", "tracks", "tracks_new", "songs_copies", "songs_done"):
        assert getattr(dry, name) == getattr(wet, name)

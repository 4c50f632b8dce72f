"""Tests of removing chosen songs."""

import os
from pathlib import Path

import pytest
from blake3 import blake3

from midiprism.errors import InUseError, StoreError, UsageError
from midiprism.removal.forget import SongChoice
from midiprism.removal.plan import plan_removal
from midiprism.results.lock import lock_exclusive
from midiprism.search.parse_query import parse_query
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO
from support.removals import LIBRARY, content_of, forget, removed_files, split_library
from support.runs import get_status, mark_as_killed

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture(params=["files", "parquet"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def track_sizes(*lines: str) -> int:
    return sum(map(len, lines))


def test_a_song_goes_with_the_tracks_that_no_other_song_has(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    removed = forget(out, "b")
    assert (removed.songs, removed.tracks, removed.bytes) == (1, 1, track_sizes(DRUMS))
    assert removed.reversible
    names = query(out, "SELECT name FROM tracks WHERE family = 'Drums'")
    assert len(names) == 1, "the drums of the other song are other drums"
    assert query(out, "SELECT song_name FROM song_paths WHERE song_name = 'b'") == []
    removed = forget(out, "a")
    assert (removed.songs, removed.tracks, removed.bytes) == (1, 2, track_sizes(PIANO, BASS))
    assert query(out, "SELECT song_name FROM song_paths WHERE song_name = 'c/copy'") == []
    content_of(out, store)
    assert len(removed_files(out)) == (3 if store == "files" else 2)


def test_a_song_is_named_by_any_of_its_names_paths_or_its_digest(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    names = ["a", "c/copy", str(tmp_path / "songs" / "a.mid"), blake3(LIBRARY["a.mid"]).hexdigest()]
    address = catalog_access.postgres_address(out)
    for name in names:
        (song,) = plan_removal(str(out), SongChoice([name]), address).places
        assert (song.path, song.is_there) == (os.fsencode(tmp_path / "songs" / "a.mid"), True)
    with pytest.raises(UsageError, match="There is no song nothing"):
        forget(out, "a", "nothing")
    assert query(out, "SELECT count(*) FROM songs") == [(5,)], "nothing was removed"


@pytest.mark.parametrize("names", [("a",), ("b",), ("a", "b"), ("a", "b", "e"), ("d", "f")])
def test_a_plan_counts_what_the_removal_removes(tmp_path: Path, store: str, names: tuple[str, ...]) -> None:
    out = split_library(tmp_path, store)
    plan = plan_removal(str(out), SongChoice(names), catalog_access.postgres_address(out))
    removed = forget(out, *names)
    planned = len(plan.places), len(plan.tracks), plan.bytes, plan.reversible
    assert planned == (removed.songs, removed.tracks, removed.bytes, True)


def test_songs_without_tracks_and_songs_that_failed_can_be_forgotten(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    removed = forget(out, "d", "f")
    assert (removed.songs, removed.tracks) == (2, 0)
    assert get_status(out).inventory.failures == ()
    content_of(out, store)


def test_filters_choose_songs_by_their_tracks(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    address = catalog_access.postgres_address(out)
    chosen = plan_removal(str(out), SongChoice((), parse_query("family:drums")), address).places
    assert [os.path.basename(song.path or b"") for song in chosen] == [b"b.mid", b"e.mid"]


def test_a_forgotten_song_comes_back_with_the_next_split(tmp_path: Path, store: str) -> None:
    out = split_library(tmp_path, store)
    before = content_of(out, store)
    forget(out, "a", "b", "d", "e", "f")
    assert query(out, "SELECT count(*) FROM songs") == [(0,)]
    assert query(out, "SELECT count(*) FROM tracks") == [(0,)]
    split_library(tmp_path, store)
    assert content_of(out, store) == before


def test_a_result_that_another_process_writes_is_left(tmp_path: Path) -> None:
    out = split_library(tmp_path, "files")
    with lock_exclusive(str(out)), pytest.raises(InUseError):
        forget(out, "a")


def test_only_a_run_that_is_active_keeps_songs_from_being_removed(tmp_path: Path) -> None:
    out = split_library(tmp_path, "files")
    if catalog_access.postgres_address(out) is not None:
        active = "UPDATE runs SET state = 'running', expires_at = now() + INTERVAL '1 minute'"
        catalog_access.execute(out, active)
        with pytest.raises(StoreError, match="Another run is active"):
            forget(out, "a")
        assert query(out, "SELECT count(*) FROM songs") == [(5,)]
    mark_as_killed(out)
    assert forget(out, "a").songs == 1
    content_of(out, "files")

"""Tests that catalogs in SQLite and in PostgreSQL get the same tracks and rows."""

import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import PostgresAddress, VerifyScope, open_catalog
from midiprism.integrity.verify import verify_result
from midiprism.pipeline import RerunPolicy, Settings, Summary
from midiprism.sources import open_folders
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.postgres import PostgresServer
from support.result_content import result_content
from support.runs import make_settings, run_source

SONGS = 60


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {
        f"{n % 7}/{n}.mid": fake_song(PIANO + str(n // 2), BASS, DRUMS + str(n % 9)) for n in range(SONGS)
    }
    files |= {f"copies/{n}.mid": files[f"{n % 7}/{n}.mid"] for n in range(0, SONGS, 5)}
    files |= {
        "none.mid": fake_song(),
        "mended.mid": fake_song(BASS, header="repaired"),
        "twice.mid": fake_song(BASS, BASS),
    }
    files |= {
        "junk.mid": b"junk",
        "bug.mid": b"bug",
        "nul.mid": fake_song("Piano;Electric Piano 1;na\0me \ud800;x"),
    }
    folder = write_files(tmp_path / "songs", files)
    with open(os.fsencode(folder) + b"/\xff\xfe.mid", "wb") as file:
        file.write(fake_song(PIANO + "odd name"))
    return folder


@pytest.fixture
def expected(songs: Path, tmp_path: Path) -> tuple[Summary, Any]:
    """Return the summary and the content of a run in one process with SQLite."""
    summary = run(songs, tmp_path / "expected", make_settings(workers=0))
    return summary, result_content(tmp_path / "expected")


def run(source: Path, out: Path, settings: Settings) -> Summary:
    return run_source(open_folders([source]), str(out), settings, splitter=fake_split)


@pytest.mark.parametrize(("workers", "batch"), [(0, 1), (0, 7), (0, 1000), (1, 7), (2, 1), (2, 1000), (5, 7)])
def test_the_result_does_not_depend_on_workers_batches_or_the_database(
    postgres: PostgresServer,
    songs: Path,
    expected: tuple[Summary, Any],
    tmp_path: Path,
    workers: int,
    batch: int,
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    settings = make_settings(workers=workers, batch_songs=batch, database=PostgresAddress(url))
    summary = run(songs, out, settings)
    whole, content = expected
    assert (summary.state, summary.error, summary.outcomes) == ("done", None, whole.outcomes)
    assert result_content(out, url) == content
    assert (summary.tracks, summary.tracks_new) == (whole.tracks, whole.tracks_new)
    assert (summary.songs_done, summary.songs_skipped) == (whole.songs_done, whole.songs_skipped)
    assert verify_result(str(out), VerifyScope(), database=settings.catalog.database).ok

    before = postgres.dump(url)
    assert run(songs, out, settings).nothing_new
    assert postgres.dump(url) == before, "with nothing to do, nothing is written"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_redo_gives_the_same_result(
    postgres: PostgresServer, songs: Path, expected: tuple[Summary, Any], tmp_path: Path, workers: int
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    settings = make_settings(workers=workers, batch_songs=7, database=PostgresAddress(url))
    run(songs, out, settings)
    again = make_settings(
        workers=workers,
        batch_songs=5,
        database=settings.catalog.database,
        rerun_policy=RerunPolicy(redo=True),
    )
    summary = run(songs, out, again)
    assert (summary.songs_done, summary.tracks_new) == (expected[0].songs_done, 0)
    assert result_content(out, url) == expected[1]


def test_unlinked_tracks_stay_while_another_run_is_active(
    postgres: PostgresServer, songs: Path, tmp_path: Path
) -> None:
    address = PostgresAddress(postgres.new_database())
    run(songs, tmp_path / "out", make_settings(workers=0, database=address))
    postgres.psql(address.url, "DELETE FROM midiprism.links WHERE position = 0")
    with open_catalog(address) as catalog, open_catalog(address) as other:
        first_run, second_run = catalog.begin_run({}, "now"), other.begin_run({}, "now")
        assert catalog.delete_unlinked_tracks(first_run) == []
        with catalog.exclusive(first_run) as is_exclusive:
            assert not is_exclusive
        assert other.active_runs() == [second_run], "who has asked records nothing any more"
        deleted = other.delete_unlinked_tracks(second_run)
        assert len(deleted) > 20
        assert other.delete_unlinked_tracks(second_run) == []
        with other.exclusive(second_run) as is_exclusive:
            assert is_exclusive

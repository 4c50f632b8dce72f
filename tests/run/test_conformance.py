"""One library, catalogued in a file of SQLite and in PostgreSQL: the same tracks and the same rows."""

import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import PostgresAddress, Scope, open_catalog
from midiprism.library import open_folders
from midiprism.run import Settings, Summary, Wish, split_library
from midiprism.run.verify import verify_result
from support.fake import BASS, DRUMS, PIANO, fake_split, song, write
from support.postgres import Server
from support.trouble import everything

SONGS = 60


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {f"{n % 7}/{n}.mid": song(PIANO + str(n // 2), BASS, DRUMS + str(n % 9)) for n in range(SONGS)}
    files |= {f"copies/{n}.mid": files[f"{n % 7}/{n}.mid"] for n in range(0, SONGS, 5)}
    files |= {"none.mid": song(), "mended.mid": song(BASS, head="repaired"), "twice.mid": song(BASS, BASS)}
    files |= {
        "junk.mid": b"junk",
        "bug.mid": b"bug",
        "nul.mid": song("Piano;Electric Piano 1;na\0me \ud800;x"),
    }
    folder = write(tmp_path / "songs", files)
    with open(os.fsencode(folder) + b"/\xff\xfe.mid", "wb") as file:
        file.write(song(PIANO + "odd name"))
    return folder


@pytest.fixture
def expected(songs: Path, tmp_path: Path) -> tuple[Summary, Any]:
    """What a run in one process, one song after the other, makes with SQLite."""
    summary = run(songs, tmp_path / "expected", Settings(workers=0))
    return summary, everything(tmp_path / "expected")


def run(source: Path, out: Path, settings: Settings) -> Summary:
    return split_library(open_folders([source]), str(out), settings, splitter=fake_split)


@pytest.mark.parametrize(("workers", "batch"), [(0, 1), (0, 7), (0, 1000), (1, 7), (2, 1), (2, 1000), (5, 7)])
def test_neither_workers_nor_batches_nor_the_database_change_what_comes_out(
    postgres: Server, songs: Path, expected: tuple[Summary, Any], tmp_path: Path, workers: int, batch: int
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    settings = Settings(workers=workers, batch_parents=batch, database=PostgresAddress(url))
    summary = run(songs, out, settings)
    whole, content = expected
    assert (summary.state, summary.error, summary.outcomes) == ("done", None, whole.outcomes)
    assert everything(out, url) == content
    assert (summary.tracks, summary.tracks_new) == (whole.tracks, whole.tracks_new)
    assert (summary.parents_done, summary.parents_skipped) == (whole.parents_done, whole.parents_skipped)
    assert verify_result(str(out), Scope(), database=settings.database).ok

    before = postgres.dump(url)
    assert run(songs, out, settings).wrote_nothing
    assert postgres.dump(url) == before, "with nothing to do, nothing is written"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_redo_gives_the_same_again(
    postgres: Server, songs: Path, expected: tuple[Summary, Any], tmp_path: Path, workers: int
) -> None:
    url, out = postgres.new_database(), tmp_path / "out"
    settings = Settings(workers=workers, batch_parents=7, database=PostgresAddress(url))
    run(songs, out, settings)
    again = Settings(workers=workers, batch_parents=5, database=settings.database, wish=Wish(redo=True))
    summary = run(songs, out, again)
    assert (summary.parents_done, summary.tracks_new) == (expected[0].parents_done, 0)
    assert everything(out, url) == expected[1]


def test_tracks_that_no_song_has_stay_while_another_run_is_on(
    postgres: Server, songs: Path, tmp_path: Path
) -> None:
    place = PostgresAddress(postgres.new_database())
    run(songs, tmp_path / "out", Settings(workers=0, database=place))
    postgres.psql(place.url, "DELETE FROM midiprism.track_splits WHERE position = 0")
    with open_catalog(place) as catalog, open_catalog(place) as other:
        mine, theirs = catalog.begin_run({}, "now"), other.begin_run({}, "now")
        assert catalog.forget_unlinked(mine) == []
        with catalog.alone(mine) as alone:
            assert not alone
        assert other.runs_on() == [theirs], "who has asked records nothing any more"
        gone = other.forget_unlinked(theirs)
        assert len(gone) > 20
        assert other.forget_unlinked(theirs) == []
        with other.alone(theirs) as alone:
            assert alone

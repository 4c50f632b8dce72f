"""Tests of facts in whole runs: the same for every run, store and database, and never forgotten."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from midiprism import split
from midiprism.catalog import open_catalog, open_read_only
from midiprism.catalog.schema import songs as songs_table
from midiprism.catalog.schema import tracks as tracks_table
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.track_facts import FactsCalculator
from midiprism.pipeline import Summary
from midiprism.pipeline.complete_facts import complete_facts_of
from midiprism.records.fields import TRACK_FIELDS
from midiprism.results.facts import FactCounts
from midiprism.sources import open_folders
from support import catalog_access
from support.failing_parts import end_process, load_hanging_facts
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.runs import run_source
from support.sample_songs import FEW, sample_songs

pytestmark = pytest.mark.usefixtures("catalog_backend")

FACT_NAMES = [field.name for field in TRACK_FIELDS if field.computed]
SONG_FACTS = ("facts_version", "song_key", "song_key_strength")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for number, song in enumerate(sample_songs(FEW)[:30]):
        (folder / f"{number:02}.mid").write_bytes(song.data)
    return folder


def run(source: Path, out: Path, **options: Any) -> Summary:
    defaults = {"workers": 0, "batch_songs": 8, "database": catalog_access.postgres_address(out)}
    return run_source(open_folders([source], bytes(out)), out, **defaults | options)


def facts_of_tracks(out: Path) -> dict[bytes, tuple[Any, ...]]:
    """Return the facts of all tracks by their digests."""
    columns = [tracks_table.c[name] for name in FACT_NAMES]
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        rows = catalog.fetch_all(select(tracks_table.c.digest, *columns))
    return {bytes(digest): tuple(values) for digest, *values in rows}


def facts_of_songs(out: Path) -> dict[bytes, tuple[Any, ...]]:
    """Return the facts of all songs by their digests."""
    columns = [songs_table.c[name] for name in SONG_FACTS]
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        rows = catalog.fetch_all(select(songs_table.c.digest, *columns))
    return {bytes(digest): tuple(values) for digest, *values in rows}


def sorted_facts(out: Path, name: str) -> list[int]:
    """Return a fact of all tracks, 0 for none, the highest first."""
    facts = [values[FACT_NAMES.index(name)] for values in facts_of_tracks(out).values()]
    return sorted((fact or 0 for fact in facts), reverse=True)


def forget_facts(out: Path, every: int = 1) -> None:
    """Make rows as a run without facts leaves them: of every so manieth track, and of all songs."""
    with open_catalog(catalog_access.catalog_address(out)) as catalog:

        def work() -> None:
            connection = catalog.connection
            some = tracks_table.c.id % every == 0
            connection.execute(update(tracks_table).where(some).values(dict.fromkeys(FACT_NAMES)))
            connection.execute(update(songs_table).values(dict.fromkeys(SONG_FACTS)))

        catalog.run_in_transaction(work)


def expected_facts() -> dict[bytes, tuple[Any, ...]]:
    """Return the facts of all tracks of the songs, computed from the splits of each."""
    calculator, expected = FactsCalculator(), {}
    for song in sample_songs(FEW)[:30]:
        tracks = split(song.data).tracks
        columns = calculator.columns([it.data for it in tracks], [it.own_family for it in tracks])
        for at, track in enumerate(tracks):
            expected[track.digest] = tuple(columns[name][at] for name in FACT_NAMES)
    return expected


@pytest.mark.parametrize("store", ["files", "parquet"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_computes_the_facts_of_every_track_and_song(
    source: Path, tmp_path: Path, store: str, workers: int
) -> None:
    run(source, tmp_path / "out", store=store, workers=workers)
    assert facts_of_tracks(tmp_path / "out") == expected_facts()
    songs = facts_of_songs(tmp_path / "out")
    assert {version for version, _, _ in songs.values()} == {FACTS_VERSION}
    assert all(key is not None and 0 < strength <= 1 for _, key, strength in songs.values())


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_facts_that_a_run_left_out_are_computed_later_without_the_songs(
    source: Path, tmp_path: Path, store: str
) -> None:
    with_facts, without = tmp_path / "with", tmp_path / "without"
    run(source, with_facts, store=store)
    run(source, without, store=store, facts=False)
    assert set(facts_of_tracks(without).values()) == {(None,) * len(FACT_NAMES)}
    for path in source.iterdir():
        path.unlink()
    counts = complete_facts_of(str(without), catalog_access.postgres_address(without), threads=2)
    assert counts == FactCounts(len(expected_facts()), 30, 0)
    assert facts_of_tracks(without) == facts_of_tracks(with_facts)
    assert facts_of_songs(without) == facts_of_songs(with_facts)
    assert complete_facts_of(str(without), catalog_access.postgres_address(without)) == FactCounts()


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_the_next_run_computes_what_is_missing(source: Path, tmp_path: Path, store: str) -> None:
    out = tmp_path / "out"
    run(source, out, store=store)
    songs = facts_of_songs(out)
    forget_facts(out, every=3)
    run(source, out, store=store)
    assert facts_of_tracks(out) == expected_facts()
    assert facts_of_songs(out) == songs


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_a_track_whose_facts_hang_has_none_and_is_not_tried_again(tmp_path: Path, store: str) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(3)} | {"x.mid": fake_song(PIANO + "hang")}
    songs, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    options: dict[str, Any] = {"store": store, "splitter": fake_split, "workers": 1, "timeout": 0.4}
    run(songs, out, facts=False, **options)
    assert run(songs, out, load_facts=load_hanging_facts, **options).state == "done"
    assert sorted_facts(out, "facts_version") == [FACTS_VERSION] * 4
    assert sorted_facts(out, "bank") == [len(PIANO) + 1] * 3 + [0]
    assert run(songs, out, load_facts=end_process, **options).state == "done"


def test_a_song_with_the_track_of_one_whose_facts_hang_is_split(tmp_path: Path) -> None:
    hanging = PIANO + "hang"
    files = {"a.mid": fake_song(hanging), "b.mid": fake_song(BASS), "c.mid": fake_song(hanging, DRUMS)}
    files["d.mid"] = fake_song(hanging, BASS)
    songs, out = write_files(tmp_path / "songs", files), tmp_path / "out"
    options: dict[str, Any] = {"splitter": fake_split, "workers": 1, "batch_songs": 2, "timeout": 0.4}
    summary = run(songs, out, load_facts=load_hanging_facts, **options)
    assert (summary.state, summary.songs_failed) == ("done", 1)
    assert [failure.code for failure in summary.failures] == ["timeout"]
    assert sorted_facts(out, "facts_version") == [FACTS_VERSION] * 3
    assert sorted_facts(out, "bank") == [len(BASS), len(DRUMS), 0]


def test_an_interrupted_computation_continues(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, address = tmp_path / "out", catalog_access.postgres_address(tmp_path / "out")
    run(source, out, facts=False)
    monkeypatch.setattr("midiprism.results.facts.TRACKS_PER_COMMIT", 10)
    steps: list[int] = []
    first = complete_facts_of(
        str(out), address, stop=lambda: len(steps) >= 2, on_progress=lambda it: steps.append(it.seen)
    )
    assert steps == [10, 20]
    assert (first.tracks, first.songs) == (20, 0)
    second = complete_facts_of(str(out), address)
    assert second.tracks == len(expected_facts()) - 20
    assert facts_of_tracks(out) == expected_facts()


def test_a_track_that_is_lost_or_damaged_has_no_facts(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out, facts=False)
    lost, damaged, *_ = sorted((out / "tracks").rglob("*.mid"))
    lost.unlink()
    damaged.chmod(0o644)
    damaged.write_bytes(b"MThd, but not this track")
    counts = complete_facts_of(str(out), catalog_access.postgres_address(out))
    assert counts.tracks_lost == 2
    assert counts.tracks == len(expected_facts()) - 2
    assert counts.songs < 30

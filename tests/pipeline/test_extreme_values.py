"""Tests that no number in any file stops a run: each song gets an outcome, and the good ones are split."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import midiprism
from midiprism.errors import UsageError
from midiprism.records.outcomes import OUTCOMES
from midiprism.sources import Notice, SongRef, UnreadableError, open_source
from midiprism.sources.source import SongContent, Source
from support import catalog_access
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.numeric_fields import (
    CONTAINERS,
    ContainerFile,
    NumericField,
    extremes,
    parquet_file,
    pax_file,
    small_song,
    value_range,
    with_footer_number,
    with_value,
)
from support.runs import make_settings, run_source, run_split

GOOD = {"good.mid": small_song(1), "zgood.mid": small_song(2)}


def outcomes_of_run(files: Mapping[str, bytes], folder: Path, workers: int = 0) -> dict[str, str]:
    """Split files next to good songs. Return the outcome of each path; there must be one for each song."""
    songs, out = write_files(folder / "songs", {**GOOD, **files}), folder / "out"
    parquet = sorted(songs.glob("*.parquet"))  # named as sources, since those in folders are not read
    column = "midi" if parquet else None
    source = open_source([songs, *parquet], enter_archives=True, song_column=column)
    summary = run_source(source, out, make_settings(workers=workers), splitter=midiprism.split)
    assert summary.state == "done"
    rows = catalog_access.query(
        out, "SELECT path, outcome FROM song_paths JOIN songs ON songs.id = song_paths.song_id"
    )
    outcomes = {os.fsdecode(path).removeprefix(f"{songs}/"): str(outcome) for path, outcome in rows}
    walked = [item.path for item in source.walk() if isinstance(item, SongRef)]
    assert sorted(outcomes) == sorted(os.fsdecode(path).removeprefix(f"{songs}/") for path in walked)
    assert {*outcomes.values()} <= {*OUTCOMES}
    assert [outcomes[name] for name in GOOD] == ["split", "split"]
    return outcomes


def outcomes_of_cases(file: ContainerFile, cases: Iterable[tuple[NumericField, int]]) -> dict[str, str]:
    """Split a container once for each of these values of its fields, all in one run."""
    files = {f"{number}-{file.name}": with_value(file, *case) for number, case in enumerate(cases)}
    with tempfile.TemporaryDirectory() as folder:
        return outcomes_of_run(files, Path(folder))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_an_unchanged_container_is_split(tmp_path: Path, kind: str) -> None:
    file = CONTAINERS[kind]()
    outcomes = outcomes_of_run({file.name: file.finish(file.data)}, tmp_path)
    assert len(outcomes) == (3 if kind in ("midi", "riff", "macbinary", "gzip") else 5)
    assert {*outcomes.values()} == {"split"}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_no_extreme_number_in_a_container_stops_a_run(kind: str) -> None:
    file = CONTAINERS[kind]()
    outcomes_of_cases(file, [(field, value) for field in file.fields for value in extremes(field)])


@pytest.mark.parametrize("kind", CONTAINERS)
def test_no_number_in_a_container_stops_a_run(kind: str) -> None:
    file = CONTAINERS[kind]()
    cases = st.sampled_from(file.fields).flatmap(
        lambda field: st.tuples(st.just(field), st.integers(*value_range(field)))
    )

    @settings(max_examples=4, deadline=None, database=None)
    @given(st.lists(cases, min_size=10, max_size=30))
    def check(some_cases: list[tuple[NumericField, int]]) -> None:
        outcomes_of_cases(file, some_cases)

    check()


@settings(max_examples=4, deadline=None, database=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from([2**31, 2**32 - 1, 2**63, 2**64 - 2, 2**64 - 1])),
        min_size=5,
        max_size=10,
    )
)
def test_no_extreme_number_in_a_footer_of_parquet_stops_a_run(cases: list[tuple[int, int]]) -> None:
    file = parquet_file()
    files = {f"{n}.parquet": with_footer_number(file, *case) for n, case in enumerate(cases)}
    with tempfile.TemporaryDirectory() as folder, suppress(UsageError):  # it may have lost its column
        outcomes_of_run(files, Path(folder))


def test_no_number_in_an_extended_header_stops_a_run(tmp_path: Path) -> None:
    keys = ("size", "mtime", "uid", "GNU.sparse.size", "GNU.sparse.realsize")
    values = ("-1", "-512", "9" * 25, str(2**63), "1e400", "nan")
    outcomes = outcomes_of_run(
        {f"{key}{value}.tar": pax_file(key, value) for key in keys for value in values}, tmp_path
    )
    for key in keys:
        for value in values:
            assert outcomes[f"{key}{value}.tar/a.mid"] == "split"


def container_with(kind: str, field_name: str, value: int) -> dict[str, bytes]:
    """Return a container with one number changed, by its name."""
    file = CONTAINERS[kind]()
    (field,) = [it for it in file.fields if it.name.startswith(field_name)]
    return {file.name: with_value(file, field, value)}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_offset_beyond_64_bits_damages_one_member(tmp_path: Path, workers: int) -> None:
    outcomes = outcomes_of_run(container_with("zip", "offset64", 2**63), tmp_path, workers)
    assert sorted(outcomes.values()) == ["split"] * 4 + ["unreadable"]


@pytest.mark.parametrize("size", [-1, -512, -(2**62)])
def test_a_negative_size_rejects_one_member(tmp_path: Path, size: int) -> None:
    outcomes = outcomes_of_run(container_with("tar", "size_tar", size), tmp_path)
    assert outcomes["victim.tar/a.mid"] == "split"


@pytest.mark.parametrize("seconds", [2**33, 2**34, -(2**34), -1])
@pytest.mark.usefixtures("catalog_backend")
def test_a_time_that_no_catalog_holds_is_the_nearest_that_it_does(tmp_path: Path, seconds: int) -> None:
    songs = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)})
    os.utime(songs / "a.mid", (0, seconds))
    if (songs / "a.mid").stat().st_mtime != seconds:
        pytest.skip("the file system holds no such time")
    assert run_split(songs, tmp_path / "out").outcomes == {"split": 2}
    again = run_split(songs, tmp_path / "out")
    assert (again.state, again.songs_skipped) == ("done", 2)


@pytest.mark.usefixtures("catalog_backend")
def test_paths_of_any_length_are_recorded_and_found_again(tmp_path: Path) -> None:
    songs = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)})
    deep = songs
    folder = os.getcwd()
    try:
        os.chdir(songs)
        for _ in range((3_400 - len(os.fsencode(songs))) // 241):
            name = os.urandom(120).hex()
            os.mkdir(name)
            os.chdir(name)
            deep /= name
        for number in range(5):
            Path(f"{number}.mid").write_bytes(fake_song(BASS + str(number)))
    finally:
        os.chdir(folder)
    assert run_split(songs, tmp_path / "out").outcomes == {"split": 6}
    again = run_split(songs, tmp_path / "out")
    assert (again.state, again.songs_skipped, again.nothing_new) == ("done", 6, True)
    (found,) = catalog_access.query(tmp_path / "out", "SELECT max(length(path)) FROM song_paths")
    assert found[0] > 2_704


class FaultySource(Source):
    """A source with a bug: it raises what no interface allows, and states numbers beyond any."""

    source_paths = (b"/faulty",)

    def walk(self):  # type: ignore[no-untyped-def]
        yield Notice(b"/faulty/x", "archive", "It is damaged.")
        for name in (b"a", b"b", b"c"):
            yield SongRef(b"/faulty/" + name + b".mid", 8, 2**70, -(2**70))

    def running_count(self):  # type: ignore[no-untyped-def]
        yield 3

    def missing_paths(self) -> list[bytes]:
        return []

    def seek(self, song_ref: SongRef) -> None:
        raise ZeroDivisionError

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        if b"b" in song_ref.path[8:9]:
            raise OverflowError("too large")
        if b"c" in song_ref.path[8:9]:
            raise UnreadableError("io", "The disk failed.")
        return SongContent(fake_song(PIANO), bytes(32), 7, 2**70)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.usefixtures("catalog_backend")
def test_whatever_a_source_raises_about_a_song_is_its_outcome(tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    options = make_settings(workers=workers, database=catalog_access.postgres_address(out))
    summary = run_source(FaultySource(), out, options, splitter=fake_split)
    assert (summary.state, summary.outcomes) == ("done", {"split": 1, "unreadable": 2})
    problems = catalog_access.query(out, "SELECT CAST(problems AS text) FROM songs ORDER BY id")
    assert sum("OverflowError" in str(row) for row in problems) == 1

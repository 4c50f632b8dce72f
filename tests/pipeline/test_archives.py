"""Tests of runs over archives and Parquet files, and of repairs from them."""

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import KnownPaths, NullCatalog, UpToDate, VerifyScope
from midiprism.cli import main
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.pipeline import Summary
from midiprism.pipeline.planner import KnownPathLookup
from midiprism.results.status import read_status
from midiprism.sources import MemberLocation, SongRef, open_source
from midiprism.sources.archives import decompress as stream
from midiprism.sources.archives.archive import Archive
from midiprism.sources.archives.decompress import iter_decompressed
from midiprism.sources.parquet import ParquetReader
from support.archive_files import ARCHIVE_SUFFIXES, write_archive, write_parquet
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.nightly import nightly
from support.result_content import catalog_content
from support.runs import make_settings, run_source

SONGS = {
    "z.mid": fake_song(PIANO, BASS),
    "b/c.kar": fake_song(PIANO + "c", BASS, BASS, DRUMS),
    "b/d.mid": fake_song(DRUMS + "d", PIANO + "d", header="repaired"),
    "copy.mid": fake_song(PIANO, BASS),
    "none.mid": fake_song(),
    "not.mid": b"no song",
}
CONTAINERS = (*ARCHIVE_SUFFIXES, ".parquet")
IN_WORKERS = (".zip", ".tar.gz", ".parquet")
"""Containers of each way to read: any member, one member after the other, and rows."""

Facts = tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]]]

BIN = {f"{n:03}.mid": fake_song(PIANO + str(n), BASS + str(n // 2)) for n in range(120)}


def run(sources: Path | list[Path], out: Path, workers: int = 0, **source_options: Any) -> Summary:
    library = open_source(
        sources if isinstance(sources, list) else [sources], os.fsencode(out), **source_options
    )
    settings = make_settings(workers=workers, batch_songs=16)
    return run_source(library, str(out), settings, splitter=fake_split)


def rows(out: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(out / "catalog.sqlite")
    found = connection.execute(statement).fetchall()
    connection.close()
    return found


def facts(out: Path) -> Facts:
    """Return the content of a result without the paths of its songs, which depend on their source."""
    content = catalog_content(out)
    content["paths"] = sorted((row[1], row[3]) for row in content["paths"])
    files = {name: data for name, data in read_tree(out).items() if name.startswith("tracks/")}
    return files, content


def write_container(path: Path, files: dict[str, bytes]) -> Path:
    """Write these songs into an archive or a Parquet file."""
    if path.suffix != ".parquet":
        return write_archive(path, files)
    return write_parquet(path, {"name": list(files), "midi": list(files.values())}, row_group_size=50)


def source_options(path: Path) -> dict[str, Any]:
    return {"name_column": "name"} if path.suffix == ".parquet" else {}


@pytest.fixture
def forbid_archive_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if it reads a song from an archive from here on."""

    def fail(*_arguments: object) -> None:
        pytest.fail("a member was read")

    monkeypatch.setattr(Archive, "read_song", fail)
    monkeypatch.setattr(ParquetReader, "read", fail)


@pytest.fixture(scope="module")
def of_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Facts]:
    """Return the summary of a run over the songs in a folder, and the content of its result."""
    folder = tmp_path_factory.mktemp("folder")
    summary = run(write_files(folder / "songs", {**BIN, **SONGS}), folder / "out")
    return summary, facts(folder / "out")


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        *((kind, 0) for kind in CONTAINERS),
        *((kind, 2) for kind in IN_WORKERS),
        *nightly(*((kind, 2) for kind in CONTAINERS if kind not in IN_WORKERS)),
    ],
)
def test_songs_in_an_archive_give_the_same_result_as_in_a_folder(
    tmp_path: Path, of_folder: tuple[Summary, Facts], kind: str, workers: int
) -> None:
    expected, expected_facts = of_folder
    path = write_container(tmp_path / f"songs{kind}", dict(reversed({**BIN, **SONGS}.items())))
    summary = run(path, tmp_path / "out", workers, **source_options(path))
    assert (summary.state, summary.outcomes) == ("done", expected.outcomes)
    assert (summary.songs_total, summary.songs_seen) == (126, 126)
    assert facts(tmp_path / "out") == expected_facts
    assert verify_result(str(tmp_path / "out"), VerifyScope()).ok


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_second_run_reads_nothing(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    path = write_container(tmp_path / f"songs{kind}", BIN)
    run(path, tmp_path / "out", **source_options(path))
    request.getfixturevalue("forbid_archive_reads")
    again = run(path, tmp_path / "out", **source_options(path))
    assert (again.songs_skipped, again.nothing_new, again.run_id) == (120, True, None)


def test_a_second_run_over_a_folder_with_archives_reads_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name in ("a/1.zip", "a/2.tgz", "a/3.tar", "b.tar.xz"):
        write_archive(tmp_path / "songs" / name, SONGS)
    write_files(tmp_path / "songs", {"a/0.mid": fake_song(PIANO), "c.mid": fake_song(BASS)})
    first = run(tmp_path / "songs", tmp_path / "out", enter_archives=True)
    assert first.songs_seen == 4 * 6 + 2
    songs = {name for (name,) in rows(tmp_path / "out", "SELECT song_name FROM song_paths")}
    assert {"a/0", "c", "a/1.zip/b/c", "b.tar.xz/z"} <= songs
    request.getfixturevalue("forbid_archive_reads")
    again = run(tmp_path / "songs", tmp_path / "out", enter_archives=True)
    assert (again.songs_skipped, again.nothing_new) == (26, True)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_new_songs_of_a_changed_archive_are_split(tmp_path: Path, kind: str) -> None:
    path = write_container(tmp_path / f"songs{kind}", SONGS)
    run(path, tmp_path / "out", **source_options(path))
    write_container(path, {**SONGS, "new.mid": fake_song(PIANO + "new")})
    os.utime(path, ns=(1, 1))
    again = run(path, tmp_path / "out", **source_options(path))
    assert (again.songs_done, again.songs_copies) == (1, 6)
    third = run(path, tmp_path / "out", **source_options(path))
    assert (third.songs_skipped, third.nothing_new) == (7, True)


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("everything", [False, True])
def test_repair_restores_tracks_from_an_archive(tmp_path: Path, kind: str, everything: bool) -> None:
    path, out = write_container(tmp_path / f"songs{kind}", SONGS), tmp_path / "out"
    run(path, out, **source_options(path))
    whole = facts(out)
    tracks = sorted((out / "tracks").rglob("*.mid"))
    for lost in tracks if everything else tracks[:1]:
        lost.unlink()
    repair = repair_result(str(out), VerifyScope(), splitter=fake_split)
    assert (repair.ok, repair.files) == (True, len(tracks) if everything else 1)
    assert facts(out) == whole


@pytest.mark.parametrize("kind", CONTAINERS)
def test_repair_splits_songs_without_links_or_rows_again(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    path, out = write_container(tmp_path / f"songs{kind}", SONGS), tmp_path / "out"
    run(path, out, **source_options(path))
    whole = facts(out)
    connection = sqlite3.connect(out / "catalog.sqlite")
    number = "(SELECT song_id FROM song_paths WHERE song_name = ?)"
    connection.execute(f"DELETE FROM links WHERE song_id = {number}", ("b/d",))
    connection.execute(f"DELETE FROM songs WHERE id = {number}", ("b/c",))
    connection.commit()
    connection.close()
    repair = repair_result(str(out), VerifyScope(), splitter=fake_split)
    assert (repair.ok, repair.songs) == (True, 2)
    assert facts(out) == whole
    request.getfixturevalue("forbid_archive_reads")
    assert run(path, out, **source_options(path)).nothing_new, "sizes and times are those that the walk finds"


def test_damage_costs_one_member_and_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_archive(
        tmp_path / "a.zip", {"a.mid": fake_song(PIANO), "../b.mid": b"x", "c.zip": b"x", "d.mid": b"x"}
    )
    data = bytearray(path.read_bytes())
    place = data.index(b"d.mid") + 5
    data[place] ^= 0xFF
    path.write_bytes(data)
    cut = write_archive(
        tmp_path / "b.tgz", {f"{n}.mid": fake_song(PIANO + os.urandom(400).hex()) for n in range(20)}
    )
    cut.write_bytes(cut.read_bytes()[:-2000])
    (tmp_path / "c.zip").write_bytes(b"PK")
    out = tmp_path / "out"
    summary = run([path, cut, tmp_path / "c.zip"], out)
    assert (summary.state, summary.has_failures) == ("done", True)
    assert (summary.folders_failed, summary.archives_skipped) == (3, 1)
    assert summary.outcomes["unreadable"] in (1, 2), "and perhaps the song in which the archive is cut"
    assert summary.outcomes["split"] > 10
    codes = {os.path.basename(os.fsdecode(failure.path)): failure.code for failure in summary.failures}
    assert {
        "b.mid": "member",
        "d.mid": "damaged",
        "b.tgz": "archive",
        "c.zip": "archive",
    }.items() <= codes.items()
    assert main(["split", str(tmp_path / "c.zip"), "-o", str(out)]) == 1
    assert "c.zip" in capsys.readouterr().out


def test_an_archive_that_disappears_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_archive(tmp_path / "a.zip", BIN)
    unpack = Archive.read_song

    def remove_and_read(archive: Archive, *arguments: Any) -> Any:
        path.unlink(missing_ok=True)
        return unpack(archive, *arguments)

    monkeypatch.setattr(Archive, "read_song", remove_and_read)
    summary = run(path, tmp_path / "out")
    assert summary.state == "stopped"
    assert "is gone" in str(summary.error)


@pytest.mark.parametrize("workers", [0, 2])
def test_kept_columns_are_stored_with_the_path_of_their_song(tmp_path: Path, workers: int) -> None:
    years = [1, 2, 3, 4, 5, None]
    columns = {"midi": list(SONGS.values()), "genre": list("abcdef"), "year": years}
    path = write_parquet(tmp_path / "x.parquet", columns)
    run(path, tmp_path / "out", workers, kept_columns=["genre", "year"])
    found = rows(tmp_path / "out", "SELECT source_metadata FROM song_paths ORDER BY path")
    assert [json.loads(text) for (text,) in found] == [
        {"genre": genre, "year": year} for genre, year in zip("abcdef", years, strict=True)
    ]


def test_the_command_to_continue_has_the_options_of_the_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = {"title": ["a", "b"], "midi": [fake_song(PIANO), b"x"], "other": [b"", b""]}
    path, out = write_parquet(tmp_path / "x.parquet", songs), str(tmp_path / "out")
    options = ["--column=midi", "--id=title", "--keep=title"]
    assert main(["split", str(path), *options, "-o", out, "--workers", "0"]) == 1
    assert read_status(out).inventory.failed_sources == (str(path), *options)
    capsys.readouterr()
    assert main(["split", str(path), "-o", out]) == 2
    assert "--column" in capsys.readouterr().err


class CountingCatalog(NullCatalog):
    """A catalog that knows these paths, and counts its queries."""

    def __init__(self, paths: KnownPaths) -> None:
        self.paths = dict(sorted(paths.items()))
        self.query_count = 0

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:
        self.query_count += 1
        return dict(sorted(item for item in self.paths.items() if item[0] >= first_path)[:limit])


def test_known_paths_of_an_archive_in_its_own_order_are_queried_in_pages() -> None:
    known = {b"/a.tgz/%03d" % n: (1, 7) for n in range(0, 100, 2)}
    catalog = CountingCatalog({**known, b"/a.tgz": (1, 7), b"/a.tgz0": (1, 7)})
    lookup = KnownPathLookup(catalog, None, page_size=10)
    walked = [b"/a.tgz/%03d" % (n * 37 % 100) for n in range(100)]
    found = [SongRef(path, 7, 1, 7, MemberLocation(6, 0, in_path_order=False)) for path in walked]
    assert {one.path for one in found if lookup.is_unchanged(one)} == set(known)
    assert catalog.query_count <= 50 // 10 + 1
    catalog.paths[b"/a.tgz/001"] = (1, 7)
    new = SongRef(b"/a.tgz/001", 7, 1, 7, MemberLocation(6, 0, in_path_order=False))
    assert not lookup.is_unchanged(new)
    lookup.invalidate(archives=True)
    assert lookup.is_unchanged(new)


def test_an_inexact_size_is_not_compared() -> None:
    lookup = KnownPathLookup(CountingCatalog({b"/x/m/0": (5, 7), b"/x/m/1": (None, None)}), None)
    assert lookup.is_unchanged(SongRef(b"/x/m/0", 5, 99, 7, MemberLocation(2, 0, size_is_exact=False)))
    assert not lookup.is_unchanged(SongRef(b"/x/m/0", 5, 5, 8, MemberLocation(2, 0, size_is_exact=False)))
    assert not lookup.is_unchanged(SongRef(b"/x/m/1", 5, 5, 7, MemberLocation(2, 1, size_is_exact=False)))


def test_a_run_decompresses_a_compressed_archive_once_for_each_of_its_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []

    def count_and_decompress(*arguments: Any) -> Iterator[bytes]:
        starts.append(arguments)
        yield from iter_decompressed(*arguments)

    monkeypatch.setattr(stream, "iter_decompressed", count_and_decompress)
    path = write_archive(tmp_path / "a.tgz", dict(reversed(BIN.items())))
    assert run(path, tmp_path / "out").songs_done == 120
    assert len(starts) == 3, "to walk, to count and to read"

"""Runs over archives and Parquet files, from the library to the catalogue and back."""

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import NullCatalog, Scope, Settled
from midiprism.catalog.catalog import KnownPaths
from midiprism.cli import main
from midiprism.library import Found, Member, open_library, stream
from midiprism.library.archive import Archive
from midiprism.library.rows import Rows
from midiprism.library.stream import decompressed
from midiprism.run import Settings, Summary, plan, split_library
from midiprism.run.plan import KnownBeside
from midiprism.run.repair import repair_result
from midiprism.run.status import read_status
from midiprism.run.verify import verify_result
from support.fake import BASS, DRUMS, PIANO, fake_split, song, tree, write
from support.packed import KINDS, pack, table
from support.trouble import content_of

SONGS = {
    "z.mid": song(PIANO, BASS),
    "b/c.kar": song(PIANO + "c", BASS, BASS, DRUMS),
    "b/d.mid": song(DRUMS + "d", PIANO + "d", head="repaired"),
    "copy.mid": song(PIANO, BASS),
    "none.mid": song(),
    "not.mid": b"no song",
}
BIN = {f"{n:03}.mid": song(PIANO + str(n), BASS + str(n // 2)) for n in range(120)}


def run(sources: Path | list[Path], out: Path, workers: int = 0, **reading: Any) -> Summary:
    library = open_library(sources if isinstance(sources, list) else [sources], os.fsencode(out), **reading)
    settings = Settings(workers=workers, batch_parents=16)
    return split_library(library, str(out), settings, splitter=fake_split)


def rows(out: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(out / "catalog.sqlite")
    found = connection.execute(statement).fetchall()
    connection.close()
    return found


def facts(out: Path) -> tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]]]:
    """A result without the paths of its songs, which differ by where they are read from."""
    content = content_of(out)
    content["paths"] = sorted((row[1], row[3]) for row in content["paths"])
    files = {name: data for name, data in tree(out).items() if name.startswith("tracks/")}
    return files, content


def make(path: Path, files: dict[str, bytes]) -> Path:
    """An archive, or a Parquet file, of these songs."""
    if path.suffix != ".parquet":
        return pack(path, files)
    return table(path, {"name": list(files), "midi": list(files.values())}, row_group_size=50)


def reading(path: Path) -> dict[str, Any]:
    return {"name": "name"} if path.suffix == ".parquet" else {}


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing that is in an archive may be read."""

    def fail(*_arguments: object) -> None:
        pytest.fail("a member was read")

    monkeypatch.setattr(Archive, "content", fail)
    monkeypatch.setattr(Rows, "row", fail)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [*KINDS, ".parquet"])
def test_songs_in_an_archive_give_what_the_same_in_a_folder_do(
    tmp_path: Path, kind: str, workers: int
) -> None:
    songs = {**BIN, **SONGS}
    path = make(tmp_path / f"songs{kind}", dict(reversed(songs.items())))
    expected = run(write(tmp_path / "songs", songs), tmp_path / "expected")
    summary = run(path, tmp_path / "out", workers, **reading(path))
    assert (summary.state, summary.outcomes) == ("done", expected.outcomes)
    assert (summary.parents_total, summary.parents_seen) == (126, 126)
    assert facts(tmp_path / "out") == facts(tmp_path / "expected")
    assert verify_result(str(tmp_path / "out"), Scope()).ok


@pytest.mark.parametrize("kind", [*KINDS, ".parquet"])
def test_a_second_run_reads_nothing(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    path = make(tmp_path / f"songs{kind}", BIN)
    run(path, tmp_path / "out", **reading(path))
    request.getfixturevalue("unopened")
    again = run(path, tmp_path / "out", **reading(path))
    assert (again.parents_skipped, again.wrote_nothing, again.run_id) == (120, True, None)


def test_a_second_run_over_a_folder_with_archives_reads_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name in ("a/1.zip", "a/2.tgz", "a/3.tar", "b.tar.xz"):
        pack(tmp_path / "songs" / name, SONGS)
    write(tmp_path / "songs", {"a/0.mid": song(PIANO), "c.mid": song(BASS)})
    first = run(tmp_path / "songs", tmp_path / "out", archives=True)
    assert first.parents_seen == 4 * 6 + 2
    songs = {name for (name,) in rows(tmp_path / "out", "SELECT song FROM parent_paths")}
    assert {"a/0", "c", "a/1.zip/b/c", "b.tar.xz/z"} <= songs
    request.getfixturevalue("unopened")
    again = run(tmp_path / "songs", tmp_path / "out", archives=True)
    assert (again.parents_skipped, again.wrote_nothing) == (26, True)


@pytest.mark.parametrize("kind", [*KINDS, ".parquet"])
def test_what_is_new_in_an_archive_that_changed_is_done(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / f"songs{kind}", SONGS)
    run(path, tmp_path / "out", **reading(path))
    make(path, {**SONGS, "new.mid": song(PIANO + "new")})
    os.utime(path, ns=(1, 1))
    again = run(path, tmp_path / "out", **reading(path))
    assert (again.parents_done, again.parents_copies) == (1, 6)
    third = run(path, tmp_path / "out", **reading(path))
    assert (third.parents_skipped, third.wrote_nothing) == (7, True)


@pytest.mark.parametrize("kind", [*KINDS, ".parquet"])
@pytest.mark.parametrize("everything", [False, True])
def test_repair_restores_tracks_from_an_archive(tmp_path: Path, kind: str, everything: bool) -> None:
    path, out = make(tmp_path / f"songs{kind}", SONGS), tmp_path / "out"
    run(path, out, **reading(path))
    whole = facts(out)
    tracks = sorted((out / "tracks").rglob("*.mid"))
    for lost in tracks if everything else tracks[:1]:
        lost.unlink()
    repair = repair_result(str(out), Scope(), splitter=fake_split)
    assert (repair.ok, repair.files) == (True, len(tracks) if everything else 1)
    assert facts(out) == whole


@pytest.mark.parametrize("kind", [*KINDS, ".parquet"])
def test_repair_splits_again_what_has_lost_its_links_or_its_row(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    path, out = make(tmp_path / f"songs{kind}", SONGS), tmp_path / "out"
    run(path, out, **reading(path))
    whole = facts(out)
    connection = sqlite3.connect(out / "catalog.sqlite")
    number = "(SELECT parent_id FROM parent_paths WHERE song = ?)"
    connection.execute(f"DELETE FROM track_splits WHERE parent_id = {number}", ("b/d",))
    connection.execute(f"DELETE FROM parents WHERE id = {number}", ("b/c",))
    connection.commit()
    connection.close()
    repair = repair_result(str(out), Scope(), splitter=fake_split)
    assert (repair.ok, repair.parents) == (True, 2)
    assert facts(out) == whole
    request.getfixturevalue("unopened")
    assert run(path, out, **reading(path)).wrote_nothing, "sizes and times are those that the walk finds"


def test_damage_costs_a_member_and_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = pack(tmp_path / "a.zip", {"a.mid": song(PIANO), "../b.mid": b"x", "c.zip": b"x", "d.mid": b"x"})
    data = bytearray(path.read_bytes())
    place = data.index(b"d.mid") + 5
    data[place] ^= 0xFF
    path.write_bytes(data)
    cut = pack(tmp_path / "b.tgz", {f"{n}.mid": song(PIANO + os.urandom(400).hex()) for n in range(20)})
    cut.write_bytes(cut.read_bytes()[:-2000])
    (tmp_path / "c.zip").write_bytes(b"PK")
    out = tmp_path / "out"
    summary = run([path, cut, tmp_path / "c.zip"], out)
    assert (summary.state, summary.failed) == ("done", True)
    assert (summary.folders_failed, summary.archives_passed) == (3, 1)
    assert summary.outcomes["unreadable"] in (1, 2), "and perhaps the song in which the archive is cut"
    assert summary.outcomes["split"] > 10
    told = {os.path.basename(os.fsdecode(failure.path)): failure.code for failure in summary.failures}
    assert {
        "b.mid": "member",
        "d.mid": "damaged",
        "b.tgz": "archive",
        "c.zip": "archive",
    }.items() <= told.items()
    assert main(["split", str(tmp_path / "c.zip"), "-o", str(out)]) == 1
    assert "c.zip" in capsys.readouterr().out


def test_an_archive_that_goes_away_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.zip", BIN)
    unpack = Archive.content

    def losing(archive: Archive, *arguments: Any) -> Any:
        path.unlink(missing_ok=True)
        return unpack(archive, *arguments)

    monkeypatch.setattr(Archive, "content", losing)
    summary = run(path, tmp_path / "out")
    assert summary.state == "stopped"
    assert "is gone" in str(summary.error)


@pytest.mark.parametrize("workers", [0, 2])
def test_facts_of_a_row_come_to_stand_at_its_path(tmp_path: Path, workers: int) -> None:
    years = [1, 2, 3, 4, 5, None]
    columns = {"midi": list(SONGS.values()), "genre": list("abcdef"), "year": years}
    path = table(tmp_path / "x.parquet", columns)
    run(path, tmp_path / "out", workers, keep=["genre", "year"])
    found = rows(tmp_path / "out", "SELECT facts FROM parent_paths ORDER BY path")
    assert [json.loads(text) for (text,) in found] == [
        {"genre": genre, "year": year} for genre, year in zip("abcdef", years, strict=True)
    ]


def test_a_command_that_goes_on_reads_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    songs = {"title": ["a", "b"], "midi": [song(PIANO), b"x"], "other": [b"", b""]}
    path, out = table(tmp_path / "x.parquet", songs), str(tmp_path / "out")
    options = ["--column=midi", "--id=title", "--keep=title"]
    assert main(["split", str(path), *options, "-o", out, "--workers", "0"]) == 1
    assert read_status(out).holdings.failed_sources == (str(path), *options)
    capsys.readouterr()
    assert main(["split", str(path), "-o", out]) == 2
    assert "--column" in capsys.readouterr().err


class Told(NullCatalog):
    """A memory of paths that counts how often it is asked."""

    def __init__(self, paths: KnownPaths) -> None:
        self.paths = dict(sorted(paths.items()))
        self.asked = 0

    def known_paths(self, first: bytes, limit: int, settled: Settled | None = None) -> KnownPaths:
        self.asked += 1
        return dict(sorted(item for item in self.paths.items() if item[0] >= first)[:limit])


def test_what_is_known_of_an_archive_in_its_own_order_is_asked_for_in_stretches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "_READ_AHEAD", 10)
    known = {b"/a.tgz/%03d" % n: (1, 7) for n in range(0, 100, 2)}
    memory = Told({**known, b"/a.tgz": (1, 7), b"/a.tgz0": (1, 7)})
    beside = KnownBeside(memory, None)
    walked = [b"/a.tgz/%03d" % (n * 37 % 100) for n in range(100)]
    found = [Found(path, 7, 1, 7, Member(6, 0, ordered=False)) for path in walked]
    assert {one.path for one in found if beside.holds(one)} == set(known)
    assert memory.asked <= 50 // 10 + 1
    memory.paths[b"/a.tgz/001"] = (1, 7)
    new = Found(b"/a.tgz/001", 7, 1, 7, Member(6, 0, ordered=False))
    assert not beside.holds(new)
    beside.forget(archives=True)
    assert beside.holds(new)


def test_a_size_that_was_not_seen_is_not_compared() -> None:
    beside = KnownBeside(Told({b"/x/m/0": (5, 7), b"/x/m/1": (None, None)}), None)
    assert beside.holds(Found(b"/x/m/0", 5, 99, 7, Member(2, 0, sized=False)))
    assert not beside.holds(Found(b"/x/m/0", 5, 5, 8, Member(2, 0, sized=False)))
    assert not beside.holds(Found(b"/x/m/1", 5, 5, 7, Member(2, 1, sized=False)))


def test_a_run_decompresses_a_compressed_archive_once_for_each_of_its_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def decompressing(*arguments: Any) -> Iterator[bytes]:
        begun.append(arguments)
        yield from decompressed(*arguments)

    monkeypatch.setattr(stream, "decompressed", decompressing)
    path = pack(tmp_path / "a.tgz", dict(reversed(BIN.items())))
    assert run(path, tmp_path / "out").parents_done == 120
    assert len(begun) == 3, "to walk, to count and to read"

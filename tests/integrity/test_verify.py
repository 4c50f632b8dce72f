import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.errors import StoreError, UsageError
from midiprism.integrity.damage_report import DamageReport, RepairReport, VerifyProgress
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.results.lock import lock_exclusive, lock_for_reading
from midiprism.sample import generate_songs as sample_songs
from midiprism.sources import open_folders
from midiprism.stores.files.store import FileStore
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.runs import make_settings, run_source

SONGS = {
    "a.mid": fake_song(PIANO, BASS),
    "b/c.kar": fake_song(BASS, BASS, DRUMS),
    "b/d.mid": fake_song(DRUMS + "d", PIANO + "d", header="repaired"),
    "copy.mid": fake_song(PIANO, BASS),
    "none.mid": fake_song(),
    "not.mid": b"no song",
}
LAST = fake_song(PIANO + "last", BASS)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str) -> Path:
    """Return a result of two runs; the second adds the last song and track of the catalog."""
    monkeypatch.setattr(FileStore, "flush", lambda _store: None)  # flushing is slow on a busy machine
    source, out = write_files(tmp_path / "songs", SONGS), tmp_path / "out"
    split(source, out)
    write_files(source, {"last.mid": LAST})
    split(source, out)
    return out


def split(source: Path, out: Path) -> None:
    library = open_folders([source], os.fsencode(out))
    settings = make_settings(workers=0, database=catalog_access.postgres_address(out))
    assert run_source(library, str(out), settings, splitter=fake_split).state == "done"


def verify(out: Path, scope: VerifyScope = VerifyScope(), **options: object) -> DamageReport:  # noqa: B008 - it is frozen
    return verify_result(str(out), scope, database=catalog_access.postgres_address(out), **options)  # type: ignore[arg-type]


def repair(out: Path, scope: VerifyScope = VerifyScope(), **options: object) -> RepairReport:  # noqa: B008 - it is frozen
    options.setdefault("splitter", fake_split)
    return repair_result(str(out), scope, database=catalog_access.postgres_address(out), **options)  # type: ignore[arg-type]


def change(out: Path, *statements: str) -> None:
    for statement in statements:
        catalog_access.execute(out, statement)


def file_of(out: Path, text: str) -> Path:
    return next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == text.encode())


def tracks(out: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(out).items() if path.startswith("tracks/")}


def facts(out: Path) -> list[tuple[object, ...]]:
    """Return the songs and tracks of the catalog, without row ids."""
    return query(
        out,
        "SELECT path, song_name, p.digest, p.outcome, link_count, position, s.track_number, s.name, "
        "t.digest, t.size, "
        "stem FROM song_paths JOIN songs p ON p.id = song_paths.song_id "
        "LEFT JOIN links s ON s.song_id = p.id "
        "LEFT JOIN tracks t ON t.id = track_id ORDER BY path, position",
    )


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def cut(out: Path) -> None:
    rewrite(file_of(out, BASS), BASS.encode()[:5])


def empty(out: Path) -> None:
    rewrite(file_of(out, BASS), b"")


def flip(out: Path) -> None:
    rewrite(file_of(out, PIANO), b"Q" + PIANO.encode()[1:])


def grow(out: Path) -> None:
    rewrite(file_of(out, PIANO), PIANO.encode() + b"more" * 1_000_000)


def link(out: Path) -> None:
    path = file_of(out, DRUMS)
    path.unlink()
    path.symlink_to(write_files(out.parent / "outside", {"x.mid": DRUMS.encode()}) / "x.mid")


def folder(out: Path) -> None:
    path = file_of(out, DRUMS)
    path.unlink()
    path.mkdir()


def full_folder(out: Path) -> None:
    folder(out)
    place = next(path for path in (out / "tracks").rglob("*.mid") if path.is_dir())
    write_files(place, {"deep/er.txt": b"x"})


def linked_family(out: Path) -> None:
    (out / "tracks" / "bass").rename(out.parent / "outside")
    (out / "tracks" / "bass").symlink_to(out.parent / "outside")


def file_for_folder(out: Path) -> None:
    shutil.rmtree(out / "tracks" / "piano")
    (out / "tracks" / "piano").write_bytes(b"")


def rename(out: Path) -> None:
    path = file_of(out, BASS)
    path.rename(path.with_name("renamed.mid"))


def move(out: Path) -> None:
    path = file_of(out, BASS)
    (out / "tracks" / "piano" / "00").mkdir(exist_ok=True)
    path.rename(out / "tracks" / "piano" / "00" / path.name)


def all_missing(out: Path) -> None:
    shutil.rmtree(out / "tracks")


def orphan(out: Path) -> None:
    name = file_of(out, BASS)
    name.with_name("Bassline-" + "ab" * 16 + ".mid").write_bytes(b"x")
    (out / "tracks" / "stray.txt").write_bytes(b"x")
    (out / "tracks" / "link").symlink_to(out.parent / "songs")


def temporary(out: Path) -> None:
    file_of(out, BASS).with_name(".0123456789abcdef.tmp").write_bytes(b"x")


def row_missing(out: Path) -> None:
    change(out, "DELETE FROM tracks WHERE name = 'Bassline'")


def last_row_missing(out: Path) -> None:
    change(out, "DELETE FROM tracks WHERE id >= (SELECT max(id) - 1 FROM tracks)")


def link_missing(out: Path) -> None:
    change(out, "DELETE FROM links WHERE position = 1")


def link_added(out: Path) -> None:
    change(out, "INSERT INTO links (song_id, position, track_number, part_count, track_id, name, instrument, "
           "family) SELECT song_id, 9, 9, 1, track_id, '', '', '' FROM links WHERE position = 0")  # fmt: skip


def link_moved(out: Path) -> None:
    change(out, "UPDATE links SET position = 7 WHERE position = 0")


def dangling_link(out: Path) -> None:
    change(out, "UPDATE links SET track_id = 999 WHERE position = 0")


def outcome(out: Path) -> None:
    change(out, "UPDATE songs SET outcome = 'no_notes' WHERE outcome = 'repaired'")


def song_missing(out: Path) -> None:
    change(out, "DELETE FROM songs WHERE id = (SELECT max(id) FROM songs)")


def all_songs_missing(out: Path) -> None:
    change(out, "DELETE FROM songs")


def size_wrong(out: Path) -> None:
    change(out, "UPDATE tracks SET size = size + 1 WHERE name = 'Bassline'")


def stem_wrong(out: Path) -> None:
    change(out, "UPDATE tracks SET stem = '../../../../evil' WHERE name = 'Bassline'")


def digest_wrong(out: Path) -> None:
    change(out, "UPDATE tracks SET digest = randomblob(32) WHERE name = 'Bassline'")


def unlinked(out: Path) -> None:
    columns = "digest_digits, name, instrument, family, channel, program, note_count"
    change(
        out,
        f"INSERT INTO tracks (id, digest, size, stem, {columns}, lowest_pitch, highest_pitch, "
        "duration_ticks, duration_seconds, tempo_count, run_id) "
        f"SELECT 77, randomblob(32), size, stem, {columns}, "
        "1, 2, 3, 4, 1, run_id FROM tracks LIMIT 1",
    )


DAMAGES: dict[Callable[[Path], None], set[str]] = {
    lambda out: file_of(out, BASS).unlink(): {"missing"},
    cut: {"size"},
    empty: {"size"},
    flip: {"content"},
    grow: {"size"},
    link: {"not_a_file"},
    folder: {"not_a_file"},
    full_folder: {"not_a_file", "orphan"},
    linked_family: {"not_a_file", "orphan"},
    file_for_folder: {"not_a_file", "orphan"},
    rename: {"missing", "orphan"},
    move: {"missing", "orphan"},
    all_missing: {"missing"},
    orphan: {"orphan"},
    temporary: {"temporary"},
    row_missing: {"links", "orphan"},
    last_row_missing: {"links", "orphan"},
    link_missing: {"links", "unlinked"},
    link_added: {"links"},
    link_moved: {"links"},
    dangling_link: {"links", "unlinked"},
    outcome: {"links"},
    song_missing: {"lost_path", "lost_links"},
    all_songs_missing: {"lost_path", "lost_links"},
    size_wrong: {"row"},
    stem_wrong: {"not_a_file", "orphan"},
    digest_wrong: {"missing", "orphan"},
    unlinked: {"missing", "unlinked"},
}
NAMES = [damage.__name__ for damage in DAMAGES]


def test_a_new_result_is_undamaged_and_verifying_writes_nothing(out: Path) -> None:
    before = read_tree(out)
    found = verify(out)
    assert (found.ok, found.counts, found.last_run_state) == (True, {}, None)
    assert (found.tracks, found.files, found.songs, found.links, found.songs_without_path) == (6, 6, 6, 9, 0)
    assert found.bytes == sum(map(len, tracks(out).values()))
    assert read_tree(out) == before


@pytest.mark.parametrize(("inflict", "kinds"), DAMAGES.items(), ids=NAMES)
def test_damage_is_found_and_repaired_as_a_dry_run_predicts(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None], kinds: set[str]
) -> None:
    files, known = tracks(out), facts(out)
    inflict(out)
    outside, songs = read_tree(tmp_path / "outside"), read_tree(tmp_path / "songs")
    before = read_tree(out)
    found = verify(out)
    assert set(found.counts) == kinds
    assert not found.ok
    assert all(len(examples) == found.counts[kind] for kind, examples in found.examples.items())
    predicted = repair(out, dry_run=True)
    assert read_tree(out) == before, "a dry run writes nothing"
    assert (predicted.unrepaired_count, predicted.unrepaired, predicted.run_id) == (0, [], None)

    done = repair(out)
    assert done.ok, done.unrepaired
    assert done.damage_report.counts == found.counts
    assert verify(out).counts == {}
    assert tracks(out) == files
    assert facts(out) == known
    assert (read_tree(tmp_path / "outside"), read_tree(tmp_path / "songs")) == (outside, songs)
    again = repair(out)
    assert (again.ok, again.run_id, again.damage_report.damage_count) == (True, None, 0)


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("inflict", DAMAGES, ids=NAMES)
def test_a_sample_of_nearly_everything_finds_the_same_as_a_full_check(
    out: Path, inflict: Callable[[Path], None]
) -> None:
    inflict(out)
    found = verify(out).counts
    found.pop("unlinked", None)
    sample = VerifyScope(share=1 - 1e-9, start=0.7)
    assert sample.is_sample
    assert verify(out, sample).counts == found


def test_samples_that_cover_everything_find_everything(out: Path) -> None:
    for inflict in (temporary, orphan, cut):
        inflict(out)
    change(
        out,
        "DELETE FROM links WHERE position = 0 AND song_id = "
        "(SELECT DISTINCT song_id FROM links ORDER BY 1 LIMIT 1 OFFSET 2)",
    )
    found = [verify(out, VerifyScope(share=0.25, start=quarter / 4 + 0.1)) for quarter in range(4)]
    assert sum(one.tracks for one in found) == 6
    assert sum(one.counts.get("size", 0) for one in found) == 1
    # A share of a few songs is rounded up, so two samples may check the same one.
    assert sum(one.counts.get("links", 0) for one in found) in (1, 2)
    assert {name for one in found for name in one.counts} == {"size", "links", "temporary", "orphan"}


def test_a_sample_checks_about_its_share(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "songs", {f"{n}.mid": fake_song(f"Piano;Piano;{n};{n}") for n in range(400)}
    )
    split(source, tmp_path / "out")
    found = verify(tmp_path / "out", VerifyScope(share=0.1, start=0.95))
    assert found.ok
    assert 15 < found.tracks < 75
    assert found.files == found.tracks
    assert found.songs == 40


def test_since_checks_only_records_of_later_runs(out: Path) -> None:
    flip(out)
    orphan(out)
    found = verify(out, VerifyScope(first_run=2))
    assert (found.ok, found.tracks, found.songs, found.links, found.files) == (True, 1, 1, 2, None)
    started = str(query(out, "SELECT started_at FROM runs WHERE id = 2")[0][0])
    assert verify(out, since=started).tracks == 1
    assert verify(out, since="2999").tracks == 0
    assert not verify(out, since="1999").ok
    rewrite(file_of(out, PIANO + "last"), b"x")
    assert verify(out, VerifyScope(first_run=2)).counts == {"size": 1}


def test_a_partial_repair_leaves_other_damage(out: Path) -> None:
    flip(out)
    orphan(out)
    rewrite(file_of(out, PIANO + "last"), b"x")
    assert repair(out, VerifyScope(first_run=2)).files == 1
    assert set(verify(out).counts) == {"content", "orphan"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_replaced(out: Path) -> None:
    file_of(out, BASS).chmod(0)
    assert verify(out).counts == {"unreadable": 1}
    assert repair(out).ok
    assert verify(out).ok


@pytest.mark.parametrize(
    "inflict", [cut, rename, link_missing, song_missing, row_missing], ids=lambda it: it.__name__
)
def test_unrepairable_damage_is_named_and_no_copy_is_lost(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None]
) -> None:
    whole = tracks(out)
    inflict(out)
    left = tracks(out)
    shutil.move(tmp_path / "songs", tmp_path / "away")
    done = repair(out)
    assert not done.ok
    assert done.unrepaired
    assert all(b"songs" in damage.name or b"tracks/" in damage.name for damage in done.unrepaired)
    assert any("bring it back" in damage.message for damage in done.unrepaired)
    kept = tracks(out)
    assert {path: kept[path] for path in left if path in whole} == {
        path: data for path, data in left.items() if path in whole
    }
    assert not verify(out).ok
    shutil.move(tmp_path / "away", tmp_path / "songs")
    assert repair(out).ok
    assert (verify(out).counts, tracks(out)) == ({}, whole)


def test_a_repair_uses_any_path_that_has_the_content_of_the_song(tmp_path: Path, out: Path) -> None:
    (tmp_path / "songs" / "a.mid").write_bytes(fake_song(PIANO + "changed"))
    file_of(out, PIANO).unlink()
    assert repair(out).ok
    assert verify(out).ok
    file_of(out, PIANO).unlink()
    (tmp_path / "songs" / "copy.mid").write_bytes(b"changed")
    done = repair(out)
    assert [damage.name.rpartition(b"-")[0] for damage in done.unrepaired] == [
        os.path.dirname(next(iter(done.unrepaired)).name) + b"/Right Hand"
    ]
    assert "a.mid" in done.unrepaired[0].message
    assert "copy.mid" in done.unrepaired[0].message
    assert PIANO + "changed" not in [data.decode() for data in tracks(out).values()]


def test_a_path_with_new_content_is_not_damage(tmp_path: Path, out: Path) -> None:
    (tmp_path / "songs" / "b" / "c.kar").write_bytes(fake_song(PIANO, PIANO))
    split(tmp_path / "songs", out)
    found = verify(out)
    assert (found.ok, found.songs_without_path) == (True, 1)
    catalog_access.execute(
        out, "DELETE FROM song_paths WHERE path = ?", os.fsencode(tmp_path / "songs/last.mid")
    )
    assert verify(out).songs_without_path == 2
    split(tmp_path / "songs", out)
    assert verify(out).songs_without_path == 1, "the next run finds its path again"


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoil", ["cut", "zero", "missing", "empty", "text"])
def test_a_damaged_catalog_is_reported_and_recreated_without_rewriting_files(
    tmp_path: Path, out: Path, spoil: str
) -> None:
    path = out / "catalog.sqlite"
    data = path.read_bytes()
    known, files = facts(out), {path: path.stat().st_mtime_ns for path in (out / "tracks").rglob("*.mid")}
    path.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "zero": data[:4096] + bytes(len(data) - 4096),
            "missing": b"",
            "empty": b"",
            "text": b"what is this" * 400,
        }[spoil]
    )
    if spoil == "missing":
        path.unlink()
    before = read_tree(out)
    found = verify(out)
    assert set(found.counts) == {"catalog"}
    assert read_tree(out) == before
    done = repair(out)
    assert [damage.kind for damage in done.unrepaired] == ["catalog"]
    assert {name: data for name, data in read_tree(out).items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }
    path.unlink(missing_ok=True)
    split(tmp_path / "songs", out)
    assert verify(out).ok
    assert facts(out) == known
    assert {path: path.stat().st_mtime_ns for path in (out / "tracks").rglob("*.mid")} == files


def test_the_lock_separates_writers_from_readers(out: Path) -> None:
    with lock_exclusive(str(out)), pytest.raises(StoreError, match="being written by process"):
        verify(out)
    with lock_exclusive(str(out)), pytest.raises(StoreError, match="being written by process"):
        repair(out)
    with lock_for_reading(str(out)):
        assert verify(out).ok, "any number may look"
        with pytest.raises(StoreError, match="process that reads it"):
            repair(out)
    (out / ".midiprism.lock").unlink()
    assert verify(out).ok
    assert not (out / ".midiprism.lock").exists()


def test_a_result_on_a_read_only_disk_can_be_checked(out: Path) -> None:
    folders = [out, *(path for path in out.rglob("*") if path.is_dir())]
    files = [path for path in out.rglob("*") if path.is_file()]
    for path in (*files, *folders):
        path.chmod(0o555)
    try:
        assert verify(out).ok
    finally:
        for path in (*folders, *files):
            path.chmod(0o755)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no midiprism result"):
        verify(tmp_path)


def test_an_unfinished_last_run_is_reported(out: Path) -> None:
    change(out, "UPDATE runs SET state = 'running', expires_at = NULL WHERE id = 2")
    assert verify(out).last_run_state == "running"


def test_a_check_can_be_stopped_at_any_time_and_reports_it(out: Path) -> None:
    cut(out)
    calls = limit = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > limit

    for limit in range(0, 30, 2):
        calls = 0
        assert verify(out, stop=stop).stopped or calls <= limit
        calls = 0
        assert repair(out, stop=stop).stopped or calls <= limit
    assert repair(out).ok


def test_a_check_reports_its_progress(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.metrics.progress_reporter.REPORT_SECONDS", 0)
    reports: list[VerifyProgress] = []
    cut(out)
    repair(out, listener=reports.append)
    assert list(dict.fromkeys(one.stage for one in reports)) == [
        "catalog",
        "tracks",
        "files",
        "songs",
        "repair",
    ]
    assert all(one.total is None or one.seen <= one.total for one in reports)


@pytest.mark.usefixtures("catalog_backend")
def test_real_songs_are_repaired_to_the_same_bytes(tmp_path: Path) -> None:
    source, out = tmp_path / "songs", tmp_path / "out"
    write_files(source, {f"{number}.mid": one.data for number, one in enumerate(sample_songs(12, seed=3))})
    library = open_folders([source])
    run_source(library, str(out), make_settings(workers=0, database=catalog_access.postgres_address(out)))
    files, known = tracks(out), facts(out)
    for number, path in enumerate(sorted((out / "tracks").rglob("*.mid"))):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            rewrite(path, path.read_bytes()[:-1])
    change(out, "DELETE FROM tracks WHERE id % 4 = 0", "DELETE FROM links WHERE position = 2")
    done = repair(out, splitter=None)
    assert done.ok, done.unrepaired
    assert verify(out).ok
    assert (tracks(out), facts(out)) == (files, known)

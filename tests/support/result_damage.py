"""All kinds of damage to results in files, and what finds and repairs it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.integrity.damage_report import DamageReport, RepairReport
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.sources import open_folders
from midiprism.stores.files.store import FileStore
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
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


def make_result(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return a result of two runs; the second adds the last song and track of the catalog."""
    patch.setattr(FileStore, "flush", lambda _store: None)  # flushing is slow on a busy machine
    source, out = write_files(folder / "songs", SONGS), folder / "out"
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
        "duration_ticks, duration_seconds, last_note_ticks, tempo_count, note_hash, run_id) "
        f"SELECT 77, randomblob(32), size, stem, {columns}, "
        "1, 2, 3, 4, 3, 1, 5, run_id FROM tracks LIMIT 1",
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

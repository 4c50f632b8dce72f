"""Tests of files in a tree whose songs are gone, renamed or changed."""

import json
import os
from pathlib import Path

import pytest

from midiprism.export.export import Export, export_tracks
from midiprism.export.export_record import RECORD_FILE
from midiprism.export.path_template import PathTemplate
from midiprism.search.parse_query import parse_query
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, read_tree, write_files
from support.runs import make_settings, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")

PRUNE = make_settings(workers=0, prune=True, trust_scan=True)
SONGS = {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS, PIANO), "c.mid": fake_song(DRUMS)}


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "songs", SONGS)


def split(songs: Path, out: str = "out") -> Path:
    run_split(songs, songs.parent / out, PRUNE)
    return songs.parent / out


def export(
    out: Path, query: str = "", *, template: str = "{song}/{track:02}.mid", **options: bool | int
) -> Export:
    return export_tracks(
        str(out),
        str(out.parent / "tree"),
        PathTemplate(template),
        parse_query(query),
        database=catalog_access.postgres_address(out),
        **options,  # type: ignore[arg-type]
    )


def files(out: Path) -> set[str]:
    hidden = {"midiprism.json", ".midiprism.lock", RECORD_FILE}
    return {name for name in read_tree(out.parent / "tree") if name not in hidden}


def test_files_of_songs_that_are_gone_or_renamed_are_counted_and_stay(songs: Path) -> None:
    export(split(songs))
    (songs / "a.mid").unlink()
    (songs / "b.mid").rename(songs / "renamed.mid")
    done = export(split(songs))
    assert (done.files_new, done.files_outdated, done.files_pruned, done.failed) == (2, 3, 0, False)
    assert files(songs) == {
        "a/01.mid",
        "b/01.mid",
        "b/02.mid",
        "c/01.mid",
        "renamed/01.mid",
        "renamed/02.mid",
    }


@pytest.mark.parametrize("prune_at_once", [True, False])
def test_a_file_whose_song_moved_and_whose_own_path_stays_is_kept(songs: Path, prune_at_once: bool) -> None:
    template = "{instrument}/{song} {track:02}.mid"
    export(split(songs), template=template)
    before = files(songs)
    (songs / "folder").mkdir()
    (songs / "b.mid").rename(songs / "folder" / "b.mid")
    if not prune_at_once:
        done = export(split(songs), template=template)
        assert (done.files_new, done.files_unchanged, done.files_outdated) == (0, 4, 0)
    dry = export(split(songs), template=template, prune=True, dry_run=True)
    done = export(split(songs), template=template, prune=True)
    assert (done.files_new, done.files_unchanged, done.files_pruned) == (0, 4, 0)
    assert dry.files_pruned == 0
    assert files(songs) == before
    (songs / "folder" / "b.mid").unlink()
    assert export(split(songs), template=template, prune=True).files_pruned == 2


@pytest.mark.parametrize("query", ["", "family:drums"])
def test_a_prune_removes_exactly_these_files_whatever_is_exported(songs: Path, query: str) -> None:
    export(split(songs))
    (songs / "a.mid").unlink()
    (songs / "b.mid").rename(songs / "renamed.mid")
    out = split(songs)
    before = files(songs)
    assert export(out, query, prune=True, dry_run=True).files_pruned == 3
    assert files(songs) == before
    assert export(out, query, prune=True).files_pruned == 3
    assert not (songs.parent / "tree" / "a").exists()
    export(out)
    assert files(songs) == {"c/01.mid", "renamed/01.mid", "renamed/02.mid"}
    done = export(out, prune=True)
    assert (done.files_new, done.files_outdated, done.files_pruned) == (0, 0, 0)


def test_a_narrower_export_removes_nothing_of_the_other_songs(songs: Path) -> None:
    out = split(songs)
    export(out)
    assert export(out, "family:drums", prune=True).files_pruned == 0
    assert export(out, limit=1, prune=True).files_pruned == 0
    assert len(files(songs)) == 4


def test_files_that_somebody_changed_or_made_stay(songs: Path) -> None:
    tree = songs.parent / "tree"
    write_files(tree / "a", {"01.mid": PIANO.encode(), "mine.mid": PIANO.encode()})
    out = split(songs)
    assert export(out).files_unchanged == 1
    (tree / "b" / "01.mid").write_bytes(b"changed")
    (tree / "b" / "02.mid").unlink()
    (tree / "b" / "02.mid").symlink_to(tree / "a" / "mine.mid")
    for name in ("a", "b"):
        (songs / f"{name}.mid").unlink()
    assert export(split(songs), prune=True).files_pruned == 0
    assert files(songs) >= {"a/01.mid", "a/mine.mid", "b/01.mid"}


def test_a_link_in_place_of_a_folder_is_not_followed(songs: Path) -> None:
    export(split(songs))
    tree = songs.parent / "tree"
    (tree / "a").rename(songs.parent / "elsewhere")
    (tree / "a").symlink_to(songs.parent / "elsewhere")
    (songs / "a.mid").unlink()
    assert export(split(songs), prune=True).files_pruned == 0
    assert (songs.parent / "elsewhere" / "01.mid").exists()


def test_a_file_of_a_changed_song_is_replaced_by_a_prune(songs: Path) -> None:
    export(split(songs))
    write_files(songs, {"a.mid": fake_song(DRUMS + "changed")})
    out = split(songs)
    done = export(out)
    assert (done.files_differing, done.files_outdated) == (1, 1)
    assert export(out, prune=True, dry_run=True).files_new == 1
    done = export(out, prune=True)
    assert (done.files_new, done.files_differing, done.files_pruned, done.failed) == (1, 0, 1, False)
    assert (songs.parent / "tree" / "a" / "01.mid").read_bytes() == (DRUMS + "changed").encode()
    assert export(out, prune=True).files_unchanged == 4


def test_files_of_another_result_in_the_same_tree_stay(songs: Path) -> None:
    others = write_files(songs.parent / "others", {"x.mid": fake_song(BASS + "x")})
    export(split(others, "other"))
    export(split(songs))
    (songs / "a.mid").unlink()
    assert export(split(songs), prune=True).files_pruned == 1
    assert "x/01.mid" in files(songs)
    (others / "x.mid").unlink()
    assert export(split(others, "other"), prune=True).files_pruned == 1


def test_lines_of_the_record_that_are_damaged_or_lead_out_of_the_tree_count_for_nothing(songs: Path) -> None:
    out = split(songs)
    export(out)
    secret = songs.parent / "secret.mid"
    secret.write_bytes(PIANO.encode())
    record = songs.parent / "tree" / RECORD_FILE
    _, digest, song, result = json.loads(record.read_text().splitlines()[0])
    hostile = [[path, digest, song, result] for path in ("../secret.mid", str(secret), "a//01.mid", "", 7)]
    with record.open("a") as lines:
        lines.writelines(json.dumps(line) + "\n" for line in [*hostile, None, [], ["a"], {"a": 1}])
        lines.write("no JSON\n")
    (songs / "a.mid").unlink()
    assert export(split(songs), prune=True).files_pruned == 1
    assert secret.exists()
    assert os.listdir(songs.parent / "tree" / "b")

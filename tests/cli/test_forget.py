"""Tests of ``forget``, of ``split --prune`` and of ``duplicates`` on the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli import confirm
from support.fake_songs import BASS, PIANO, fake_song, write_files
from support.runs import mark_as_killed

Run = Callable[..., tuple[int, str, str]]
SONG_SIZE = len(fake_song(PIANO, BASS))
SPLIT = ("split", "songs", "-o", "out", "--workers", "0")


def names(run: Run) -> list[str]:
    code, text, _ = run("list", "out", "--json")
    assert code == 0
    return sorted({json.loads(line)["song"] for line in text.splitlines()})


def test_split_says_what_is_gone_and_prune_removes_it(out: Path, run_cli: Run) -> None:
    (out.parent / "songs" / "a.mid").unlink()
    code, text, _ = run_cli(*SPLIT)
    assert code == 0
    assert f"1 song is gone from {out.parent / 'songs'}; --prune removes it.\n" in text
    assert len(names(run_cli)) == 1
    assert run_cli("status", "out")[1].count("at no path any more") == 1
    code, text, _ = run_cli(*SPLIT, "--prune")
    assert code == 0
    assert f"Removed 1 song, and 1 track that no other song has ({len(PIANO)} bytes).\n" in text
    assert "\n  midiprism forget out --undo\n" in text
    assert text.startswith("Nothing new: 1 song known already. ")
    assert "gone" not in run_cli(*SPLIT)[1]
    assert "at no path any more" not in run_cli("status", "out")[1]
    code, text, _ = run_cli("forget", "out", "--undo")
    assert (code, text) == (0, "Put back 1 song and 1 track.\n")
    assert len(names(run_cli)) == 2


def test_json_has_what_is_gone_and_what_was_removed(out: Path, run_cli: Run) -> None:
    (out.parent / "songs" / "a.mid").unlink()
    facts = json.loads(run_cli(*SPLIT, "--json")[1])
    assert [facts[key] for key in ("songs_gone", "songs_doubted", "songs_removed")] == [1, 0, 0]
    facts = json.loads(run_cli(*SPLIT, "--json", "--prune")[1])
    assert [facts[key] for key in ("songs_gone", "songs_removed", "tracks_removed")] == [1, 1, 1]


def test_a_source_that_is_empty_prunes_nothing_without_yes(out: Path, run_cli: Run) -> None:
    songs = out.parent / "songs"
    shutil.rmtree(songs)
    songs.mkdir()
    code, text, _ = run_cli(*SPLIT)
    assert code == 0
    assert f"2 of the 2 known songs of {songs} are missing" in text
    assert "If they are gone, --prune --yes removes them." in text
    code, _, error = run_cli(*SPLIT, "--prune")
    assert code == 1
    assert error.endswith(
        f"2 of the 2 known songs of {songs} are missing, so nothing of it was removed: bring it back, or "
        "add --yes if they are gone.\n"
    )
    assert len(names(run_cli)) == 2
    code, text, _ = run_cli(*SPLIT, "--prune", "--yes")
    assert code == 0
    assert "Removed 2 songs, and 3 tracks that no other song has" in text
    assert names(run_cli) == []


def test_a_source_that_is_not_there_prunes_nothing(out: Path, run_cli: Run) -> None:
    shutil.rmtree(out.parent / "songs")
    code, _, error = run_cli(*SPLIT, "--prune", "--yes")
    assert (code, "songs cannot be read" in error) == (2, True)
    assert len(names(run_cli)) == 2


def test_prune_needs_all_songs(out: Path, run_cli: Run) -> None:
    del out
    code, _, error = run_cli(*SPLIT, "--prune", "--limit", 1)
    assert (code, error) == (2, "midiprism: --prune needs all songs of the sources: leave --limit out.\n")


def test_forget_names_what_it_would_remove(out: Path, run_cli: Run) -> None:
    code, text, _ = run_cli("forget", "out", "--song", "a", "--dry-run")
    assert code == 0
    assert text.splitlines()[0] == "Would remove 2 songs:"
    assert text.splitlines()[1] == f"  {out.parent / 'songs' / 'a.mid'}"
    assert text.splitlines()[-1] == "Nothing was written."
    assert (
        f"With it goes 1 track that no other song has ({len(PIANO)} bytes).\n"
        in run_cli("forget", "out", "a", "--dry-run")[1]
    )
    assert run_cli("forget", "out", "--instrument", "nothing")[1].startswith("No song matches.")
    assert len(names(run_cli)) == 2


def test_forget_asks_before_it_removes(out: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    del out
    code, _, error = run_cli("forget", "out", "a")
    assert (code, "add --yes" in error) == (2, True)
    asked: list[str] = []

    def answer(question: str, *, yes: bool) -> None:
        asked.append(question)
        assert not yes

    monkeypatch.setattr(confirm, "require_confirmation", answer)
    monkeypatch.setattr("midiprism.cli.commands.forget.require_confirmation", answer)
    code, text, _ = run_cli("forget", "out", "a")
    assert (code, len(asked)) == (0, 1)
    goes = f"With it goes 1 track that no other song has ({len(PIANO)} bytes)."
    assert asked[0].startswith("Remove 1 song from out, such as ")
    assert asked[0].endswith(f"? {goes} Continue?")
    assert text.splitlines() == [
        f"Removed 1 song, and 1 track that no other song has ({len(PIANO)} bytes).",
        "It is still in the sources, from which the next split brings it back.",
        "To undo it, until a later `midiprism split --prune` removes songs:",
        "  midiprism forget out --undo",
    ]
    assert len(names(run_cli)) == 1


def test_forget_reports_as_json(out: Path, run_cli: Run) -> None:
    del out
    code, text, _ = run_cli("forget", "out", "a", "--yes", "--json")
    assert code == 0
    counts = {"songs": 1, "tracks": 1, "bytes": len(PIANO), "songs_kept": 0, "songs_lost": 0}
    assert json.loads(text) == {"dry_run": False, "undo": False, **counts}
    code, text, _ = run_cli("forget", "out", "--undo", "--json")
    assert json.loads(text) == {"dry_run": False, "undo": True, **counts}
    code, text, _ = run_cli("forget", "out", "a", "--dry-run", "--json")
    assert json.loads(text.splitlines()[-1]) == {"dry_run": True, "undo": False, **counts}
    assert run_cli("forget", "out", "a", "--yes", "--quiet")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name a SONG, or choose songs by a query, as in --where song:karaoke."),
        (("nothing",), "There is no song nothing: name it as `midiprism list` does."),
        (("--undo",), "There is nothing to undo in out: no removal is left that can be undone."),
        (("a", "--undo"), "--undo takes back the whole last removal: leave SONG, queries and --dry-run out."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    out: Path, run_cli: Run, arguments: tuple[str, ...], message: str
) -> None:
    del out
    assert run_cli("forget", "out", *arguments) == (2, "", f"midiprism: {message}\n")


def test_duplicates_lists_exact_copies(out: Path, run_cli: Run) -> None:
    assert run_cli("duplicates", "out")[1].startswith("No song is at several paths.\n")
    songs = out.parent / "songs"
    write_files(songs, {f"{name}.mid": fake_song(PIANO, BASS) for name in ("copy", "copy 2")})
    assert run_cli(*SPLIT)[0] == 0
    assert run_cli("duplicates", "out")[1].splitlines() == [
        f"1 song at several paths: 2 further files, {2 * SONG_SIZE} bytes",
        f"  3 times, {SONG_SIZE} bytes each:",
        f"    {songs / 'a.mid'}",
        f"    {songs / 'copy 2.mid'}",
        f"    {songs / 'copy.mid'}",
        f"1 track with several links, each stored once: {len(BASS)} bytes saved",
        f"  2 times, {len(BASS)} bytes each: Bassline ({bass_digest(run_cli)})",
    ]
    *listed, counts = (json.loads(line) for line in run_cli("duplicates", "out", "--json")[1].splitlines())
    assert [(it["kind"], it["occurrences"]) for it in listed] == [("song", 3), ("track", 2)]
    assert listed[0]["paths"] == [str(songs / name) for name in ("a.mid", "copy 2.mid", "copy.mid")]
    assert counts["songs"] == {"contents": 1, "copies": 2, "bytes": 2 * SONG_SIZE}
    (songs / "copy.mid").unlink()
    run_cli(*SPLIT)
    assert f"2 times, {SONG_SIZE} bytes each:" in run_cli("duplicates", "out")[1]


def bass_digest(run: Run) -> str:
    rows = map(json.loads, run("list", "out", "--json", "--family", "bass")[1].splitlines())
    return str(next(row["digest"] for row in rows))[:16]


def test_a_copy_is_found_by_any_of_its_names(out: Path, run_cli: Run) -> None:
    songs = out.parent / "songs"
    write_files(songs, {"z_intro.mid": fake_song(PIANO, BASS)})
    assert run_cli(*SPLIT)[0] == 0
    rows = [*map(json.loads, run_cli("list", "out", "--song", "z_INTRO", "--json")[1].splitlines())]
    assert [row["song"] for row in rows] == ["a", "a"]
    assert rows[0]["paths"] == [str(songs / "a.mid"), str(songs / "z_intro.mid")]
    (songs / "a.mid").unlink()
    run_cli(*SPLIT)
    rows = [*map(json.loads, run_cli("list", "out", "--song", "z_INTRO", "--json")[1].splitlines())]
    assert [(row["song"], row["paths"]) for row in rows] == [("z_intro", [str(songs / "z_intro.mid")])] * 2
    assert run_cli("list", "out", "--song", "songs/a", "--json")[1] == ""


def test_a_killed_removal_is_completed_by_the_same_command(tmp_path: Path, out: Path, run_cli: Run) -> None:
    del out
    assert run_cli("split", "songs", "-o", "data", "--workers", "0", "--store", "parquet")[0] == 0
    assert run_cli("forget", "data", "a", "--yes")[0] == 0
    mark_as_killed(tmp_path / "data")
    table = tmp_path / "data" / "songs" / "songs.parquet"
    table.unlink()  # it is written last
    assert run_cli("forget", "data", "a", "--dry-run")[0] == 2
    assert not table.exists()
    assert run_cli("forget", "data", "a", "--yes")[0] == 2
    assert table.exists()
    assert run_cli("verify", "data")[0] == 0

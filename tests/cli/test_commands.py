import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism import SplitSong
from midiprism.export.export_record import RECORD_FILE
from midiprism.pipeline import runner
from support.fake_songs import (
    BASS,
    DRUMS,
    PIANO,
    LoadedSplitter,
    fake_song,
    fake_split,
    read_tree,
    write_files,
)

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil\nline"


def use_splitter(monkeypatch: pytest.MonkeyPatch, splitter: Callable[[bytes], SplitSong]) -> None:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(splitter))


@pytest.fixture(autouse=True)
def use_fake_splitter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_splitter(monkeypatch, fake_split)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(
        tmp_path / "songs",
        {
            "a.mid": fake_song(PIANO, BASS),
            "b/c.kar": fake_song(BASS, DRUMS + "x" * 9),
            "copy.mid": fake_song(PIANO, BASS),
        },
    )


Run = Callable[..., tuple[int, str, str]]


def test_split_prints_what_it_did_and_what_to_do_next(run_cli: Run, songs: Path) -> None:
    code, out, _ = run_cli("split", "songs", "-o", "my out")
    assert code == 0
    assert "Split 2 songs into 4 tracks in my out." in out
    assert "midiprism list 'my out' family:bass" in out
    assert "midiprism export 'my out' --to by-song --by song" in out


def test_the_last_line_of_split_json_is_the_summary(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    code, out, _ = run_cli("split", "songs", "-o", "out", "--json")
    facts = json.loads(out.splitlines()[-1])
    assert code == 0
    assert facts["songs_seen"] == facts["songs_done"] + facts["songs_skipped"] == 3
    assert (facts["tracks"], facts["tracks_new"], facts["tracks_duplicate"]) == (4, 3, 1)
    assert facts["outcomes"] == {"split": 2}
    assert facts["catalog"] == str(tmp_path / "out/catalog.sqlite")
    assert facts["run_id"] == 1
    assert {"songs_failed", "songs_repaired", "bytes_written", "seconds", "songs_per_second"} <= set(facts)


def test_a_second_split_reports_that_there_is_nothing_to_do(
    run_cli: Run, songs: Path, tmp_path: Path
) -> None:
    run_cli("split", "songs", "-o", "out")
    before = read_tree(tmp_path / "out")
    code, out, _ = run_cli("split", "songs", "-o", "out")
    assert (code, "Nothing to do: 3 songs known already, nothing written." in out) == (0, True)
    assert read_tree(tmp_path / "out") == before


def test_split_without_any_song_prints_a_message(run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / "songs", {"readme.txt": b""})
    code, out, _ = run_cli("split", "songs", "-o", "out")
    assert (code, "No MIDI files found" in out) == (0, True)


def test_failures_are_listed_with_their_names_escaped(run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / "songs", {f"{HOSTILE_NAME}{n}.mid": b"junk%d" % n for n in range(7)})
    with open(os.fsencode(tmp_path) + b"/songs/\xff.mid", "wb") as file:
        file.write(b"bug")
    code, out, _ = run_cli("split", "songs", "-o", "out")
    assert code == 1
    assert "\\x1b[31m[bold]\\u202eevil\\nline0.mid: It is not a MIDI file. (not_midi)" in out
    assert "and 3 more; --verbose lists more of them" in out
    code, _, err = run_cli("split", "songs", "-o", "other", "--quiet", "--verbose")
    assert code == 1
    assert (
        "songs/\\xff.mid: midiprism failed on it, which is a bug to report: ZeroDivisionError: oh [red]no"
        in err
    )


def test_quiet_prints_nothing_if_nothing_failed(run_cli: Run, songs: Path) -> None:
    assert run_cli("split", "songs", "-o", "out", "--quiet") == (0, "", "")


def test_options_reach_the_run(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    code, out, _ = run_cli(
        "split", "songs", "-o", "out", "--by", "channel", "--context", "full", "--limit", 1, "--json"
    )
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["by"], facts["context"], facts["songs_seen"]) == (0, "channel", "full", 1)
    code, _, err = run_cli("split", "songs", "-o", "out", "--by", "track")
    assert (code, "--by channel --context full" in err) == (2, True)


def test_a_dry_run_makes_no_folder(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    code, out, _ = run_cli("split", "songs", "-o", "out", "--dry-run", "--json")
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["tracks_new"], facts["catalog"], facts["run_id"]) == (0, 3, None, None)
    assert not (tmp_path / "out").exists()


def test_a_missing_source_exits_2_and_makes_no_folder(run_cli: Run, tmp_path: Path) -> None:
    code, _, err = run_cli("split", "nowhere", "-o", "out")
    assert (code, len(err.splitlines())) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_a_concurrent_split_into_the_same_folder_exits_1(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    from midiprism.results.lock import lock_exclusive

    run_cli("split", "songs", "-o", "out")
    with lock_exclusive(str(tmp_path / "out")):
        code, _, err = run_cli("split", "songs", "-o", "out")
    assert (code, "is being written by process" in err) == (1, True)


def test_ctrl_c_keeps_finished_songs_and_prints_how_to_continue(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(9)})
    split: list[bytes] = []

    def interrupted(data: bytes) -> SplitSong:
        split.append(data)
        if len(split) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return fake_split(data)

    use_splitter(monkeypatch, interrupted)
    code, out, err = run_cli("split", "songs", "-o", "out", "--json", "--workers", "0")
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["state"], facts["songs_done"]) == (130, "interrupted", 3)
    assert "midiprism split songs -o out" in err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    code, out, _ = run_cli("split", "songs", "-o", "out", "--json", "--workers", "0")
    assert (code, json.loads(out.splitlines()[-1])["songs_done"]) == (0, 6)


def test_a_second_ctrl_c_stops_at_once_and_loses_nothing(
    run_cli: Run, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_data: bytes) -> SplitSong:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return pytest.fail("it went on")

    use_splitter(monkeypatch, interrupted)
    assert run_cli("split", "songs", "-o", "out", "--workers", "0")[0] == 130
    use_splitter(monkeypatch, fake_split)
    assert run_cli("split", "songs", "-o", "out")[0] == 0


def test_list_shows_a_table(run_cli: Run, songs: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    code, out, _ = run_cli("list", "out")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["song", "track", "name", "instrument", "notes", "length"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "a", "b/c", "b/c"]


@pytest.mark.parametrize(
    ("filters", "track_count"),
    [
        (["--instrument", "BASS"], 2),
        (["--family", "drums"], 1),
        (["--song", "b/"], 2),
        (["--name", "hand"], 1),
        (["--notes", "100.."], 1),
        (["--notes", "..10"], 3),
        (["--notes", "10"], 3),
        (["--channel", "10"], 1),
        (["--limit", "2"], 2),
        (["--song", "b/", "--instrument", "bass"], 1),
    ],
)
def test_list_filters(run_cli: Run, songs: Path, filters: list[str], track_count: int) -> None:
    run_cli("split", "songs", "-o", "out")
    code, out, _ = run_cli("list", "out", "--json", *filters)
    assert (code, len(out.splitlines())) == (0, track_count)


def test_list_json_counts_tracks_and_channels_from_1(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    facts = json.loads(run_cli("list", "out", "--json", "--channel", "10")[1])
    assert (facts["song"], facts["track"], facts["channel"], facts["family"]) == ("b/c", 2, 10, "Drums")
    assert facts["song_path"] == str(tmp_path / "songs/b/c.kar")
    assert (tmp_path / "out" / facts["path"]).is_file()


def test_list_paths_can_be_used_in_a_shell(run_cli: Run, songs: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    code, out, _ = run_cli("list", "out", "--paths")
    assert code == 0
    assert all(os.path.isfile(line) for line in out.splitlines())
    null = run_cli("list", "out", "-0", "--name", "hand")[1]
    assert null.endswith("\0")
    assert os.path.isfile(null[:-1])


def test_a_reader_that_closes_the_pipe_early_is_no_error(songs: Path, run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / "songs", {"many.mid": fake_song(*(BASS + "n" * n for n in range(3_000)))})
    run_cli("split", "songs", "-o", "out")
    command = [sys.executable, "-m", "midiprism", "list", "out", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_list_without_a_match_prints_a_message(run_cli: Run, songs: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    assert run_cli("list", "out", "--name", "%") == (0, "", "midiprism: No track matches.\n")


def test_a_long_table_is_cut_with_a_message(run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / "songs", {"a.mid": fake_song(*(BASS + str(n) for n in range(201)))})
    run_cli("split", "songs", "-o", "out")
    _, out, err = run_cli("list", "out")
    assert (len(out.splitlines()), "first 200" in err) == (201, True)
    assert run_cli("list", "out", "--limit", "3")[2] == ""


@pytest.mark.parametrize("notes", ["", "..", "x", "1..2..3", "-5", "٣", "40..20", "1.5..1.4"])
def test_an_invalid_range_exits_2(run_cli: Run, songs: Path, notes: str) -> None:
    run_cli("split", "songs", "-o", "out")
    assert run_cli("list", "out", "--notes", notes)[0] == 2


def test_hostile_names_are_printed_and_exported_safely(run_cli: Run, tmp_path: Path) -> None:
    evil = f"Bass;Slap Bass 1;{HOSTILE_NAME.replace(chr(10), '')};x"
    write_files(tmp_path / "songs", {f"{HOSTILE_NAME}.mid": fake_song(evil)})
    assert run_cli("split", "songs", "-o", "out")[0] == 0
    assert "\\x1b[31m[bold]" in run_cli("list", "out")[1]
    assert run_cli("list", "out", "--json")[0] == 0
    assert run_cli("export", "out", "--to", "to")[0] == 0
    (path,) = set(read_tree(tmp_path / "to")) - {"midiprism.json", ".midiprism.lock", RECORD_FILE}
    assert path == "_[31m[bold]evil line/01 _[31m[bold]evilline (Slap Bass 1).mid"


def test_export_prints_what_it_did(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    code, out, _ = run_cli("export", "out", "--to", "to", "--by", "instrument", "--instrument", "bass")
    assert (code, "Wrote 2 files" in out) == (0, True)
    code, out, _ = run_cli(
        "export", "out", "--to", "to", "--by", "instrument", "--instrument", "bass", "--json"
    )
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["files_new"], facts["files_kept"]) == (0, 0, 2)
    assert run_cli("export", "out", "--to", "dry", "--dry-run", "--quiet") == (0, "", "")
    assert not (tmp_path / "dry").exists()


def test_export_reports_files_that_it_did_not_change(run_cli: Run, songs: Path, tmp_path: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    write_files(tmp_path / "to", {"a/01 Right Hand (Acoustic Grand Piano).mid": b"mine"})
    code, _, err = run_cli("export", "out", "--to", "to")
    assert (code, "01 Right Hand (Acoustic Grand Piano).mid: It is there with other content" in err) == (
        1,
        True,
    )


def test_export_says_how_many_files_are_of_songs_that_are_gone(run_cli: Run, songs: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    assert "left here" not in run_cli("export", "out", "--to", "to")[1]
    (songs / "a.mid").rename(songs / "renamed.mid")
    run_cli("split", "songs", "-o", "out")
    files = "2 files of songs that are gone, renamed or changed"
    assert f"{files} left here; --prune removes them.\n" in run_cli("export", "out", "--to", "to")[1]
    pruned = run_cli("export", "out", "--to", "to", "--prune", "--dry-run")[1]
    assert f"Would remove {files}.\n" in pruned
    assert f"Removed {files}.\n" in run_cli("export", "out", "--to", "to", "--prune")[1]
    facts = json.loads(run_cli("export", "out", "--to", "to", "--json")[1])
    assert (facts["files_outdated"], facts["files_pruned"]) == (0, 0)


@pytest.mark.parametrize("options", [[], ["--store", "parquet"]])
def test_tracks_that_were_lost_are_noticed_with_the_command_that_restores_them(
    run_cli: Run, songs: Path, options: list[str]
) -> None:
    split = "split", "songs", "-o", "out", *options
    run_cli(*split)
    shutil.rmtree("out/tracks")
    code, shown, _ = run_cli(*split)
    assert (code, "Nothing to do" in shown) == (1, False)
    assert shown.startswith("No new song: ")
    assert "Tracks of the result are lost, such as tracks/" in shown
    assert "\n  midiprism verify out --repair\n" in shown
    assert "`midiprism verify out --repair`" in run_cli(*split, "--quiet")[2]
    code, _, error = run_cli("export", "out", "--to", "to")
    assert (code, "are lost or damaged in the result: `midiprism verify out --repair`." in error) == (1, True)


def test_an_export_template_with_an_unknown_field_exits_2(run_cli: Run, songs: Path) -> None:
    run_cli("split", "songs", "-o", "out")
    code, _, err = run_cli("export", "out", "--to", "to", "--by", "{artist}")
    assert (code, "{song_path}" in err) == (2, True)


@pytest.mark.parametrize("command", [["list", "songs"], ["export", "songs", "--to", "to"]])
def test_a_folder_without_a_result_exits_2(run_cli: Run, songs: Path, command: list[str]) -> None:
    assert run_cli(*command)[0] == 2


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_export_in_order(
    run_cli: Run, songs: Path, monkeypatch: pytest.MonkeyPatch, number: int, exit_code: int
) -> None:
    from midiprism.export.materialize import Materializer

    run_cli("split", "songs", "-o", "out")
    materialize = Materializer.materialize

    def interrupt_and_materialize(*arguments: object) -> object:
        os.kill(os.getpid(), number)
        return materialize(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Materializer, "materialize", interrupt_and_materialize)
        code, out, _ = run_cli("export", "out", "--to", "to", "--json")
    assert (code, json.loads(out.splitlines()[-1])["files_new"]) == (exit_code, 1)
    assert run_cli("export", "out", "--to", "to")[0] == 0

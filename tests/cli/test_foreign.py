"""Tests of ``midiprism catalog check`` and ``midiprism audit``: their arguments and output."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import midiprism
from midiprism.adopt.audit_report import AuditProgress
from midiprism.cli.render.audit_text import format_progress
from support.midi_writer import note, song, track
from support.owner_library import OwnerLibrary, read_only_role
from support.postgres import PostgresServer

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil"
SONG = song(track(note(0, 60, 0, 96)), track(note(1, 40, 0, 96)))
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def owner_library(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnerLibrary:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("MIDIPRISM_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return OwnerLibrary.create(postgres, tmp_path / "lib")


@pytest.fixture
def damaged_library(owner_library: OwnerLibrary) -> OwnerLibrary:
    """Return a library with a track at the wrong time and a track without a file; their names are hostile."""
    song_id = owner_library.add_song(f"{HOSTILE_NAME}.mid", SONG)
    owner_library.add_track(
        song_id, 0, f"late {HOSTILE_NAME}.mid", song(track(note(0, 60, 96, 96)), midi_format=0)
    )
    owner_library.add_track(song_id, 1, f"gone {HOSTILE_NAME}.mid", b"x")
    (owner_library.folder / f"gone {HOSTILE_NAME}.mid").unlink()
    return owner_library


def test_a_check_ends_with_the_command_to_run_next(run_cli: Run, owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", SONG)
    rule = f"{owner_library.folder}={owner_library.folder}"
    options = ["--database", owner_library.url, "--path-map", rule]
    code, out, err = run_cli("catalog", "check", *options, "-o", "my out")
    assert (code, err) == (0, "")
    assert ": midiprism can adopt this library\n" in out
    assert "  songs                   1  of them with several tracks (num_tracks > 1)\n" in out
    assert "  content_hash            1  compared; each is the BLAKE3 of its song\n" in out
    command = out.splitlines()[-2]
    assert shlex.split(command) == ["midiprism", "split", "--adopt", *options, "-o", "my out"]
    code, out, err = run_cli("catalog", "check", *options, "--json")
    facts = json.loads(out)
    assert (code, facts["ok"], facts["counts"]["songs"]) == (0, True, 1)
    assert shlex.split(facts["to_go_on"])[-1] == "OUT"
    assert "can adopt" in err
    assert run_cli("catalog", "check", *options, "--quiet") == (0, "", "")


def test_a_check_names_the_obstacles(run_cli: Run, damaged_library: OwnerLibrary) -> None:
    damaged_library.add_song(f"{HOSTILE_NAME} changed.mid", b"song", b"h" * 32)
    code, out, _ = run_cli("catalog", "check", "--database", damaged_library.url)
    assert code == 1
    assert "midiprism cannot adopt this library as it is\n" in out
    assert "Obstacles:\n  content_hash is not the BLAKE3 of 1 of 2 songs, such as " in out
    assert "tracks                  2  looked up; 1 of them missing\n" in out
    assert "Once these are removed, adopt it with:\n" in out
    assert "gone \\x1b[31m[bold]\\u202eevil.mid\n" in out
    assert "--path-map OLD=NEW gives their new folder" in out
    code, out, _ = run_cli("catalog", "check", "--database", damaged_library.url, "--json", "--quiet")
    facts = json.loads(out)
    assert (code, facts["ok"], facts["content_hash"]["mismatched"]) == (1, False, 1)


def test_a_check_names_missing_tables(run_cli: Run, postgres: PostgresServer) -> None:
    code, out, _ = run_cli("catalog", "check", "--database", postgres.new_database())
    assert code == 1
    assert "There is no table files that this role's search path leads to." in out
    assert "adopt it" not in out


def test_hostile_names_of_columns_and_triggers_are_escaped(
    run_cli: Run, postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", SONG)
    postgres.psql(
        owner_library.url,
        f'ALTER TABLE files ADD "{HOSTILE_NAME}" text;'
        f'ALTER TABLE files ADD "must {HOSTILE_NAME}" text NOT NULL DEFAULT 1;'
        f'ALTER TABLE files ALTER "must {HOSTILE_NAME}" DROP DEFAULT;'
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        f'CREATE TRIGGER "{HOSTILE_NAME}" BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION nothing()',
    )
    code, out, _ = run_cli("catalog", "check", "--database", owner_library.url)
    assert code == 1
    assert out.count("\\x1b[31m[bold]\\u202eevil") == 4


def test_no_password_is_shown(
    run_cli: Run, postgres: PostgresServer, damaged_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only_role(postgres, damaged_library.url) as url:
        monkeypatch.setenv("MIDIPRISM_DATABASE_URL", url)
        for arguments in (
            ("catalog", "check"),
            ("catalog", "check", "--json"),
            ("audit",),
            ("audit", "--json"),
        ):
            code, out, err = run_cli(*arguments)
            assert code == 1
            assert "onlooker@127.0.0.1" in out + err
            assert "cret" not in out + err
        assert "\n  midiprism split --adopt -o OUT\n" in run_cli("catalog", "check")[1]
        code, out, err = run_cli("audit", "--database", url)
        assert (code, out) == (2, "")
        assert "cret" not in err


def test_an_audit_lists_its_findings(run_cli: Run, damaged_library: OwnerLibrary) -> None:
    code, out, err = run_cli("audit", "--database", damaged_library.url)
    assert (code, err) == (1, "")
    assert ": not every track is correct\n" in out
    assert "wrong time              1  tracks whose notes play at the wrong time: 100.00 % of those" in out
    assert "late \\x1b[31m[bold]\\u202eevil.mid, track 0 of " in out
    assert "Its notes begin up to 0.100 s too late." in out
    assert "missing                 1  tracks whose file is missing\n" in out
    code, out, err = run_cli(
        "audit", "--database", damaged_library.url, "--json", "--seed", "4", "--sample", "100%"
    )
    facts = json.loads(out)
    assert "not every track" in err
    assert (code, facts["ok"], facts["seed"], facts["sample_percent"]) == (1, False, 4, 100)
    assert facts["wrong_time_share"] == 1
    (example,) = facts["findings"]["wrong_time"]["examples"]
    assert example["path"] == str(damaged_library.folder / f"late {HOSTILE_NAME}.mid")
    assert example["track_number"] == 0
    assert run_cli("audit", "--database", damaged_library.url, "--quiet") == (1, "", "")


def test_an_audit_lists_all_findings_only_if_verbose(run_cli: Run, owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    for number in range(8):
        owner_library.add_track(song, number, f"noise {number}.mid", b"noise %d" % number)
    few = run_cli("audit", "--database", owner_library.url)[1]
    assert (few.count("/noise "), "and 3 more\n" in few) == (5, True)
    assert run_cli("audit", "--database", owner_library.url, "--verbose")[1].count("/noise ") == 8


def test_an_audit_of_correct_tracks_reports_only_missing_links(
    run_cli: Run, owner_library: OwnerLibrary
) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    for part in midiprism.split(SONG, by="track").tracks:
        owner_library.add_track(song_id, part.track_number, f"{part.track_number}.mid", part.data)
    code, out, _ = run_cli("audit", "--database", owner_library.url)
    assert code == 0
    assert ": every track is correct\n" in out
    other = song(track(note(0, 61, 0, 96)), track(note(1, 41, 0, 96)))
    owner_library.add_track(
        owner_library.add_song("b.mid", other), 0, "b 0.mid", midiprism.split(other).tracks[0].data
    )
    code, out, _ = run_cli("audit", "--database", owner_library.url)
    assert code == 1
    assert ": every track is correct, and not every track is linked\n" in out
    assert "not linked              1  tracks of a song that no link of the song leads to, of 4\n" in out


def test_an_audit_of_a_library_without_tracks_succeeds(run_cli: Run, owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", SONG)
    code, out, _ = run_cli("audit", "--database", owner_library.url)
    assert code == 0
    assert ": no song of this library has been split\n" in out


@pytest.mark.parametrize("command", [("audit",), ("catalog", "check")])
def test_invalid_arguments_are_refused(
    run_cli: Run, owner_library: OwnerLibrary, command: tuple[str, ...]
) -> None:
    code, _, err = run_cli(*command)
    assert code == 2
    assert "Name the library's database: --database URL, or MIDIPRISM_DATABASE_URL." in err
    code, _, err = run_cli(*command, "--database", owner_library.url, "--path-map", "nonsense")
    assert code == 2
    assert "is not OLD=NEW" in err


def test_a_sample_must_be_a_percentage(run_cli: Run, owner_library: OwnerLibrary) -> None:
    code, _, err = run_cli("audit", "--database", owner_library.url, "--sample", "0%")
    assert code == 2
    assert "--sample 0% is not a percentage" in err


def test_progress_counts_songs_and_tracks() -> None:
    assert format_progress(AuditProgress(50, 200, 321, 12, 1.0)) == (
        "songs: 50 of 200, 25 %, 321 tracks compared, 12 at the wrong time"
    )

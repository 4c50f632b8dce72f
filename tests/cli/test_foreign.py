"""``midiprism catalog check`` and ``midiprism audit``, as they are typed and read."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

import midiprism
from midiprism.adopt.audit_report import AuditProgress
from midiprism.cli.app import catalog_app
from midiprism.cli.render.audit_text import format_progress
from support.midi_writer import note, song, track
from support.owner_library import OwnerLibrary, read_only_role
from support.postgres import PostgresServer

EVIL = "\x1b[31m[bold]\u202eevil"
SONG = song(track(note(0, 60, 0, 96)), track(note(1, 40, 0, 96)))
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def owned(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnerLibrary:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("MIDIPRISM_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return OwnerLibrary.create(postgres, tmp_path / "lib")


@pytest.fixture
def bad(owned: OwnerLibrary) -> OwnerLibrary:
    """One song with a split at the wrong time, and one that is gone; their names are hostile."""
    song_id = owned.add_song(f"{EVIL}.mid", SONG)
    owned.add_track(song_id, 0, f"late {EVIL}.mid", song(track(note(0, 60, 96, 96)), midi_format=0))
    owned.add_track(song_id, 1, f"gone {EVIL}.mid", b"x")
    (owned.folder / f"gone {EVIL}.mid").unlink()
    return owned


def test_a_check_ends_with_the_command_to_go_on_with(run: Run, owned: OwnerLibrary) -> None:
    owned.add_song("a.mid", SONG)
    rule = f"{owned.folder}={owned.folder}"
    options = ["--database", owned.url, "--path-map", rule]
    code, out, err = run("catalog", "check", *options, "-o", "my out")
    assert (code, err) == (0, "")
    assert ": midiprism can adopt this library\n" in out
    assert "  songs                   1  of them with several tracks (num_tracks > 1)\n" in out
    assert "  content_hash            1  compared; each is the BLAKE3 of its song\n" in out
    command = out.splitlines()[-2]
    assert shlex.split(command) == ["midiprism", "split", "--adopt", *options, "-o", "my out"]
    code, out, err = run("catalog", "check", *options, "--json")
    facts = json.loads(out)
    assert (code, facts["ok"], facts["counts"]["songs"]) == (0, True, 1)
    assert shlex.split(facts["to_go_on"])[-1] == "OUT"
    assert "can adopt" in err
    assert run("catalog", "check", *options, "--quiet") == (0, "", "")


def test_a_check_names_what_is_in_the_way(run: Run, bad: OwnerLibrary) -> None:
    bad.add_song(f"{EVIL} changed.mid", b"song", b"h" * 32)
    code, out, _ = run("catalog", "check", "--database", bad.url)
    assert code == 1
    assert "midiprism cannot adopt this library as it is\n" in out
    assert "Obstacles:\n  content_hash is not the BLAKE3 of 1 of 2 songs, such as " in out
    assert "splits                  2  looked up; 1 of them missing\n" in out
    assert "Once these are removed, adopt it with:\n" in out
    assert "gone \\x1b[31m[bold]\\u202eevil.mid\n" in out
    assert "--path-map OLD=NEW gives their new folder" in out
    code, out, _ = run("catalog", "check", "--database", bad.url, "--json", "--quiet")
    facts = json.loads(out)
    assert (code, facts["ok"], facts["content_hash"]["wrong"]) == (1, False, 1)


def test_a_check_names_what_a_database_lacks(run: Run, postgres: PostgresServer) -> None:
    code, out, _ = run("catalog", "check", "--database", postgres.new_database())
    assert code == 1
    assert "There is no table files that this role's search path leads to." in out
    assert "adopt it" not in out


def test_hostile_names_of_columns_and_triggers_stay_text(
    run: Run, postgres: PostgresServer, owned: OwnerLibrary
) -> None:
    owned.add_song("a.mid", SONG)
    postgres.psql(
        owned.url,
        f'ALTER TABLE files ADD "{EVIL}" text; ALTER TABLE files ADD "must {EVIL}" text NOT NULL DEFAULT 1;'
        f'ALTER TABLE files ALTER "must {EVIL}" DROP DEFAULT;'
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        f'CREATE TRIGGER "{EVIL}" BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION nothing()',
    )
    code, out, _ = run("catalog", "check", "--database", owned.url)
    assert code == 1
    assert out.count("\\x1b[31m[bold]\\u202eevil") == 4


def test_no_password_is_shown(
    run: Run, postgres: PostgresServer, bad: OwnerLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only_role(postgres, bad.url) as url:
        monkeypatch.setenv("MIDIPRISM_DATABASE_URL", url)
        for arguments in (
            ("catalog", "check"),
            ("catalog", "check", "--json"),
            ("audit",),
            ("audit", "--json"),
        ):
            code, out, err = run(*arguments)
            assert code == 1
            assert "onlooker@127.0.0.1" in out + err
            assert "cret" not in out + err
        assert "\n  midiprism split --adopt -o OUT\n" in run("catalog", "check")[1]
        code, out, err = run("audit", "--database", url)
        assert (code, out) == (2, "")
        assert "cret" not in err


def test_an_audit_names_what_it_finds(run: Run, bad: OwnerLibrary) -> None:
    code, out, err = run("audit", "--database", bad.url)
    assert (code, err) == (1, "")
    assert ": not every split is right\n" in out
    assert "wrong time              1  splits whose notes play at the wrong time: 100.00 % of those" in out
    assert "late \\x1b[31m[bold]\\u202eevil.mid, track 0 of " in out
    assert "Its notes begin up to 0.100 s too late." in out
    assert "missing                 1  splits whose file is not there\n" in out
    code, out, err = run("audit", "--database", bad.url, "--json", "--seed", "4", "--sample", "100%")
    facts = json.loads(out)
    assert "not every split" in err
    assert (code, facts["ok"], facts["seed"], facts["sample_percent"]) == (1, False, 4, 100)
    assert facts["wrong_time_share"] == 1
    (example,) = facts["findings"]["wrong_time"]["examples"]
    assert example["path"] == str(bad.folder / f"late {EVIL}.mid")
    assert example["track_number"] == 0
    assert run("audit", "--database", bad.url, "--quiet") == (1, "", "")


def test_an_audit_names_a_few_unless_asked_for_all(run: Run, owned: OwnerLibrary) -> None:
    song = owned.add_song("a.mid", SONG)
    for number in range(8):
        owned.add_track(song, number, f"noise {number}.mid", b"noise %d" % number)
    few = run("audit", "--database", owned.url)[1]
    assert (few.count("/noise "), "and 3 more\n" in few) == (5, True)
    assert run("audit", "--database", owned.url, "--verbose")[1].count("/noise ") == 8


def test_an_audit_of_right_splits_is_content(run: Run, owned: OwnerLibrary) -> None:
    song_id = owned.add_song("a.mid", SONG)
    for part in midiprism.split(SONG, by="track").tracks:
        owned.add_track(song_id, part.track_number, f"{part.track_number}.mid", part.data)
    code, out, _ = run("audit", "--database", owned.url)
    assert code == 0
    assert ": every split is right\n" in out
    other = song(track(note(0, 61, 0, 96)), track(note(1, 41, 0, 96)))
    owned.add_track(owned.add_song("b.mid", other), 0, "b 0.mid", midiprism.split(other).tracks[0].data)
    code, out, _ = run("audit", "--database", owned.url)
    assert code == 1
    assert ": every split is right, and not every track is linked\n" in out
    assert "never linked            1  contents of tracks that no link of their song leads to, of 4\n" in out


def test_an_audit_without_splits_says_so(run: Run, owned: OwnerLibrary) -> None:
    owned.add_song("a.mid", SONG)
    code, out, _ = run("audit", "--database", owned.url)
    assert code == 0
    assert ": no song of this library has splits\n" in out


@pytest.mark.parametrize("command", [("audit",), ("catalog", "check")])
def test_what_cannot_be_followed_is_refused(run: Run, owned: OwnerLibrary, command: tuple[str, ...]) -> None:
    code, _, err = run(*command)
    assert code == 2
    assert "Name the library's database: --database URL, or MIDIPRISM_DATABASE_URL." in err
    code, _, err = run(*command, "--database", owned.url, "--path-map", "nonsense")
    assert code == 2
    assert "is not OLD=NEW" in err


def test_a_sample_must_be_a_share(run: Run, owned: OwnerLibrary) -> None:
    code, _, err = run("audit", "--database", owned.url, "--sample", "0%")
    assert code == 2
    assert "--sample 0% is not a percentage" in err


def test_progress_says_how_far_it_is() -> None:
    assert format_progress(AuditProgress(50, 200, 321, 12, 1.0)) == (
        "songs: 50 of 200, 25 %, 321 splits compared, 12 at the wrong time"
    )


def test_every_option_of_a_check_is_documented() -> None:
    docs = Path(__file__).parents[2] / "docs" / "commands.md"
    _, _, section = docs.read_text(encoding="utf-8").partition("\n### midiprism catalog check\n")
    section = section.partition("\n## ")[0].partition("\n### ")[0]
    command = get_command(catalog_app).commands["check"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"--out", "--database", "--path-map", "--json"} < options
    assert [name for name in options if name not in ("-h", "--help") and f"`{name}" not in section] == []

"""``midiprism split`` and ``midiprism work`` with URLs of object storage."""

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli.commands.split_options import EngineChoice
from midiprism.generations.engines import ENGINES
from midiprism.generations.result import open_or_create_result
from midiprism.generations.run import split_to_storage
from midiprism.objects import open_storage
from midiprism.optional_packages import OPTIONAL_PACKAGES
from midiprism.results.identity import RequestedIdentity
from midiprism.smf.types import CONTRACT_VERSION
from support.generation_results import OLDER_CONTRACT, older_parts, options, parts
from support.object_stores import KilledError
from support.sample_songs import FEW, sample_songs

Run = Callable[..., tuple[int, str, str]]


def test_songs_are_split_and_the_result_is_counted(run_cli: Run, songs: str, lake: str) -> None:
    code, output, _ = run_cli("split", songs, "-o", lake, "--workers", "0")
    assert code == 1  # one song failed
    assert f"Done: 4 songs split into {lake}, generation 1." in output
    assert "corrupt" in output
    code, output, _ = run_cli("split", songs, "-o", lake, "--workers", "0", "--json")
    facts = json.loads(output.splitlines()[-1])
    assert (code, facts["generation"], facts["songs_planned"]) == (1, 1, 0)
    assert facts["outcomes"] == {"corrupt": 1, "split": 3}
    assert facts["songs_failed"] == 1


def test_archives_are_read_if_that_is_asked_for(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "my songs" / "more.zip", "w") as archive:
        archive.writestr("a.mid", sample_songs(FEW)[7].data)
    for options_of_run, expected in [((), 3), (("--archives",), 4)]:
        output = run_cli("split", songs, "-o", lake, "--workers", "0", "--json", *options_of_run)[1]
        assert json.loads(output.splitlines()[-1])["outcomes"] == {"corrupt": 1, "split": expected}


def test_what_limited_a_run_is_told(run_cli: Run, songs: str, lake: str) -> None:
    assert run_cli("analyze", lake)[0] == 1  # there is nothing yet
    run_cli("split", songs, "-o", lake, "--workers", "0")
    code, output, _ = run_cli("analyze", lake)
    assert code == 0
    assert "reading and splitting" in output
    assert "With so many machines it would take about: 1: " in output
    facts = json.loads(run_cli("analyze", lake, "--json")[1])
    assert [it["pass"] for it in facts["passes"]] == ["a", "b", "c"]
    assert "workers: facts of tracks" in output
    assert sum(facts["passes"][0]["task_shares"].values()) == pytest.approx(1, abs=0.01)
    code, _, error = run_cli("analyze", lake, "--html")
    assert code == 2
    assert "is not for results in object storage" in error


def test_a_worker_has_nothing_to_do_after_that(run_cli: Run, songs: str, lake: str) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    code, output, _ = run_cli("work", lake, "--source", songs)
    assert code == 0
    assert "Nothing is open" in output
    code, output, _ = run_cli("work", lake, "--source", songs, "--json", "-q")
    assert json.loads(output) == {"generation": None}


def test_a_worker_waits_for_a_run(
    run_cli: Run, songs: str, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def begin_a_run(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            with pytest.raises(KeyboardInterrupt):
                split_to_storage(songs, lake, options(), parts(on_progress=interrupt))

    def interrupt(_progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("midiprism.generations.work.time.sleep", begin_a_run)
    code, output, _ = run_cli("work", lake, "--source", songs, "--workers", "0", "--wait", "600")
    assert code == 1  # one song failed
    assert "Done: 4 songs split" in output
    assert waits == [2.0, 2.0]


def test_a_worker_that_waits_in_vain_says_so(run_cli: Run, songs: str, lake: str) -> None:
    code, _, errors = run_cli("work", lake, "--source", songs, "--wait", "0.1")
    assert code == 2
    assert "holds no midiprism result" in errors


def test_a_worker_finishes_what_a_run_began(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    def die(_progress: object) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        split_to_storage(songs, lake, options(), parts(on_progress=die))
    code, output, _ = run_cli("work", lake, "--source", f"{tmp_path.as_uri()}", "--workers", "0")
    assert code == 2
    code, output, _ = run_cli("work", lake, "--source", songs, "--workers", "0")
    assert code == 1
    assert "Done: 4 songs split" in output


def test_songs_of_an_earlier_contract_are_redone_on_request(run_cli: Run, songs: str, lake: str) -> None:
    split_to_storage(songs, lake, options(), older_parts())
    code, output, error = run_cli("split", songs, "-o", lake, "--workers", "0")
    assert code == 2
    assert f"{lake} was made by an earlier version of midiprism" in error
    assert "--redo splits its songs again" in error
    assert run_cli("split", songs, "-o", lake, "--dry-run")[0] == 2
    assert json.loads(run_cli("status", lake, "--json")[1])["contract"] == OLDER_CONTRACT
    code, output, _ = run_cli("split", songs, "-o", lake, "--redo", "--dry-run", "--json")
    assert json.loads(output.splitlines()[-1])["songs"] == 4
    code, output, error = run_cli("split", songs, "-o", lake, "--workers", "0", "--redo")
    assert code == 1  # one song failed
    assert f"Generation 2 splits 4 songs of {songs} by version {CONTRACT_VERSION} of the split" in error
    assert "generation 2." in output
    assert json.loads(run_cli("status", lake, "--json")[1])["contract"] == CONTRACT_VERSION
    facts = json.loads(run_cli("analyze", lake, "--json")[1])
    assert [it["pass"] for it in facts["passes"]] == ["a", "s", "t", "b", "c"]
    assert run_cli("verify", lake)[0] == 0
    assert "splits" not in run_cli("split", songs, "-o", lake, "--workers", "0", "--redo", "-q")[2]


def test_a_folder_and_a_url_do_not_mix(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    assert "give --out a URL" in run_cli("split", songs, "-o", tmp_path / "out")[2]
    assert "name one SOURCE by its URL" in run_cli("split", tmp_path / "my songs", "-o", lake)[2]


def test_a_source_that_is_not_there_is_not_made(run_cli: Run, lake: str, tmp_path: Path) -> None:
    code, _, error = run_cli("split", (tmp_path / "typo").as_uri(), "-o", lake)
    assert code == 1
    assert "there is no such object" in error
    assert os.listdir(tmp_path) == []


def test_commands_for_folders_name_the_url(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    for command in (["status", tmp_path / "lake"], ["split", tmp_path / "my songs", "-o", tmp_path / "lake"]):
        code, _, error = run_cli(*command)
        assert code == 2
        assert "is a result in object storage" in error


def test_secrets_in_a_url_are_refused_and_not_repeated(run_cli: Run) -> None:
    code, output, error = run_cli("split", "s3://lake/songs", "-o", "s3://key:hush@lake/out")
    assert code == 2
    assert "Credentials are taken from where the tools of the cloud have them" in error
    assert "hush" not in output + error


def test_status_and_verify_read_a_result(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    code, output, _ = run_cli("status", lake)
    assert code == 0
    assert f"{lake}: generation 1, 4 files with" in output
    code, output, _ = run_cli("status", lake, "--json")
    assert json.loads(output)["outcomes"] == {"corrupt": 1, "split": 3}
    assert json.loads(output)["open"] is None
    code, output, _ = run_cli("status", lake, "--failed")
    assert (code, output.split("\t")[::3]) == (0, ["corrupt", "bad.mid\n"])
    code, output, _ = run_cli("status", lake, "--failed", "--json")
    assert json.loads(output) == {
        "path": "bad.mid",
        "outcome": "corrupt",
        "code": "not_midi",
        "message": json.loads(output)["message"],
    }
    code, output, _ = run_cli("verify", lake)
    assert code == 0
    assert "is complete and undamaged: generation 1, 4 files and" in output
    next((tmp_path / "lake" / "links").iterdir()).unlink()
    code, output, _ = run_cli("verify", lake, "--json")
    assert code == 1
    assert json.loads(output.splitlines()[-1])["damage"][0]["message"] == "It is missing."
    code, output, _ = run_cli("verify", lake)
    assert code == 1
    assert "is damaged" in output


def test_status_shows_an_open_generation(run_cli: Run, songs: str, lake: str) -> None:
    def die(_progress: object) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        split_to_storage(songs, lake, options(), parts(on_progress=die))
    _, output, _ = run_cli("status", lake)
    assert "no generation is committed yet" in output
    assert "Generation 1 is open, with 4 songs:" in output
    assert "reading and splitting: 0 of 1 task" in output
    assert f"`midiprism work {lake} --source {songs}` continues it." in output
    _, output, _ = run_cli("status", lake, "--json")
    assert json.loads(output)["open"]["passes"]["b"] == {"done": 0, "tasks": 2}
    code, output, _ = run_cli("verify", lake)
    assert (code, "no generation that is committed" in output) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [["status", "--watch"], ["status", "--lost"], ["verify", "--repair"], ["verify", "--sample", "2%"]],
    ids=str,
)
def test_other_options_of_local_results_are_refused(run_cli: Run, lake: str, arguments: list[str]) -> None:
    command, *rest = arguments
    code, _, error = run_cli(command, lake, *rest)
    assert code == 2
    assert f"{rest[0]} is not for results in object storage" in error


def test_a_dry_run_states_requests_time_and_dollars_and_writes_nothing(
    run_cli: Run, songs: str, lake: str, tmp_path: Path
) -> None:
    code, output, _ = run_cli("split", songs, "-o", lake, "--dry-run", "--json")
    facts = json.loads(output.splitlines()[-1])
    assert (code, facts["songs"], facts["chunks"], facts["prefixes"]) == (0, 4, 1, 4)
    assert facts["total"]["gets"] > facts["songs"]
    assert [*facts["passes"]] == ["plan", "a", "b", "c", "commit"]
    assert [*facts["seconds_by_machines"]] == ["1", "10", "100"]
    assert facts["prices"]["put"] == 0.005
    code, output, _ = run_cli(
        "split", songs, "-o", lake, "--dry-run", "--prices", "get=2,put=0,list=0,head=0"
    )
    assert code == 0
    assert "4 songs in" in output
    assert "Nothing is written" in output
    assert "at the prices of --prices" in output
    assert not (tmp_path / "lake").exists()


def test_a_run_states_what_it_used(run_cli: Run, songs: str, lake: str) -> None:
    code, output, error = run_cli(
        "split", songs, "-o", lake, "--workers", "0", "--json", "--prices", "core=36"
    )
    facts = json.loads(output.splitlines()[-1])
    assert "Used: " in error
    assert facts["usage"]["gets"] > 4
    assert facts["dollars"]["cores"] == pytest.approx(facts["usage"]["core_seconds"] / 100, abs=0.001)
    code, output, _ = run_cli("split", songs, "-o", lake, "--dry-run")
    assert code == 0
    assert output.startswith("0 songs in 0 bytes would be split")


def test_prices_are_for_object_storage(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    code, _, error = run_cli("split", songs, "-o", lake, "--prices", "gold=1")
    assert code == 2
    assert "states no prices: use put=DOLLARS" in error
    code, _, error = run_cli("split", tmp_path / "my songs", "-o", tmp_path / "out", "--prices", "put=1")
    assert code == 2
    assert "--prices is for results in object storage" in error


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_a_result_is_published(run_cli: Run, songs: str, lake: str, table_format: str) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    code, output, error = run_cli("publish", lake, "--as", table_format, "--json")
    facts = json.loads(output)
    assert code == 0
    assert [(it["table"], it["generation"], it["files"]) for it in facts["tables"]] == [
        ("tracks", 1, 1),
        ("links", 1, 1),
        ("songs", 1, 1),
    ]
    assert f"{facts['tables'][0]['location']}: generation 1, 1 file, " in error


def test_groups_of_songs_are_made_and_published(run_cli: Run, songs: str, lake: str) -> None:
    assert run_cli("groups", lake)[0] == 1  # there is nothing yet
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    assert "Without groups of songs: `midiprism groups`" in run_cli("publish", lake, "--as", "delta")[1]
    assert json.loads(run_cli("status", lake, "--json")[1])["groups"] is None
    code, output, _ = run_cli("groups", lake)
    assert (code, output) == (0, "Generation 1: 4 songs in 2 groups.\n")
    code, output, _ = run_cli("groups", lake, "--json", "-q")
    assert (code, json.loads(output)) == (0, {"generation": 1, "songs": 4, "groups": 2, "files": 1})
    output = run_cli("publish", lake, "--as", "delta")[1]
    assert "lake/groups: generation 1, 1 file, 4 rows" in output.replace("\n", " ")
    assert "Without groups" not in output
    assert "groups 2 of songs" in " ".join(run_cli("status", lake)[1].split())
    assert json.loads(run_cli("status", lake, "--json")[1])["groups"] == 2


def test_a_place_without_a_generation_cannot_be_published(run_cli: Run, tmp_path: Path, lake: str) -> None:
    code, _, error = run_cli("publish", lake, "--as", "delta")
    assert code == 1
    assert "there is no such object" in error
    open_or_create_result(open_storage(lake, make_folder=True), RequestedIdentity(), 4)
    code, _, error = run_cli("publish", lake, "--as", "delta")
    assert code == 2
    assert "has no committed generation yet" in error


@pytest.mark.parametrize(("package", "table_format"), [("deltalake", "delta"), ("pyiceberg", "iceberg")])
def test_a_package_that_publishing_needs_is_named(
    run_cli: Run, songs: str, lake: str, monkeypatch: pytest.MonkeyPatch, package: str, table_format: str
) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    code, _, error = run_cli("publish", lake, "--as", table_format)
    assert code == 2
    assert f"-m pip install '{OPTIONAL_PACKAGES[package]}'" in error


def test_a_sweep_says_what_it_removed(run_cli: Run, songs: str, lake: str, tmp_path: Path) -> None:
    run_cli("split", songs, "-o", lake, "--workers", "0", "-q")
    stray = tmp_path / "lake" / "tracks" / "stray.parquet"
    stray.write_bytes(b"12")
    assert run_cli("sweep", lake)[:2] == (0, "0 objects with 0 bytes removed.\n")
    assert run_cli("sweep", lake, "--forgotten")[:2] == (0, "0 objects with 0 bytes removed.\n")
    os.utime(stray, (1, 1))
    code, output, _ = run_cli("sweep", lake, "--json", "-q")
    assert (code, json.loads(output)) == (0, {"objects": 1, "bytes": 2})
    assert not stray.exists()
    assert "holds no midiprism result" in run_cli("sweep", (tmp_path / "my songs").as_uri())[2]
    assert not (tmp_path / "my songs" / "probes").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--address", "auto"], "--address is that of a Ray cluster: give --engine ray too"),
        (["--engine", "local", "--address", "auto"], "--address is that of a Ray cluster"),
        (["--engine", "dask"], "'dask' is not one of 'local', 'ray'"),
    ],
    ids=str,
)
def test_options_of_engines_that_do_not_fit_are_refused(
    run_cli: Run, songs: str, lake: str, arguments: list[str], reason: str
) -> None:
    code, _, error = run_cli("split", songs, "-o", lake, *arguments)
    assert code == 2
    assert reason in " ".join(error.split())


def test_folders_have_no_engine(run_cli: Run, songs: str, tmp_path: Path) -> None:
    code, _, error = run_cli("split", tmp_path / "my songs", "-o", tmp_path / "out", "--engine", "ray")
    assert code == 2
    assert "--engine and --address are for results in object storage" in error


def test_ray_that_is_missing_is_named(
    run_cli: Run, songs: str, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, error = run_cli("split", songs, "-o", lake, "--engine", "ray")
    assert code == 2
    assert "The engine ray needs the package ray" in error


def test_every_engine_can_be_chosen() -> None:
    assert {it.value for it in EngineChoice} == {*ENGINES}

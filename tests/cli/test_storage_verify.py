"""``midiprism verify`` with URLs of object storage: its engines, workers and progress."""

from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli.render.check_progress import CheckDisplay, ShownCheck, format_check_progress
from midiprism.generations.run import split_to_storage
from midiprism.generations.verify import CheckProgress
from support.generation_results import options, parts, some_songs, source_with

Run = Callable[..., tuple[int, str, str]]


def test_a_check_is_made_by_the_workers_and_the_engine_that_are_named(run_cli: Run, tmp_path: Path) -> None:
    lake = (tmp_path / "lake").as_uri()
    split_to_storage(source_with(some_songs(3, broken=1)), lake, options(), parts())
    reports = [
        run_cli("verify", lake, "--json", *more) for more in ([], ["--workers", "1"], ["--engine", "local"])
    ]
    assert reports[0][0] == 0
    assert len({output.splitlines()[-1] for _, output, _ in reports}) == 1
    code, _, error = run_cli("verify", lake, "--address", "auto")
    assert (code, "--address is that of a Ray cluster" in error) == (2, True)
    code, _, error = run_cli("verify", lake, "--workers", "some")
    assert (code, "--workers" in error) == (2, True)


@pytest.mark.parametrize("option", [["--engine", "ray"], ["--address", "auto"], ["--workers", "2"]], ids=str)
def test_a_check_of_a_folder_takes_no_engine(run_cli: Run, tmp_path: Path, option: list[str]) -> None:
    code, _, error = run_cli("verify", str(tmp_path), *option)
    assert code == 2
    assert "--engine, --address and --workers are for results in object storage: leave them out." in error


def test_progress_of_a_check_is_shown_in_words() -> None:
    shown: list[ShownCheck] = []

    class Bar:
        def __call__(self, progress: ShownCheck) -> None:
            shown.append(progress)

        def show_compiling(self, seconds: float) -> None:
            pass

    display = CheckDisplay(Bar())
    display.show(CheckProgress("files", 0, 3))
    for _ in range(4):
        display.add_files(1)
    display.show(CheckProgress("digests", 1, 2))
    assert [format_check_progress(it) for it in shown[-2:]] == [
        "3 of 3 files",
        "Comparing digests: 1 of 2 tasks",
    ]


def test_verify_says_what_to_do_with_damaged_groups(run_cli: Run, tmp_path: Path) -> None:
    lake = (tmp_path / "lake").as_uri()
    split_to_storage(source_with(some_songs(3, broken=1)), lake, options(), parts())
    assert run_cli("groups", lake, "-q")[0] == 0
    next((tmp_path / "lake" / "groups").glob("*.parquet")).unlink()
    code, output, _ = run_cli("verify", lake)
    assert code == 1
    assert output.endswith(
        f"It is missing.\nRemove {lake}/groups/000001.json, and make the groups of songs again:\n"
        f"  midiprism groups {lake}\n"
    )

"""Tests of counts on the command line: of all tracks or those of a query, as a table and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.search.index.generation import index_folder, remove_index

Run = Callable[..., tuple[int, str, str]]


def facets(run_cli: Run, *arguments: object) -> dict[str, list[dict[str, object]]]:
    code, shown, _ = run_cli("list", *arguments, "--facets", "--json")
    assert code == 0
    found = [json.loads(line) for line in shown.splitlines()]
    return {facet["field"]: facet["counts"] for facet in found}


def test_the_usual_fields_are_counted(run_cli: Run, out: Path) -> None:
    counted = facets(run_cli, out)
    assert {"family", "role", "key", "meter", "bpm", "length_seconds", "source"} <= counted.keys()
    assert counted["family"][0] == {"value": "Bass", "count": 2}
    assert sum(int(str(count["count"])) for count in counted["bpm"]) == 4
    assert "from" in counted["length_seconds"][0]


def test_a_query_restricts_what_is_counted(run_cli: Run, out: Path) -> None:
    assert facets(run_cli, out, "bass", "--columns=family") == {"family": [{"value": "Bass", "count": 2}]}
    assert facets(run_cli, out, "nothing", "--columns=family,notes") == {"family": [], "notes": []}


def test_channels_count_from_1(run_cli: Run, out: Path) -> None:
    counted = facets(run_cli, out, "drums", "--columns=channel")
    assert counted == {"channel": [{"value": 10, "count": 1}]}


def test_a_table_has_a_row_per_value(run_cli: Run, out: Path) -> None:
    code, shown, error = run_cli("list", out, "--facets", "--columns=family,bpm,key_signature")
    assert (code, error) == (0, "")
    rows = [line.split() for line in shown.splitlines()]
    assert rows[0] == ["field", "value", "tracks"]
    assert ["family", "Bass", "2"] in rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns=famly"], "famly cannot be counted: try family."),
        (["--columns=song"], "song cannot be counted"),
        (["--tsv"], "--facets counts all tracks that match"),
        (["--limit=3"], "--facets counts all tracks that match"),
    ],
)
def test_what_cannot_be_counted_is_an_error(
    run_cli: Run, out: Path, arguments: list[str], message: str
) -> None:
    code, shown, error = run_cli("list", out, "--facets", *arguments)
    assert (code, shown) == (2, "")
    assert message in error


def test_a_list_without_a_place_for_its_index_says_so(run_cli: Run, out: Path) -> None:
    remove_index(str(out))
    Path(index_folder(str(out))).write_text("in the way")
    code, shown, error = run_cli("list", out, "bass", "--paths")
    assert (code, shown.count("\n")) == (0, 2)
    assert "cannot be written" in error
    assert "in the way" not in run_cli("list", out, "bass", "--facets", "--quiet")[2]

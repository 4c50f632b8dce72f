"""Tests of searches over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from midiprism.api import open_result
from support.web_client import make_client, split, write_samples


def search(client: TestClient, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def places(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(row["song_id"], row["position"]) for row in rows]


def test_a_search_finds_what_the_python_interface_finds(client: TestClient, sample_result: Path) -> None:
    expected = [(row.song_name, row.position) for row in open_result(sample_result).find("family:bass")]
    found = search(client, q="family:bass")
    assert found["total"] == len(expected) > 3
    assert [(row["song"], row["position"]) for row in found["tracks"]] == expected[:50]


@pytest.mark.parametrize("query", ["", "sort:notes-", "notes:10.. sort:name"])
def test_pages_of_rows_join_to_the_whole_list(client: TestClient, query: str) -> None:
    whole = search(client, q=query, limit=200)
    pages = [
        search(client, q=query, offset=start, limit=7)["tracks"] for start in range(0, whole["total"], 7)
    ]
    assert len(whole["tracks"]) == min(200, whole["total"])
    assert places([row for page in pages for row in page])[:200] == places(whole["tracks"])


def test_only_the_counts_of_a_sorted_query_can_be_asked_for(client: TestClient) -> None:
    found = search(client, q="notes:1.. sort:notes-,name", limit=0)
    assert found["tracks"] == []
    assert {name: found[name] for name in ("total", "facets")} == {
        name: search(client, q="notes:1..")[name] for name in ("total", "facets")
    }


def test_the_term_of_each_count_finds_so_many_tracks(client: TestClient) -> None:
    for facet in search(client, q="notes:1..")["facets"]:
        for count in facet["counts"]:
            narrowed = search(client, q=f"notes:1.. {count['term']}", facets=0, limit=1)
            assert narrowed["total"] == count["count"], (facet["name"], count)


def test_chosen_fields_are_counted(client: TestClient) -> None:
    usual = {facet["name"]: facet for facet in search(client, q="notes:1..")["facets"]}
    (key, channel) = search(client, q="notes:1..", facets="key,channel")["facets"]
    assert key == usual["key"]
    assert channel["name"] == "channel"
    for count in channel["counts"]:
        narrowed = search(client, q=f"notes:1.. {count['term']}", facets=0, limit=1)
        assert narrowed["total"] == count["count"]
    assert client.get("/api/search", params={"facets": "song"}).status_code == 400


def test_an_error_in_a_query_has_its_place(client: TestClient) -> None:
    answer = client.get("/api/search", params={"q": "bass kye:Dm"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "key" in error["message"]
    assert "bass kye:Dm"[error["start"] : error["end"]] == "kye"


def test_a_search_that_finds_nothing_says_why(client: TestClient) -> None:
    answer = search(client, q="family:bass instrument:pianos")
    assert answer["total"] == 0
    assert "nothing matches `instrument:pianos`" in answer["hint"]
    assert "`instrument:piano`" in answer["hint"]
    assert search(client, q="family:bass")["hint"] is None


def test_facts_that_were_not_computed_are_a_hint(tmp_path: Path) -> None:
    out = split(write_samples(tmp_path / "songs", 2), tmp_path / "out", facts=False)
    answer = search(make_client(out), q="role:bass")
    assert "not computed yet" in answer["hint"]


@pytest.mark.parametrize("parameters", [{"limit": "201"}, {"offset": "-1"}, {"offset": "x"}, {"limit": "²"}])
def test_parameters_that_are_no_numbers_are_refused(client: TestClient, parameters: dict[str, str]) -> None:
    assert client.get("/api/search", params=parameters).status_code == 400


def test_a_result_that_is_gone_is_an_error_in_json(tmp_path: Path) -> None:
    answer = make_client(tmp_path / "nothing").get("/api/search")
    assert answer.status_code == 400
    assert "no midiprism result" in answer.json()["error"]["message"]

"""Tests of the rules for requests: hosts, tokens, origins, and what pages may load."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from midiprism.web.routes import API_ROUTES
from support.web_client import ADDRESS, TOKEN, change_headers, make_client

CHANGES = [route for route in API_ROUTES if route.method != "GET"]
PAGES = ("/", "/tracks/x", "/songs/1", "/collections", "/library", "/runs", "/runs/1")


@pytest.fixture
def local(sample_result: Path) -> Iterator[TestClient]:
    with make_client(sample_result) as client:
        yield client


@pytest.fixture
def public(sample_result: Path) -> Iterator[TestClient]:
    """A client of a server that other machines can reach."""
    with make_client(sample_result, host="0.0.0.0") as client:
        yield client


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::2]"])
def test_other_hosts_are_refused(local: TestClient, host: str) -> None:
    for path in ("/", "/api/search", "/static/nothing"):
        answer = local.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert "midiprism-token" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "localhost", "[::1]:8765", "LOCALHOST"])
def test_names_of_this_machine_are_let_in(local: TestClient, host: str) -> None:
    assert local.get("/api/search", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("route", CHANGES, ids=lambda route: f"{route.method} {route.path}")
def test_every_change_needs_the_token_and_an_origin_of_this_server(local: TestClient, route: object) -> None:
    path = route.path.replace("{", "").replace("}", "")  # type: ignore[attr-defined]
    method = route.method  # type: ignore[attr-defined]
    refused = [
        {},
        {"Origin": ADDRESS},
        {"X-Midiprism-Token": TOKEN},
        change_headers("http://evil.example"),
        change_headers("null"),
        change_headers("https://127.0.0.1:8765"),
        change_headers("http://127.0.0.1:9999"),
        {"X-Midiprism-Token": "wrong", "Origin": ADDRESS},
        {"X-Midiprism-Token": "", "Origin": ADDRESS},
        {"Cookie": f"midiprism-token={TOKEN}", "Origin": ADDRESS},
    ]
    for headers in refused:
        answer = local.request(method, path, headers=headers, json={"name": "x"})
        assert answer.status_code == 403, headers
    assert local.request(method, path, headers=change_headers(), json={}).status_code != 403


def test_a_token_in_any_bytes_is_refused(local: TestClient) -> None:
    headers = {b"X-Midiprism-Token": "tökén".encode(), b"Origin": ADDRESS.encode()}
    assert local.post("/api/collections", headers=headers).status_code == 403


def test_methods_that_no_request_has_are_refused(local: TestClient) -> None:
    assert local.put("/api/search", headers=change_headers()).status_code == 405
    assert local.post("/api/search", headers=change_headers()).status_code == 405


@pytest.mark.parametrize("path", [*PAGES, "/api/search", "/api/nothing", "/nothing"])
def test_every_answer_has_the_headers_that_bind_it_to_this_server(local: TestClient, path: str) -> None:
    headers = local.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_the_token_and_no_script_or_style_of_their_own(local: TestClient, path: str) -> None:
    text = local.get(path).text
    assert f'name="midiprism-token" content="{TOKEN}"' in text
    assert "<style" not in text
    assert " style=" not in text
    data = '<script type="application/json" id="first-answer">'  # which no browser runs
    assert text.count("<script") == len(re.findall(rf'<script type="module" src="/files/|{data}', text))


def test_the_address_of_a_page_is_never_part_of_its_markup(local: TestClient) -> None:
    answer = local.get('/songs/"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text


def test_where_other_machines_can_ask_reading_needs_the_token(public: TestClient) -> None:
    for path in ("/", "/api/search", "/static/x", "/api/openapi.json"):
        answer = public.get(path)
        assert answer.status_code == 403
        assert TOKEN not in answer.text
    assert public.get("/api/search", headers={"X-Midiprism-Token": TOKEN}).status_code == 200
    assert public.get("/api/search", headers={"Cookie": "midiprism-token=wrong"}).status_code == 403
    assert public.get("/api/search", headers={"Cookie": '"; =,;midiprism-token'}).status_code == 403


def test_the_token_in_an_address_becomes_a_cookie(public: TestClient) -> None:
    answer = public.get("/library", params={"token": TOKEN, "q": "a&b"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/library?q=a%26b"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert public.get("/api/search").status_code == 200
    assert public.get("/", params={"token": "wrong"}, headers={"Cookie": ""}).status_code in (200, 403)


def test_a_token_in_an_address_leads_to_no_other_host(public: TestClient) -> None:
    answer = public.get(f"{ADDRESS}//evil.example/x?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/evil.example")

"""Tests that the description of the API, its documentation and its routes agree."""

from pathlib import Path

from midiprism.web.openapi import openapi_document
from midiprism.web.routes import API_ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "web-api.md"


def test_every_request_is_described_once() -> None:
    described = [
        (method.upper(), path)
        for path, operations in openapi_document(API_ROUTES)["paths"].items()
        for method in operations
    ]
    assert sorted(described) == sorted((route.method, route.path) for route in API_ROUTES)


def test_every_part_of_a_path_is_a_parameter() -> None:
    for path, operations in openapi_document(API_ROUTES)["paths"].items():
        for operation in operations.values():
            named = {it["name"] for it in operation["parameters"] if it["in"] == "path"}
            assert named == {part.partition("}")[0] for part in path.split("{")[1:]}
            assert operation["summary"]


def test_every_request_and_its_parameters_are_documented() -> None:
    cells = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    rows = {cell[0].strip("| `").partition("?")[0]: " ".join(cell) for cell in cells}
    for route in API_ROUTES:
        row = rows[f"{route.method} {route.path}"]
        assert [name for name in (*route.parameters, *route.body) if name not in row] == []

"""The description of the API in OpenAPI 3.1, which derives from the table of requests."""

from collections.abc import Sequence
from typing import Any

from midiprism.web.routes import ApiRoute
from midiprism.web.security import TOKEN_HEADER

API_VERSION = "1"
"""Changes when an answer loses something."""


def openapi_document(routes: Sequence[ApiRoute]) -> dict[str, Any]:
    """Return the description of some requests."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "midiprism serve", "version": API_VERSION},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}},
        },
    }


_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": _TEXT,
                "hint": {"type": ["string", "null"]},
                "start": {"type": ["integer", "null"]},
                "end": {"type": ["integer", "null"]},
            },
        }
    },
}


def _operation(route: ApiRoute) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in route.path_parameters
    ]
    in_query = [
        {"name": name, "in": "query", "description": meaning, "schema": _TEXT}
        for name, meaning in route.parameters.items()
    ]
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "parameters": in_path + in_query,
        "responses": {
            "200": {"description": "The answer", "content": {route.answer: {}}},
            "default": {"description": "What is wrong", "content": error},
        },
    }
    if route.body:
        properties = {name: {"description": meaning} for name, meaning in route.body.items()}
        schema = {"type": "object", "properties": properties, "required": [*route.body]}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.method != "GET":
        operation["security"] = [{"token": []}]
    return operation

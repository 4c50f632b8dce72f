"""Help with queries while they are typed: errors, completions, and saved searches."""

from dataclasses import asdict

from starlette.requests import Request

from midiprism.search.complete_text import Counts, complete_text
from midiprism.search.errors import QueryError
from midiprism.search.parse_query import MAX_QUERY_LENGTH, parse_query
from midiprism.search.query import Query
from midiprism.search.saved_searches import SavedSearches, default_folder
from midiprism.web.api.parameters import json_object, served, text_value, whole_number
from midiprism.web.errors import NotFoundError
from midiprism.web.json_response import JsonResponse, error_content


def check(request: Request) -> JsonResponse:
    """Return what is wrong with a query; null for nothing."""
    try:
        parse_query(request.query_params.get("q", ""), SavedSearches(default_folder()))
    except QueryError as error:
        return JsonResponse(error_content(str(error), None, error.start, error.end))
    return JsonResponse({"error": None})


def complete(request: Request) -> JsonResponse:
    """Return what the word before a place in a query may become."""
    text = request.query_params.get("q", "")[:MAX_QUERY_LENGTH]
    at = min(whole_number(request, "at", len(text), MAX_QUERY_LENGTH), len(text))
    with served(request).snapshot() as snapshot:

        def counts_of(field: str) -> Counts:
            (facet,) = request.app.state.searches.facets(snapshot, Query(), [field])
            return {it.value: it.count for it in facet.counts if isinstance(it.value, str)}

        found = complete_text(text, at, counts_of)
    choices = [asdict(choice) for choice in found.choices]
    return JsonResponse({"start": found.start, "end": found.end, "choices": choices})


def saved(request: Request) -> JsonResponse:  # noqa: ARG001
    """Return the saved searches."""
    searches = SavedSearches(default_folder())
    return JsonResponse([{"name": name, "query": searches.read(name) or ""} for name in searches.names()])


def save(request: Request) -> JsonResponse:
    """Save a search, which has to be understood, in place of another one of that name."""
    content = json_object(request)
    name, query = text_value(content, "name", 64), text_value(content, "query", MAX_QUERY_LENGTH)
    searches = SavedSearches(default_folder())
    parsed = parse_query(query, searches)
    searches.save(name, str(parsed))
    return JsonResponse({"name": name.lower(), "query": str(parsed)}, 201)


def delete(request: Request) -> JsonResponse:
    """Delete a saved search."""
    name = request.path_params["name"]
    if not SavedSearches(default_folder()).delete(name):
        raise NotFoundError("There is no saved search of that name.")
    return JsonResponse({"deleted": name.lower()})

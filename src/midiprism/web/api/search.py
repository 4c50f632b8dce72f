"""Searches: rows of tracks with counts beside them."""

import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from midiprism.search.diagnosis import missing_facts_text, nothing_found_text
from midiprism.search.index.facets import DEFAULT_FACETS, Facet, FacetCount
from midiprism.search.like_terms import has_like_terms
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query, number_text, quote
from midiprism.search.query_fields import QUERY_FIELDS
from midiprism.search.saved_searches import SavedSearches, default_folder
from midiprism.web.api.parameters import MAX_ID, served, whole_number
from midiprism.web.api.pending import pending_response
from midiprism.web.json_response import JsonResponse
from midiprism.web.served_result import Snapshot
from midiprism.web.track_json import row_to_json

MAX_ROWS = 200
_DEFAULT_ROWS = 50
_MAX_FACETS = 20
_NEARLY_NOTHING = 0.01
_LABELS = {
    "family": "Instrument family",
    "role": "Role",
    "key": "Key",
    "meter": "Meter",
    "bpm": "Tempo",
    "length_bars": "Length in bars",
    "length_seconds": "Length in seconds",
    "source": "Source",
}


def query_of(request: Request) -> Query:
    """Return the query of a request, with the order that ``sort`` names.

    Raises:
        QueryError: it cannot be understood.
    """
    text = request.query_params.get("q", "")
    sort = request.query_params.get("sort", "")
    query = parse_query(text, SavedSearches(default_folder()))
    order = parse_query(" ".join(f"sort:{quote(name)}" for name in sort.split(",") if name))
    return Query(query.groups, order.sort or query.sort)


def search(request: Request) -> JsonResponse:
    """Return rows of the tracks that a query finds, how many there are, and the counts of some fields.

    While fingerprints are made that a ``like:`` needs, return how far that is, with status 202.
    """
    started = time.perf_counter()
    offset = whole_number(request, "offset", 0, MAX_ID)
    limit = whole_number(request, "limit", _DEFAULT_ROWS, MAX_ROWS)
    names = _facet_names(request.query_params.get("facets", "1"))
    query = query_of(request)
    with served(request).snapshot() as snapshot:
        if has_like_terms(query):
            pending = pending_response(request, snapshot)
            if pending is not None:
                return pending
            query = snapshot.with_like_tracks(query)
        content = _found(request, snapshot, query, names, offset, limit)
    return _answer(request, content, started)


def first_tracks(request: Request) -> JsonResponse | None:
    """Return what ``search`` does without parameters, or None if the index has to be refreshed first."""
    started = time.perf_counter()
    with served(request).snapshot_at_hand() as snapshot:
        if snapshot is None:
            return None
        content = _found(request, snapshot, Query(), DEFAULT_FACETS, 0, _DEFAULT_ROWS)
    return _answer(request, content, started)


def _found(
    request: Request, snapshot: Snapshot, query: Query, names: Sequence[str], offset: int, limit: int
) -> dict[str, Any]:
    """Return what a query finds in JSON: some rows, and the counts of the fields of some names."""
    searches = request.app.state.searches
    matches = searches.search(snapshot, query)
    facets = searches.facets(snapshot, query, names)
    rows = snapshot.rows(matches.window(offset, limit))
    return {
        "total": len(matches),
        "hint": _hint(snapshot, query, len(matches)),
        "offset": offset,
        "tracks": [row_to_json(row) for row in rows],
        "facets": [*map(facet_to_json, facets)],
    }


def _answer(request: Request, content: dict[str, Any], started: float) -> JsonResponse:
    """Return the response with what was found, once the memory that this took is given back."""
    request.app.state.memory.trim()
    return JsonResponse(content | {"took_ms": round((time.perf_counter() - started) * 1e3, 1)})


def _facet_names(text: str) -> Sequence[str]:
    """Return the fields to count: 0 for none, 1 for the usual ones, or their names."""
    if text in ("", "0"):
        return ()
    return DEFAULT_FACETS if text == "1" else text.split(",")[:_MAX_FACETS]


def _hint(snapshot: Snapshot, query: Query, total: int) -> str | None:
    """Return why less may be found than is expected; None for no reason."""
    missing = missing_facts_text(query, snapshot.index.missing_facts)
    if missing is not None:
        return f"{missing} `midiprism features` computes it."
    return None if total else nothing_found_text(query, lambda one: len(snapshot.search(one)) > 0)


def facet_to_json(facet: Facet) -> dict[str, Any]:
    """Return the counts of a field, each with the term of a query that keeps what it counts."""
    return {
        "name": facet.name,
        "label": _LABELS.get(facet.name, facet.name.replace("_", " ").capitalize()),
        "is_histogram": facet.is_histogram,
        "counts": [_count_to_json(facet, count) for count in facet.counts],
    }


def _count_to_json(facet: Facet, count: FacetCount) -> dict[str, Any]:
    is_range = facet.is_histogram and (count.value is not None or count.end is not None)
    value = count.value
    if not facet.is_histogram and isinstance(value, float):
        value += QUERY_FIELDS[facet.name].first  # as people count
    label, term = _range_texts(facet.name, count) if is_range else _value_texts(facet.name, value)
    return {
        "value": value,
        "end": count.end,
        "label": label,
        "count": count.count,
        "term": term,
    }


def _range_texts(name: str, count: FacetCount) -> tuple[str, str]:
    """Return the label and the term of a range, whose end belongs to the next one."""
    low, high = ("" if end is None else number_text(float(end)) for end in (count.value, count.end))
    label = f"{low} to {high}" if low and high else f"from {low}" if low else f"below {high}"
    if count.end is not None:
        step = 1 if QUERY_FIELDS[name].is_integer else _NEARLY_NOTHING
        high = number_text(round(float(count.end) - step, 2))
    return label, f"{name}:{low}..{high}"


def _value_texts(name: str, value: str | float | None) -> tuple[str, str]:
    if value is None:
        return "(none)", f"-has:{name}"
    if isinstance(value, str):
        exact = "=" if QUERY_FIELDS[name].kind == "text" else ""
        return value, f"{name}:{exact}{quote(value)}"
    return number_text(value), f"{name}:{number_text(value)}"

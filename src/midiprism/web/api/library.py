"""The library as a whole: how much it has, of what, and what failed."""

from starlette.requests import Request

from midiprism.results.status_json import status_to_json
from midiprism.search.query import Query
from midiprism.web.api.parameters import served
from midiprism.web.api.search import facet_to_json
from midiprism.web.json_response import JsonResponse

_FACETS = ("family", "role", "key", "meter", "bpm", "length_bars", "length_seconds", "notes", "source")


def library(request: Request) -> JsonResponse:
    """Return the totals of the library, its failures, and its tracks by the values of some fields."""
    result, state = served(request), request.app.state
    with result.snapshot() as snapshot:
        facets = state.searches.facets(snapshot, Query(), _FACETS)
        without_facts, _ = snapshot.index.missing_facts()
        content = status_to_json(state.status.read(snapshot))
    return JsonResponse(
        {
            "folder": result.folder,
            "identity": result.identity.as_dict(),
            "running": content["running"],
            "totals": content["totals"],
            "outcomes": content["outcomes"],
            "failures_by_code": content["failures_by_code"],
            "tracks_without_facts": without_facts,
            "facets": [*map(facet_to_json, facets)],
        }
    )

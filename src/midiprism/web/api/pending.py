"""The answer to a request that has to wait for fingerprints."""

from starlette.requests import Request

from midiprism.web.json_response import JsonResponse
from midiprism.web.served_result import Snapshot


def pending_response(request: Request, snapshot: Snapshot) -> JsonResponse | None:
    """Make the fingerprints that are missing; return how far that is, or None once they are there."""
    pending = request.app.state.fingerprints.bring_up_to_date(snapshot)
    return None if pending is None else JsonResponse(pending.as_json(), 202)

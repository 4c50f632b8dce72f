"""Runs: the one that is active, as it goes on, and the report on each."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from midiprism.advise.report.document import build_sections
from midiprism.advise.report.report import RunReport, analyze_run
from midiprism.advise.report.report_json import report_to_json
from midiprism.errors import UsageError
from midiprism.results.status_json import status_to_json
from midiprism.web.api.parameters import number_in_path, served
from midiprism.web.errors import NotFoundError
from midiprism.web.json_response import JsonResponse

_RUNS = 100


def runs(request: Request) -> JsonResponse:
    """Return the last runs, and whether one is active."""
    status = request.app.state.status.read_runs(_RUNS)
    content = status_to_json(status)
    return JsonResponse({"running": content["running"], "held": content["held"], "runs": content["runs"]})


def live(request: Request) -> JsonResponse:
    """Return how the active run goes on; without one, only that there is none."""
    status = request.app.state.status.read_runs(5)
    active = status.active_runs
    if not active:
        return JsonResponse({"running": False, "held": status.locked})
    content = status_to_json(status)
    run = next(it for it in content["runs"] if it["id"] == active[0].id)
    report = _report_or_none(request, active[0].id)
    bottleneck = None if report is None else report.bottleneck
    return JsonResponse(
        {
            "running": True,
            "held": status.locked,
            "run": run,
            "progress": run["songs_seen"] / run["songs_total"] if run["songs_total"] else None,
            "rate": content["rate"],
            "eta_seconds": content["eta_seconds"],
            "quiet_seconds": content["quiet_seconds"],
            "bottleneck": None if bottleneck is None else asdict(bottleneck),
            "timeline": [] if report is None else [point.as_dict() for point in report.timeline],
        }
    )


def run(request: Request) -> JsonResponse:
    """Return the report on a run, as values and as sections of text."""
    number = number_in_path(request, "run_id")
    status = request.app.state.status.read_runs(1_000)
    known = next((it for it in status_to_json(status)["runs"] if it["id"] == number), None)
    if known is None:
        raise NotFoundError("There is no such run.")
    report = _report_or_none(request, number)
    sections = [] if report is None else build_sections(report)
    return JsonResponse(
        {
            "run": known,
            "report": None if report is None else report_to_json(report),
            "sections": [_without_empty(asdict(section)) for section in sections],
        }
    )


def _report_or_none(request: Request, number: int) -> RunReport | None:
    """Return the report on a run; None if the run has recorded nothing to report on."""
    result = served(request)
    try:
        return analyze_run(result.folder, result.database, number)
    except UsageError:
        return None


def _without_empty(section: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if value}

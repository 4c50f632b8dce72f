"""The report on a run in JSON, as commands and pages show it."""

from dataclasses import asdict
from typing import Any

from midiprism.advise.report.report import RunReport


def report_to_json(report: RunReport) -> dict[str, Any]:
    """Return a report in JSON."""
    run, bottleneck = report.run, report.bottleneck
    return {
        "progress": {
            "run": run.id,
            "idle_runs": list(report.idle_runs),
            "state": run.state,
            "running": report.running,
            "started_at": run.started_at,
            "elapsed_seconds": round(run.seconds, 3),
            "loading_seconds": round(run.loading_seconds, 3),
            "work_seconds": round(report.work_seconds, 3),
            "too_short": report.too_short,
            "songs": run.songs_seen,
            "songs_total": run.songs_total,
            "songs_done": run.songs_done,
            "songs_skipped": run.songs_skipped,
            "songs_failed": run.songs_failed,
            "songs_left": run.songs_left,
            "tracks": run.tracks,
            "tracks_new": run.tracks_new,
            "bytes_written": run.bytes_written,
        },
        "resources": [
            asdict(utilization) | {"headroom": utilization.headroom} for utilization in report.utilizations
        ],
        "settings": dict(report.settings),
        "rate": report.rate,
        "eta_seconds": report.eta_seconds,
        "bottleneck": None if bottleneck is None else asdict(bottleneck),
        "evidence": [] if bottleneck is None else [list(fact) for fact in bottleneck.evidence],
        "strategies": [asdict(strategy) for strategy in report.strategies],
        "plans": [asdict(plan) for plan in report.plans],
        "decisions": [dict(decision) for decision in report.decisions],
        "timeline": [point.as_dict() for point in report.timeline],
    }

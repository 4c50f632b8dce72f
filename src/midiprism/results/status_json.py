"""The status of a result in JSON, as commands and pages show it."""

from typing import Any

from midiprism.fs.path_text import json_path
from midiprism.results.status import ResultStatus, RunStatus


def status_to_json(status: ResultStatus) -> dict[str, Any]:
    """Return a status in JSON."""
    inventory, rate = status.inventory, status.live_rate
    counts = inventory.counts
    return {
        "running": status.is_running,
        "held": status.locked,
        "rate": round(rate.rate, 1) if rate else None,
        "eta_seconds": round(rate.eta_seconds, 1) if rate and rate.eta_seconds is not None else None,
        "quiet_seconds": round(rate.seconds_since_commit, 1) if rate else None,
        "left": status.songs_left,
        "totals": {
            "songs": inventory.songs,
            "songs_at_paths": counts.songs_with_path,
            "songs_with_loss": counts.songs_with_loss,
            "lost_bytes": counts.lost_bytes,
            "paths": counts.paths,
            "tracks": counts.tracks,
            "links": counts.links,
            "bytes": counts.track_bytes,
            "shards": counts.shards,
            "shard_bytes": counts.shard_bytes,
            "duplicates": round(inventory.duplicate_share, 4),
        },
        "outcomes": dict(sorted(counts.outcomes.items())),
        "failures_by_code": {
            group.code: {
                "outcome": group.outcome,
                "count": group.count,
                "examples": [{**json_path(path), "message": message} for path, message in group.examples],
            }
            for group in inventory.failures
        },
        "runs": [_run_to_json(run) for run in status.runs],
    }


def _run_to_json(run: RunStatus) -> dict[str, Any]:
    return {
        "id": run.id,
        "command": run.command,
        "state": run.state,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "songs_total": run.songs_total,
        "songs_seen": run.songs_seen,
        "songs_done": run.songs_done,
        "songs_skipped": run.songs_skipped,
        "songs_failed": run.songs_failed,
        "folders_failed": run.folders_failed,
        "songs_removed": run.songs_removed,
        "tracks": run.tracks,
        "tracks_new": run.tracks_new,
        "bytes_written": run.bytes_written,
        "songs_per_second": round(run.rate, 1),
        "rate": round(run.live_rate.rate, 1) if run.live_rate else None,
        "workers": run.workers,
        "batch_size": run.batch_size,
        "sources": [json_path(source) for source in run.sources],
    }

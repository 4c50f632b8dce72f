"""Describe the status of a result as JSON."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.status_text import resume_command, retry_command
from midiprism.cli.render.terminal import json_path

if TYPE_CHECKING:
    from midiprism.catalog.queries.run_history import ListedPath
    from midiprism.results.status import ResultStatus, RunStatus


def status_to_json(status: "ResultStatus", quoted_result: str) -> dict[str, Any]:
    """Return the status for ``--json``.

    Args:
        quoted_result: the result as the arguments of a command.
    """
    inventory, rate = status.inventory, status.live_rate
    counts = inventory.counts
    return {
        "running": status.is_running,
        "held": status.locked,
        "rate": round(rate.rate, 1) if rate else None,
        "eta_seconds": round(rate.eta_seconds, 1) if rate and rate.eta_seconds is not None else None,
        "quiet_seconds": round(rate.seconds_since_commit, 1) if rate else None,
        "left": status.songs_left,
        "to_go_on": resume_command(status, quoted_result),
        "to_retry": retry_command(status, quoted_result),
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


def _run_to_json(run: "RunStatus") -> dict[str, Any]:
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


def listed_song_json(paths: Iterator["ListedPath"]) -> Iterator[str]:
    """Yield the pieces of a line of JSON for a song that failed or has lost music, path by path: a song may
    have many paths."""
    first = next(paths)
    head = {
        "outcome": first.outcome,
        "code": first.code,
        "message": first.message,
        "digest": first.digest.hex() if first.digest else None,
        "size": first.size,
        "run_id": first.run_id,
        "lost_bytes": first.lost_bytes,
    }
    yield f'{json.dumps(head)[:-1]}, "paths": [{json.dumps(json_path(first.path))}'
    for listed in paths:
        yield f", {json.dumps(json_path(listed.path))}"
    yield "]}\n"

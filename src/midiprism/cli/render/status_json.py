"""Describe the status of a result as JSON."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.status_text import resume_command, retry_command
from midiprism.fs.path_text import json_path

if TYPE_CHECKING:
    from midiprism.catalog.queries.run_history import ListedPath
    from midiprism.results.status import ResultStatus


def status_to_json(status: "ResultStatus", quoted_result: str) -> dict[str, Any]:
    """Return the status for ``--json``.

    Args:
        quoted_result: the result as the arguments of a command.
    """
    from midiprism.results import status_json

    commands = {
        "to_go_on": resume_command(status, quoted_result),
        "to_retry": retry_command(status, quoted_result),
    }
    return status_json.status_to_json(status) | commands


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

"""Samples of runs, which are kept so that a run can be explained when it is over."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, text

from midiprism.catalog.schema import run_samples


def add_samples(
    connection: Connection,
    run_id: int,
    new_samples: Sequence[Mapping[str, Any]],
    dropped_times: Sequence[float],
) -> None:
    """Record samples of a run, and delete older ones.

    Args:
        connection: with a transaction that is open.
        run_id: of the run.
        new_samples: as JSON objects, each with its time ``elapsed_seconds`` since the run began.
        dropped_times: times of samples that were recorded before and are deleted.
    """
    if new_samples:
        connection.execute(
            insert(run_samples),
            [
                {"run_id": run_id, "at": sample["elapsed_seconds"], "data": dict(sample)}
                for sample in new_samples
            ],
        )
    if dropped_times:
        # Both times come from the same number, which JSON preserves exactly.
        connection.execute(
            delete(run_samples).where(run_samples.c.run_id == run_id, run_samples.c.at.in_(dropped_times))
        )


def count_connections(connection: Connection) -> dict[str, int]:
    """Return how many connections a PostgreSQL database has, by state: ``active``, ``idle`` and so on.

    PostgreSQL hides the state of other users' connections from a plain role: it is ``unknown``.
    """
    rows = connection.execute(
        text(
            "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1"
        )
    )
    return {str(state): int(count) for state, count in rows}

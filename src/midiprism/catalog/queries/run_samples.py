"""Samples of runs, kept so that a run that is over can still be explained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from midiprism.catalog.schema import run_samples


def add_samples(
    connection: Connection,
    run_id: int,
    new_samples: Sequence[Mapping[str, Any]],
    dropped_times: Sequence[float],
) -> None:
    """Record samples of a run, and forget those of some moments.

    Args:
        new: in terms of JSON, each with its moment ``at``: seconds since the run began.
        gone: moments of samples that were recorded before.
    """
    if new_samples:
        connection.execute(
            insert(run_samples),
            [{"run_id": run_id, "at": one["elapsed_seconds"], "data": dict(one)} for one in new_samples],
        )
    if dropped_times:
        # Both ends are what was recorded: a number that went through JSON is the same number.
        connection.execute(
            delete(run_samples).where(run_samples.c.run_id == run_id, run_samples.c.at.in_(dropped_times))
        )


def samples_of(connection: Connection, run_id: int) -> Iterator[Mapping[str, Any]]:
    """The samples of a run, the earliest first."""
    wanted = select(run_samples.c.data).where(run_samples.c.run_id == run_id).order_by(run_samples.c.at)
    yield from connection.scalars(wanted)


def latest_sampled_run(connection: Connection) -> int | None:
    """The number of the last run that has samples; None without any."""
    found: int | None = connection.scalar(select(func.max(run_samples.c.run_id)))
    return found


def count_connections(connection: Connection) -> dict[str, int]:
    """How many connections a PostgreSQL database has, by state: ``active``, ``idle`` and so on.

    Of connections of other users a plain role is not told what they do: they are ``unknown``.
    """
    found = connection.execute(
        text(
            "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1"
        )
    )
    return {str(state): int(number) for state, number in found}

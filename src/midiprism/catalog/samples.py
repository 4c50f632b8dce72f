"""Samples of runs, kept so that a run that is over can still be explained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from midiprism.catalog.schema import samples


def add_samples(
    connection: Connection, run_id: int, new: Sequence[Mapping[str, Any]], gone: Sequence[float]
) -> None:
    """Record samples of a run, and forget those of some moments.

    Args:
        new: in terms of JSON, each with its moment ``at``: seconds since the run began.
        gone: moments of samples that were recorded before.
    """
    if new:
        connection.execute(
            insert(samples), [{"run_id": run_id, "at": one["at"], "data": dict(one)} for one in new]
        )
    if gone:
        # Both ends are what was recorded: a number that went through JSON is the same number.
        connection.execute(delete(samples).where(samples.c.run_id == run_id, samples.c.at.in_(gone)))


def samples_of(connection: Connection, run_id: int) -> Iterator[Mapping[str, Any]]:
    """The samples of a run, the earliest first."""
    wanted = select(samples.c.data).where(samples.c.run_id == run_id).order_by(samples.c.at)
    yield from connection.scalars(wanted)


def latest_run(connection: Connection) -> int | None:
    """The number of the last run that has samples; None without any."""
    found: int | None = connection.scalar(select(func.max(samples.c.run_id)))
    return found


def connections(connection: Connection) -> dict[str, int]:
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

"""What runs hold while several work on one catalogue.

A run leases a batch before it works on it: a row with a token that it alone knows, the paths that no other
run plans meanwhile, and an expiry by the clock of the database, which it renews. A lease that has expired is
gone with its paths, for any run to plan them; a commit under it finds nothing to release, and is discarded.

All functions work inside the caller's transaction. Rows that another transaction has in hand are passed over
where that does no harm, so that a commit under way keeps nobody waiting.
"""

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, text, update

from midiprism.catalog.schema import lease_paths, leases, runs
from midiprism.records.batches import Lease

LEASE_SECONDS = 60.0
"""How long a lease lasts unless it is renewed, which a run does every second."""


class LeaseResult(NamedTuple):
    """What came of asking for paths.

    Attributes:
        lease: None where nothing was left to do.
        paths: to be done under it.
        done: so many were committed meanwhile.
        held: so many are leased by another run.
    """

    lease: Lease | None
    paths: frozenset[bytes]
    already_committed: int
    held_elsewhere: int


def acquire(
    connection: Connection, schema: str, run_id: int, paths: Sequence[bytes], seconds: float
) -> tuple[Lease, set[bytes]]:
    """Lease those of these paths that nobody else holds; which they are."""
    drop_expired(connection)
    token = secrets.token_hex(16)
    made = insert(leases).values(run_id=run_id, token=token, expires_at=expires_at(seconds))
    number: int = connection.scalar(made.returning(leases.c.id))
    taken = connection.connection.dbapi_connection.execute(  # type: ignore[union-attr]
        f'INSERT INTO "{schema}".lease_paths (path, lease_id) '  # noqa: S608 - a name of ours
        "SELECT path, %s FROM unnest(%b::bytea[]) path ORDER BY path ON CONFLICT DO NOTHING RETURNING path",
        (number, list(paths)),
    )
    return Lease(number, token), {row[0] for row in taken}


def release(connection: Connection, lease: Lease, paths: Sequence[bytes]) -> bool:
    """Let go of these paths; whether they were held.

    What is left of the lease stays, for the other pieces of a batch that was taken apart.
    """
    mine = select(leases.c.id).where(leases.c.id == lease.id, leases.c.token == lease.token)
    if connection.scalar(mine.with_for_update()) is None:
        return False
    wanted = set(paths)
    gone = connection.execute(
        delete(lease_paths).where(lease_paths.c.lease_id == lease.id, lease_paths.c.path.in_(wanted))
    ).rowcount
    left = exists().where(lease_paths.c.lease_id == lease.id)
    connection.execute(delete(leases).where(leases.c.id == lease.id, ~left))
    return gone == len(wanted)


def renew(connection: Connection, run_id: int, seconds: float) -> None:
    """Put off the expiry of all that a run holds, and of the run itself."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(expires_at=expires_at(seconds)))
    free = select(leases.c.id).where(leases.c.run_id == run_id).with_for_update(skip_locked=True)
    connection.execute(update(leases).where(leases.c.id.in_(free)).values(expires_at=expires_at(seconds)))


def drop_expired(connection: Connection) -> None:
    """Let everybody plan what runs held that have died."""
    expired = select(leases.c.id).where(leases.c.expires_at < func.now()).with_for_update(skip_locked=True)
    connection.execute(delete(leases).where(leases.c.id.in_(expired)))


def release_run(connection: Connection, run_id: int) -> None:
    """Let go of all that a run holds."""
    connection.execute(delete(leases).where(leases.c.run_id == run_id))


def leases_of_other_runs(connection: Connection, run_id: int) -> set[int]:
    """Numbers of the leases that other runs hold and that have not expired."""
    drop_expired(connection)
    return set(connection.scalars(select(leases.c.id).where(leases.c.run_id != run_id)))


def expires_at(seconds: float) -> ColumnElement[Any]:
    """So many seconds from now, by the clock of the database."""
    return func.now() + text(f"INTERVAL '{float(seconds)} seconds'")

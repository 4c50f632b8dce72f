"""Statements on leases, where several runs work on one catalog.

A run leases a batch before it works on it: a row with a token that it alone knows, the paths that no other
run plans meanwhile, and an expiry by the clock of the database, which the run postpones. A lease that has
expired is deleted with its paths, so that any run can plan them; a commit under it finds nothing to release,
and is discarded.

All functions work inside the caller's transaction. Rows that another transaction has locked are skipped where
that does no harm, so no statement waits for the commit of another run.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, text, update

from midiprism.catalog.schema import lease_paths, leases, runs
from midiprism.records.batches import Lease


def acquire(
    connection: Connection, schema: str, run_id: int, paths: Sequence[bytes], seconds: float
) -> tuple[Lease, set[bytes]]:
    """Lease those of these paths that no other run holds. Return the lease and its paths."""
    drop_expired(connection)
    token = secrets.token_hex(16)
    made = insert(leases).values(run_id=run_id, token=token, expires_at=expires_at(seconds))
    lease_id: int = connection.scalar(made.returning(leases.c.id))
    paths_by_digest = {path_digest(path): path for path in paths}
    taken = connection.connection.dbapi_connection.execute(  # type: ignore[union-attr]
        f'INSERT INTO "{schema}".lease_paths (path_digest, lease_id) '  # noqa: S608 - a name of ours
        "SELECT digest, %s FROM unnest(%b::bytea[]) digest ORDER BY digest "
        "ON CONFLICT DO NOTHING RETURNING path_digest",
        (lease_id, list(paths_by_digest)),
    )
    return Lease(lease_id, token), {paths_by_digest[digest] for (digest,) in taken}


def path_digest(path: bytes) -> bytes:
    """Return the digest by which ``lease_paths`` knows a path."""
    return hashlib.blake2b(path, digest_size=16).digest()


def release(connection: Connection, lease: Lease, paths: Sequence[bytes]) -> bool:
    """Release these paths, and return whether the lease covered all of them.

    Other paths of the lease stay leased, for the other pieces of a batch that was divided.
    """
    own = select(leases.c.id).where(leases.c.id == lease.id, leases.c.token == lease.token)
    if connection.scalar(own.with_for_update()) is None:
        return False
    wanted = set(map(path_digest, paths))
    deleted = connection.execute(
        delete(lease_paths).where(lease_paths.c.lease_id == lease.id, lease_paths.c.path_digest.in_(wanted))
    ).rowcount
    has_paths = exists().where(lease_paths.c.lease_id == lease.id)
    connection.execute(delete(leases).where(leases.c.id == lease.id, ~has_paths))
    return deleted == len(wanted)


def renew(connection: Connection, run_id: int, seconds: float) -> None:
    """Postpone the expiry of all leases of a run, and of the run itself."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(expires_at=expires_at(seconds)))
    unlocked = select(leases.c.id).where(leases.c.run_id == run_id).with_for_update(skip_locked=True)
    connection.execute(update(leases).where(leases.c.id.in_(unlocked)).values(expires_at=expires_at(seconds)))


def drop_expired(connection: Connection) -> None:
    """Delete the leases of runs that have died, so that any run can plan their paths."""
    expired = select(leases.c.id).where(leases.c.expires_at < func.now()).with_for_update(skip_locked=True)
    connection.execute(delete(leases).where(leases.c.id.in_(expired)))


def release_run(connection: Connection, run_id: int) -> None:
    """Release all leases of a run."""
    connection.execute(delete(leases).where(leases.c.run_id == run_id))


def leases_of_other_runs(connection: Connection, run_id: int) -> set[int]:
    """Return the ids of the leases that other runs hold and that have not expired."""
    drop_expired(connection)
    return set(connection.scalars(select(leases.c.id).where(leases.c.run_id != run_id)))


def expires_at(seconds: float) -> ColumnElement[Any]:
    """Return the time so many seconds from now, by the clock of the database."""
    return func.now() + text(f"INTERVAL '{float(seconds)} seconds'")

"""Rounds of random kills: an operation on a result, killed, completed, and compared.

A scenario is named ``OPERATION STORE CATALOG``, such as ``export parquet postgres``.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from midiprism.catalog import VerifyScope
from midiprism.integrity.verify import verify_result
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import locate_result
from midiprism.sources import SongRef, open_folders
from support import catalog_access
from support.adoption_runs import assert_owner_checks, dump_owner_schema, expected_links, read_links
from support.fake_songs import read_tree
from support.foreign_library import build_foreign_library
from support.kill_lab import (
    CheckedResult,
    CheckError,
    KillLab,
    check_rows,
    check_whole,
    committed_songs,
    content_of_catalog,
    database_options,
    export_command,
    recorded_files,
    tracks_of_tree,
)
from support.kill_points import expire_leases
from support.postgres import PostgresServer
from support.removal_kills import forget, prune

_ADOPTED_SONGS = 30
_AUDIT_CODES = (0, 1)
"""An audit exits with 1 where it finds something."""


def split(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Split all songs into a new result."""
    lab.use_catalog(catalog)
    wanted = lab.whole_result(store, catalog).content
    out = lab.new_folder()
    result = CheckedResult(out, out)
    for _ in lab.kills():
        lab.killer.run_and_kill(name, [*lab.split_command(out, store), *lab.varied()])
        if catalog == "postgres":
            expire_leases(out)
        if committed_songs(out):
            check_rows(result)
    lab.killer.run(name, [*lab.split_command(out, store), *lab.varied()])
    check_whole(result, wanted)
    songs = catalog_access.query(out, "SELECT count(*) FROM songs")[0][0]
    if committed_songs(out) != songs:
        raise CheckError(f"{out}: {committed_songs(out)} songs were committed, and there are {songs}")
    shutil.rmtree(out)


def relocate(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Relocate a result to the other file system, or in a folder."""
    lab.use_catalog(catalog)
    result = lab.whole_result(store, catalog)
    old, new = result.place, lab.rng.choice(lab.folders) / f"{lab.new_folder().name}-{store}-{catalog}"
    command = ["relocate", str(old), str(new), "--quiet", *database_options(result.origin)]
    command += ["--remove"] if lab.rng.random() < 0.5 else []
    for _ in lab.kills():
        lab.killer.run_and_kill(name, command)
        result.place = Path(locate_result(str(old if old.exists() else new)))
        check_rows(result)
    lab.killer.run(name, command)
    result.place = new
    check_whole(result, result.content)
    shutil.rmtree(old, ignore_errors=True)


def repair(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Repair a result of which some files were lost or damaged."""
    lab.use_catalog(catalog)
    result = lab.whole_result(store, catalog)
    suffix = "*.mid" if store == "files" else "*-*.parquet"
    files = sorted((result.place / "tracks").rglob(suffix))
    for path in lab.rng.sample(files, min(len(files), lab.rng.randint(1, 4))):
        _damage(path, lab.rng)
    rows = content_of_catalog(result)
    command = ["verify", str(result.place), "--repair", "--quiet", *database_options(result.origin)]
    for _ in lab.kills():
        lab.killer.run_and_kill(name, command)
        if catalog == "postgres":
            expire_leases(result.origin)
        if content_of_catalog(result) != rows:
            raise CheckError(f"{result.place}: a repair that was killed changed rows")
    lab.killer.run(name, command)
    check_whole(result, result.content)


def _damage(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.unlink()
    kind = rng.choice(("lost", "cut", "changed"))
    if kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "changed":
        at = rng.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def export(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Export all tracks to a new tree."""
    lab.use_catalog(catalog)
    result = lab.whole_result(store, catalog)
    wanted = lab.tree_of(result, name)
    parent = lab.new_folder()
    parent.mkdir()
    to = parent / "tree"
    kills = 0
    for _ in lab.kills():
        kills += 1
        lab.killer.run_and_kill(name, export_command(result, to))
        named = {path: data for path, data in tracks_of_tree(to).items() if path.endswith(".mid")}
        if not named.items() <= wanted.items():
            raise CheckError(f"{to}: files that are not whole, or not wanted")
        if any(isinstance(item, SongRef) for item in open_folders([parent]).walk()):
            raise CheckError(f"{parent}: a split would take exported tracks for songs")
    lab.killer.run(name, export_command(result, to))
    if tracks_of_tree(to) != wanted:
        raise CheckError(f"{to} differs from an undisturbed tree")
    # A kill between a file and its line leaves the file to its owner: no export removes it.
    if len([line for line in recorded_files(to) if line]) < len(wanted) - kills:
        raise CheckError(f"{to} has files that are not recorded")
    shutil.rmtree(parent)


def group(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Make the fingerprints of a new result, and group what is similar: no group is ever half recorded."""
    lab.use_catalog(catalog)
    out = lab.new_folder()
    result = CheckedResult(out, out)
    lab.killer.run(f"split {name}", lab.split_command(out, store))
    command = ["duplicates", str(out), "--similar", "--json", *database_options(out)]
    for _ in lab.kills():
        recorded = _recorded_groups(out)
        if recorded:
            break
        lab.killer.run_and_kill(name, command)
        check_rows(result)
    lab.killer.run(name, command)
    wanted, recorded = _recorded_groups(out), recorded or _recorded_groups(out)
    if not wanted or recorded != wanted:
        raise CheckError(f"{out}: a killed grouping left {len(recorded)} of {len(wanted)} rows")
    if not verify_result(str(out), VerifyScope(), database=catalog_access.postgres_address(out)).ok:
        raise CheckError(f"{out}: damaged after it was grouped")
    lab.killer.run(f"{name}, anew", [*command, "--threshold", "0.5"])
    lab.killer.run(f"{name}, anew", [*command, "--threshold", "0.15"])
    if _recorded_groups(out) != wanted:
        raise CheckError(f"{out}: the groups differ from those that are made at once")
    shutil.rmtree(out)


def _recorded_groups(out: Path) -> list[Any]:
    """Return the groups of tracks and songs, and that they are complete: rows of one transaction."""
    statements = (
        "SELECT id, similar_track_group FROM tracks WHERE similar_track_group IS NOT NULL ORDER BY id",
        "SELECT id, similar_song_group FROM songs WHERE similar_song_group IS NOT NULL ORDER BY id",
    )
    return [tuple(row) for statement in statements for row in catalog_access.query(out, statement)]


def adopt(lab: KillLab, name: str) -> None:
    """Adopt the library of another program, and audit it, also killed."""
    assert lab.server is not None
    url, folder = lab.server.new_database(), lab.new_folder()
    build_foreign_library(url, folder, song_count=_ADOPTED_SONGS, triggers=True, buggy_share=0.2)
    old = read_links(url)
    out = folder / "out"
    command = ["split", "--adopt", "--yes", "--quiet", "--database", url, "-o", str(out)]
    catalog_access.use_server(None)
    for _ in lab.kills():
        lab.killer.run_and_kill(name, [*command, *lab.varied()])
        _expire_leases_of_library(lab.server, url)
        _check_owner_rows(lab.server, url)
    lab.killer.run(name, [*command, *lab.varied()])
    assert_owner_checks(lab.server, url)
    _check_owner_rows(lab.server, url)
    left = {int(link[0]) for link in read_links(url)} - {link[0] for link in old}
    if read_links(url) != old | expected_links(url, left):
        raise CheckError(f"{url}: links are missing, or there are others")
    _audit(lab, url, folder)
    shutil.rmtree(folder)
    lab.server.drop_databases()


def _audit(lab: KillLab, url: str, folder: Path) -> None:
    """Audit a library: what is killed changes nothing, and the findings stay the same."""
    assert lab.server is not None
    before, files = dump_owner_schema(lab.server, url), read_tree(folder)
    findings = _audit_findings(lab, url)
    for _ in lab.kills():
        lab.killer.run_and_kill("audit", _audit_command(url), _AUDIT_CODES)
        if dump_owner_schema(lab.server, url) != before or read_tree(folder) != files:
            raise CheckError(f"{url}: an audit changed something")
    if _audit_findings(lab, url) != findings:
        raise CheckError(f"{url}: an audit that followed killed ones found something else")


def _audit_command(url: str) -> list[str]:
    return ["audit", "--quiet", "--json", "--database", url]


def _audit_findings(lab: KillLab, url: str) -> Any:
    facts = json.loads(lab.killer.output("audit", _audit_command(url), _AUDIT_CODES))
    return {key: value for key, value in facts.items() if "seconds" not in key and "per" not in key}


def _expire_leases_of_library(server: PostgresServer, url: str) -> None:
    for table in ("leases", "runs"):
        server.psql(
            url,
            f"DO $$ BEGIN IF to_regclass('midiprism.{table}') IS NOT NULL THEN UPDATE midiprism.{table} "
            "SET expires_at = now() - INTERVAL '1 second'; END IF; END $$",
        )


def _check_owner_rows(server: PostgresServer, url: str) -> None:
    """Check that no row of the owner's is there twice, and that each has its file, whole."""
    twice = (
        "SELECT count(*) - count(DISTINCT content_hash) FROM files",
        "SELECT count(*) - count(DISTINCT (parent_file_id, split_file_id)) FROM track_splits",
        "SELECT count(*) FROM track_splits l LEFT JOIN files f ON f.id = l.split_file_id WHERE f.id IS NULL",
    )
    for query in twice:
        if server.psql(url, query).strip() != "0":
            raise CheckError(f"{url}: {query}")
    for line in server.psql(url, "SELECT filepath, file_size_bytes FROM files").splitlines():
        path, size = line.rsplit("|", 1)
        if os.path.getsize(path) != int(size):
            raise CheckError(f"{path} is not whole")


STORES: tuple[StoreKind, ...] = ("files", "parquet")
Scenario = Callable[[KillLab, str], None]
SCENARIOS: Mapping[str, Scenario] = {
    f"{operation.__name__} {store} {catalog}": partial(operation, store, catalog)
    for operation in (split, relocate, repair, export, prune, forget, group)
    for store in STORES
    for catalog in ("sqlite", "postgres")
} | {"adopt files postgres": adopt}

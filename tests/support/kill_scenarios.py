"""Rounds of random kills: an operation on a result, killed, completed, and compared.

A scenario is named ``OPERATION STORE CATALOG``, such as ``export parquet postgres``.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from midiprism.catalog import VerifyScope
from midiprism.integrity.verify import verify_result
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import catalog_path, locate_result
from midiprism.sample.write import write_songs
from midiprism.sources import SongRef, open_folders
from support import catalog_access
from support.adoption_runs import assert_owner_checks, dump_owner_schema, expected_links, read_links
from support.fake_songs import read_tree
from support.foreign_library import build_foreign_library
from support.kill_points import expire_leases
from support.parquet_rows import parquet_rows
from support.postgres import PostgresServer
from support.random_kills import RandomKiller
from support.result_content import catalog_content

_LEFTOVERS = {"orphan", "temporary", "songs_table"}
"""Damage that a kill may leave: files that no commit names, and a derived table of an earlier commit."""
_ADOPTED_SONGS = 30
_MOST_KILLS = 10
_AUDIT_CODES = (0, 1)
"""An audit exits with 1 where it finds something."""
_OWN_FILES = ("midiprism.json", ".midiprism.lock")


class CheckError(Exception):
    """Something was lost, or is there twice."""


@dataclass(slots=True)
class CheckedResult:
    """A result, and what is to be in it.

    Attributes:
        origin: folder that it was made in, after which its schema is named.
        place: folder that it is in now.
        content: tracks and rows.
    """

    origin: Path
    place: Path
    content: Any = None


class KillLab:
    """The songs, the results and the servers of all scenarios.

    Args:
        killer: runs commands and kills them.
        rng: makes all choices.
        work: folder for results.
        other: folder on another file system.
        server: for catalogs in PostgreSQL; None for none.
        songs: number of songs.
    """

    def __init__(
        self,
        killer: RandomKiller,
        rng: random.Random,
        work: Path,
        other: Path,
        server: PostgresServer | None,
        *,
        songs: int,
    ) -> None:
        self.killer = killer
        self.rng = rng
        self.folders = (work, other)
        self.server = server
        self.songs = work / "songs"
        self._url = ""
        self._number = 0
        self._whole: dict[str, CheckedResult] = {}
        self._trees: dict[str, dict[str, bytes]] = {}
        write_songs(self.songs, songs, seed=7)
        first, second, *_ = sorted(self.songs.rglob("*.mid"))
        (self.songs / "copy.mid").write_bytes(first.read_bytes())
        (self.songs / "cut.mid").write_bytes(second.read_bytes()[:400])
        if server is not None:
            server.psql("postgres", "CREATE DATABASE stress")
            self._url = server.url("stress")
            server.psql(self._url, catalog_access.RANDOMBLOB_SQL)

    def use_catalog(self, catalog: str) -> None:
        """Put the catalogs of the next results into PostgreSQL, or into files."""
        catalog_access.use_server(self.server if catalog == "postgres" else None, self._url)

    def new_folder(self) -> Path:
        """Return a folder for a round, which does not exist yet."""
        self._number += 1
        return self.folders[0] / f"round-{self._number}"

    def whole_result(self, store: StoreKind, catalog: str) -> CheckedResult:
        """Return the undisturbed result of all songs, which scenarios relocate, repair and export."""
        key = f"{store} {catalog}"
        if key not in self._whole:
            out = self.folders[0] / f"whole-{store}-{catalog}"
            self.killer.run(f"split {key}", [*self.split_command(out, store), "--workers", "2"])
            result = CheckedResult(out, out)
            result.content = content_of(result)
            self._whole[key] = result
        return self._whole[key]

    def tree_of(self, result: CheckedResult, key: str) -> dict[str, bytes]:
        """Return the files of an undisturbed export."""
        if key not in self._trees:
            to = self.folders[0] / f"tree-{key.replace(' ', '-')}"
            self.killer.run(key, export_command(result, to))
            self._trees[key] = tracks_of_tree(to)
        return self._trees[key]

    def split_command(self, out: Path, store: StoreKind) -> list[str]:
        return ["split", str(self.songs), "-o", str(out), "--quiet", "--store", store, *database_options(out)]

    def varied(self) -> list[str]:
        """Return options of ``split`` that must not change its result."""
        workers, batch = self.rng.choice(("0", "1", "2", "3")), str(self.rng.randint(3, 40))
        return ["--workers", workers, "--batch-size", batch, "--in-flight", str(self.rng.randint(1, 6))]

    def kills(self) -> Iterator[int]:
        """Yield a number for each kill of a round."""
        yield from range(self.rng.randint(1, _MOST_KILLS))


def database_options(origin: Path) -> list[str]:
    """Return the options that name the catalog of the result that was made in a folder."""
    address = catalog_access.postgres_address(origin)
    return [] if address is None else ["--database", address.url, "--schema", address.schema]


def export_command(result: CheckedResult, to: Path) -> list[str]:
    return ["export", str(result.place), "--to", str(to), "--quiet", *database_options(result.origin)]


def tracks_of_tree(to: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(to).items() if path not in _OWN_FILES}


def content_of(result: CheckedResult) -> Any:
    """Return everything in a result that must not depend on how it came about."""
    has_file = catalog_access.postgres_address(result.origin) is None
    catalog = catalog_content(result.place if has_file else result.origin)
    if (result.place / "links").exists():
        return parquet_rows(result.place), catalog
    return read_tree(result.place / "tracks"), catalog


def check_rows(result: CheckedResult, *, allowed: frozenset[str] = frozenset()) -> None:
    """Check that every row has its track, whole, and every song its links, as after any kill.

    Raises:
        CheckError: something is missing, damaged or there twice.
    """
    address = catalog_access.postgres_address(result.origin)
    report = verify_result(str(result.place), VerifyScope(), database=address)
    damages = {kind: count for kind, count in report.counts.items() if count}
    if damages.keys() - _LEFTOVERS - allowed:
        raise CheckError(f"{result.place}: {damages}, {report.as_dict()}")


def check_whole(result: CheckedResult, wanted: Any) -> None:
    """Check that a result is that of an undisturbed command, and sound."""
    address = catalog_access.postgres_address(result.origin)
    report = verify_result(str(result.place), VerifyScope(), database=address)
    if not report.ok:
        raise CheckError(f"{result.place}: {report.as_dict()}")
    if content_of(result) != wanted:
        raise CheckError(f"{result.place} differs from an undisturbed result")


def committed_songs(out: Path) -> int:
    """Return the number of songs that batches committed; 0 without a catalog."""
    if catalog_access.postgres_address(out) is None and not os.path.exists(catalog_path(str(out))):
        return 0  # SQLite would make the file
    try:
        return int(catalog_access.query(out, "SELECT coalesce(sum(songs), 0) FROM batches")[0][0])
    except Exception:
        return 0


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


def content_of_catalog(result: CheckedResult) -> Any:
    has_file = catalog_access.postgres_address(result.origin) is None
    return catalog_content(result.place if has_file else result.origin)


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
    for _ in lab.kills():
        lab.killer.run_and_kill(name, export_command(result, to))
        named = {path: data for path, data in tracks_of_tree(to).items() if path.endswith(".mid")}
        if not named.items() <= wanted.items():
            raise CheckError(f"{to}: files that are not whole, or not wanted")
        if any(isinstance(item, SongRef) for item in open_folders([parent]).walk()):
            raise CheckError(f"{parent}: a split would take exported tracks for songs")
    lab.killer.run(name, export_command(result, to))
    if tracks_of_tree(to) != wanted:
        raise CheckError(f"{to} differs from an undisturbed tree")
    shutil.rmtree(parent)


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
    for operation in (split, relocate, repair, export)
    for store in STORES
    for catalog in ("sqlite", "postgres")
} | {"adopt files postgres": adopt}

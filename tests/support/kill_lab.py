"""Results that commands are killed on, and the checks of what must hold after every kill."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midiprism.catalog import VerifyScope
from midiprism.export.export_record import RECORD_FILE
from midiprism.integrity.verify import verify_result
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import catalog_path
from midiprism.sample.write import write_songs
from support import catalog_access
from support.fake_songs import read_tree
from support.parquet_rows import parquet_rows
from support.postgres import PostgresServer
from support.random_kills import RandomKiller
from support.result_content import catalog_content

_LEFTOVERS = {"orphan", "temporary", "songs_table"}
"""Damage that a kill may leave: files that no commit names, and a derived table of an earlier commit."""
_MOST_KILLS = 10
_OWN_FILES = ("midiprism.json", ".midiprism.lock", RECORD_FILE)


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


def recorded_files(to: Path) -> list[str]:
    """Return the lines of the record of exports to a tree, sorted."""
    record = to / RECORD_FILE
    return sorted(record.read_text(encoding="ascii").splitlines()) if record.exists() else []


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


def content_of_catalog(result: CheckedResult) -> Any:
    return catalog_content(catalog_place(result))


def catalog_place(result: CheckedResult) -> Path:
    """Return the folder by which the catalog of a result is found."""
    has_file = catalog_access.postgres_address(result.origin) is None
    return result.place if has_file else result.origin

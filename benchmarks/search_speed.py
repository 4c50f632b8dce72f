"""Measure searches in a large made-up result: the index, beside the scan, SQLite and DuckDB.

    python benchmarks search_speed [--songs 607000] [--work FOLDER]

The catalog is written straight into SQLite, without songs or tracks. A search is a query with its number of
tracks, the exact counts of five fields, and the first 50 rows. All times are of a warm cache; give the
machine nothing else to do.
"""

import argparse
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from common import machine_description
from midiprism.catalog import open_read_only
from midiprism.results.result_dir import catalog_path
from midiprism.search.find import TrackSearch, open_search
from midiprism.search.index.generation import remove_index
from midiprism.search.parse_query import parse_query
from midiprism.search.plain_scan import scan_tracks
from midiprism.search.upkeep import update_search_index
from synthetic_catalog import CatalogMaker

NEW_SONGS = 1_000
ROWS = 50
FACETS = ("family", "role", "key", "meter", "bpm")
QUERIES = (
    "love family:bass key:Dm notes:16.. bpm:85..95",
    "moon family:drums meter:3/4 bpm:90..130 notes:64..",
    "river role:melody key:Am~ bpm:..120 channel:1..8",
    'road instrument:"instrument 11" bpm:90..130 notes:16.. loops:yes',
    "star -family:drums meter:4/4 key:minor notes:200..",
    "artist role:bass,melody bpm:100..140 meter:4/4 notes:100..",
    "love sort:bpm-",
    "e",
    "shared:2.. sort:notes-",
    "",
)
"""The first six have a text and four filters; the others ask for much."""
FILTERED = QUERIES[:6]
SCANNED = QUERIES[:2]

SQL_TABLES = "links l JOIN tracks t ON t.id = l.track_id"
SQL_FILTER = "t.dominant_tempo BETWEEN 85 AND 95 AND t.note_count >= 16 AND t.\"key\" = 'D minor'"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=607_000, help="default: 607000")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args()
    out = options.work / f"search-{options.songs}"
    shutil.rmtree(out, ignore_errors=True)
    print(machine_description(), flush=True)
    maker = CatalogMaker(out)
    links = maker.add(options.songs)
    print(f"{options.songs:,} songs, {links:,} links", flush=True)
    measure_builds(out, maker)
    maker.close()
    measure_searches(out)
    measure_command(out)
    measure_scan(out)
    measure_sqlite(out)
    measure_duckdb(out)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_builds(out: Path, maker: CatalogMaker) -> None:
    address = catalog_path(str(out))

    def update() -> None:
        update_search_index(str(out), address)

    print(f"index from nothing: {seconds_of(update):.1f} s", flush=True)
    maker.add(NEW_SONGS)
    print(f"{NEW_SONGS:,} songs more: {seconds_of(update):.2f} s")
    remove_index(str(out))
    print(f"index from nothing, again: {seconds_of(update):.1f} s")
    size = sum(file.stat().st_size for file in (out / ".midiprism-index").iterdir())
    print(f"size of the index: {size / 1e6:,.0f} MB", flush=True)


def search_once(search: TrackSearch, text: str) -> int:
    return search.page(parse_query(text), ROWS, FACETS).total


def measure_searches(out: Path) -> None:
    with open_search(str(out)) as search:
        times: dict[str, list[float]] = {}
        for text in QUERIES:
            count = search_once(search, text)
            times[text] = [seconds_of(lambda text=text: search_once(search, text)) for _ in range(20)]  # type: ignore[misc]
            print(f"{statistics.median(times[text]) * 1e3:7.1f} ms  {count:9,} tracks  {text or '(all)'}")
    for what, texts in (("text and four filters", FILTERED), ("all of these", QUERIES)):
        every = sorted(value for text in texts for value in times[text])
        p50, p95 = (every[int(len(every) * share)] * 1e3 for share in (0.5, 0.95))
        print(f"{what}: p50 {p50:.1f} ms, p95 {p95:.1f} ms", flush=True)


def measure_command(out: Path) -> None:
    command = [sys.executable, "-m", "midiprism", "list", str(out), *FILTERED[0].split()]
    times = [
        seconds_of(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)) for _ in range(7)
    ]
    print(f"midiprism list as a command: {statistics.median(times):.2f} s", flush=True)


def measure_scan(out: Path) -> None:
    for text in SCANNED:

        def scan(text: str = text) -> None:
            with (
                open_read_only(catalog_path(str(out))) as catalog,
                closing(scan_tracks(catalog, parse_query(text), ROWS)) as rows,
            ):
                print(f"{sum(1 for _ in rows)} rows by a scan", end="", flush=True)

        print(f": {seconds_of(scan):.2f} s  {text}", flush=True)


def measure_sqlite(out: Path) -> None:
    with closing(sqlite3.connect(catalog_path(str(out)))) as connection:
        for what, condition in (("all", ""), ("filtered", f"WHERE {SQL_FILTER}")):
            statement = f"SELECT l.family, count(*) FROM {SQL_TABLES} {condition} GROUP BY 1"
            taken = seconds_of(lambda statement=statement: connection.execute(statement).fetchall())  # type: ignore[misc]
            print(f"one facet by SQLite, GROUP BY, {what}: {taken * 1e3:,.0f} ms", flush=True)


def measure_duckdb(out: Path) -> None:
    try:
        import duckdb
    except ImportError:
        print("DuckDB is not installed")
        return
    file = out / "links.parquet"
    columns = 'l.family, t.role, t."key", t.time_signature, t.dominant_tempo, t.note_count'
    write_parquet(out, file, f"SELECT {columns} FROM {SQL_TABLES}")
    connection: Any = duckdb.connect()
    condition = SQL_FILTER.replace("t.", "")
    for what, where in (("all", ""), ("filtered", f"WHERE {condition}")):
        statement = f"SELECT family, count(*) FROM '{file}' {where} GROUP BY 1"
        connection.execute(statement).fetchall()
        taken = seconds_of(lambda statement=statement: connection.execute(statement).fetchall())  # type: ignore[misc]
        print(f"one facet by DuckDB over Parquet, {what}: {taken * 1e3:,.0f} ms", flush=True)


def write_parquet(out: Path, file: Path, statement: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with closing(sqlite3.connect(catalog_path(str(out)))) as connection:
        rows = connection.execute(statement)
        names = [column[0] for column in rows.description]
        columns = zip(*rows, strict=True)
        pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), file)


if __name__ == "__main__":
    main()

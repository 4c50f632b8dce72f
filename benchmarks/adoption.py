"""Taking over a library that another program began: one command, its owner's checks, and back again.

    python benchmarks/adoption.py [--songs 20000] [--share 0.372] [--work FOLDER]

Run it with ``tests`` on PYTHONPATH. It makes a library with columns and triggers of its owner's, splits the
rest, compares dumps of the owner's tables before and after, runs again, takes the run back, and compares once
more. It exits with 1 if anything is not as it should be.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.adoption_runs import (
    ALL_SONGS_LINKED_SQL,
    DANGLING_LINKS_SQL,
    assert_owner_checks,
    dump_owner_schema,
    expected_links,
    read_links,
)
from support.foreign_library import build_foreign_library
from support.postgres import PostgresServer, find_installations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.372, help="of the songs, split by the owner already")
    parser.add_argument("--work", type=Path, help="folder to work in, such as one in memory")
    asked = parser.parse_args()
    server = PostgresServer(find_installations()[0])
    work = Path(tempfile.mkdtemp(prefix="midiprism-adoption-", dir=asked.work))
    try:
        return _measure(server, work, asked.songs, asked.share)
    finally:
        server.close()
        shutil.rmtree(work)


def _measure(server: PostgresServer, work: Path, songs: int, share: float) -> int:
    url, out = server.new_database(), work / "out"
    library = build_foreign_library(
        url, work, song_count=songs, processed_share=share, extra_columns=True, triggers=True
    )
    before, uncounted, old = (
        dump_owner_schema(server, url),
        dump_owner_schema(server, url, include_counts=False),
        read_links(url),
    )
    begun = {link[0] for link in old}
    left = set(library.song_ids) - begun
    print(
        f"{songs:,} songs, {len(library.song_ids):,} with several tracks, {len(begun):,} of them split before"
    )
    right = True

    def told(what: str, held: bool) -> None:
        nonlocal right
        right &= held
        print(f"  {'holds' if held else 'FAILS'}  {what}")

    _run(url, "catalog", "check", "-o", str(out))
    _run(url, "split", "--adopt", "-o", str(out), "--dry-run")
    _run(url, "split", "--adopt", "-o", str(out))
    told("no link without both ends", server.psql(url, DANGLING_LINKS_SQL) == "0\n")
    told("the progress query counts every song", server.psql(url, ALL_SONGS_LINKED_SQL) == "t\n")
    told("the links are those of the songs' tracks", read_links(url) == old | expected_links(url, left))
    assert_owner_checks(server, url)
    told("every row of files has its file, of that size and content", True)
    told(
        "rows were added to the owner's tables, and nothing else",
        uncounted <= dump_owner_schema(server, url, include_counts=False),
    )
    after = dump_owner_schema(server, url)
    _run(url, "split", "--adopt", "-o", str(out))
    told("a second run changes nothing", dump_owner_schema(server, url) == after)
    _run(url, "verify", str(out))
    _run(url, "catalog", "undo", "1", "--yes")
    told("the dump is as it was before", dump_owner_schema(server, url) == before)
    return 0 if right else 1


def _run(url: str, *arguments: str) -> None:
    started = time.perf_counter()
    command = [sys.executable, "-m", "midiprism", *arguments, "--database", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    print(f"$ midiprism {' '.join(arguments[:2])}: exit code {done.returncode}, {seconds:.1f} s")
    for line in done.stdout.splitlines()[:7]:
        print(f"    {line}")
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""Adopt a library that another program began: split the rest, check as its owner would, undo.

    python benchmarks adoption [--songs 20000] [--share 0.372] [--work FOLDER]

Run it with ``tests`` on PYTHONPATH. It creates a library whose tables have columns and triggers of the owner,
splits the rest, compares dumps of the owner's tables before and after, runs again, undoes the run, and
compares again. It exits with 1 if a check fails.
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
    parser.add_argument(
        "--share",
        type=float,
        default=0.372,
        help="share of the songs that the owner has split (default: 0.372)",
    )
    parser.add_argument("--work", type=Path, help="folder to work in, such as one in memory")
    options = parser.parse_args()
    server = PostgresServer(find_installations()[0])
    work = Path(tempfile.mkdtemp(prefix="midiprism-adoption-", dir=options.work))
    try:
        return _measure(server, work, options.songs, options.share)
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
    split_before = {song_id for song_id, *_ in old}
    unsplit = set(library.song_ids) - split_before
    print(f"{songs:,} songs, {len(library.song_ids):,} with several tracks")
    print(f"{len(split_before):,} of these were split before")
    all_hold = True

    def report(check: str, holds: bool) -> None:
        nonlocal all_hold
        all_hold &= holds
        print(f"  {'holds' if holds else 'FAILS'}  {check}")

    _run(url, "catalog", "check", "-o", str(out))
    _run(url, "split", "--adopt", "-o", str(out), "--dry-run")
    _run(url, "split", "--adopt", "-o", str(out))
    report("no link without both ends", server.psql(url, DANGLING_LINKS_SQL) == "0\n")
    report("the progress query counts every song", server.psql(url, ALL_SONGS_LINKED_SQL) == "t\n")
    report("the links are those of the songs' tracks", read_links(url) == old | expected_links(url, unsplit))
    assert_owner_checks(server, url)
    report("every row of files has its file, of that size and content", True)
    report(
        "rows were added to the owner's tables, and nothing else",
        uncounted <= dump_owner_schema(server, url, include_counts=False),
    )
    after = dump_owner_schema(server, url)
    _run(url, "split", "--adopt", "-o", str(out))
    report("a second run changes nothing", dump_owner_schema(server, url) == after)
    _run(url, "verify", str(out))
    _run(url, "catalog", "undo", "1", "--yes")
    report("the dump is as it was before", dump_owner_schema(server, url) == before)
    return 0 if all_hold else 1


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

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

from support.adopted import ONE_ENDED, PROGRESS, expected, links, require_owners_checks, theirs
from support.foreign import build
from support.postgres import Server, installations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.372, help="of the songs, split by the owner already")
    parser.add_argument("--work", type=Path, help="folder to work in, such as one in memory")
    asked = parser.parse_args()
    server = Server(installations()[0])
    work = Path(tempfile.mkdtemp(prefix="midiprism-adoption-", dir=asked.work))
    try:
        return _measure(server, work, asked.songs, asked.share)
    finally:
        server.close()
        shutil.rmtree(work)


def _measure(server: Server, work: Path, songs: int, share: float) -> int:
    url, out = server.new_database(), work / "out"
    library = build(url, work, songs=songs, share=share, columns=True, triggers=True)
    before, uncounted, old = theirs(server, url), theirs(server, url, counts=False), links(url)
    begun = {link[0] for link in old}
    left = set(library.parents) - begun
    print(
        f"{songs:,} songs, {len(library.parents):,} with several tracks, {len(begun):,} of them split before"
    )
    right = True

    def told(what: str, held: bool) -> None:
        nonlocal right
        right &= held
        print(f"  {'holds' if held else 'FAILS'}  {what}")

    _run(url, "catalog", "check", "-o", str(out))
    _run(url, "split", "--adopt", "-o", str(out), "--dry-run")
    _run(url, "split", "--adopt", "-o", str(out))
    told("no link without both ends", server.psql(url, ONE_ENDED) == "0\n")
    told("the progress query counts every song", server.psql(url, PROGRESS) == "t\n")
    told("the links are those of the songs' tracks", links(url) == old | expected(url, left))
    require_owners_checks(server, url)
    told("every row of files has its file, of that size and content", True)
    told(
        "rows were added to the owner's tables, and nothing else",
        uncounted <= theirs(server, url, counts=False),
    )
    after = theirs(server, url)
    _run(url, "split", "--adopt", "-o", str(out))
    told("a second run changes nothing", theirs(server, url) == after)
    _run(url, "verify", str(out))
    _run(url, "catalog", "undo", "1", "--yes")
    told("the dump is as it was before", theirs(server, url) == before)
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

"""Split and export crafted songs, each in a process of its own, and check what they cost.

    python fuzz/crafted_costs.py [--scale 1000] [--kind NAME] [--context full] [--by program]

No song may take more than 1 s, plus 2 s for each megabyte of input and output, nor its process more than a
gigabyte of memory. A file counts as the blocks that it takes. The time is processor time, of ``split`` and of
``export``, each by its own output, without that of loading the program. The exit code is 1 if a song takes
more.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from midiprism.cli import main as run_command
from support.crafted_songs import crafted_songs

MAX_BYTES = 1 << 30


def main() -> int:
    """Measure every kind, or one in this process, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=int, default=1_000, help="about so many kilobytes in each song")
    parser.add_argument("--kind", help="measure one kind only")
    parser.add_argument("--context", default="conductor", help="of the splits")
    parser.add_argument("--by", default="auto", help="of the splits")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    songs = [item for item in crafted_songs(options.scale) if options.kind in (None, item[0])]
    if options.here:
        return _measure(*songs[0], by=options.by, context=options.context)
    program = [sys.executable, __file__, *sys.argv[1:], "--here", "--kind"]
    return max(subprocess.run([*program, name], check=False).returncode for name, _ in songs)


def _measure(name: str, data: bytes, *, by: str, context: str) -> int:
    """Split and export one song, print the costs, and return 1 if they are too high."""
    with tempfile.TemporaryDirectory() as work:
        source, out = Path(work, "source"), Path(work, "out")
        source.mkdir()
        command = ["split", "--quiet", "--workers", "0", "--by", by, "--context", context]
        (source / "song.mid").write_bytes(next(crafted_songs(1))[1])
        _run([*command, "--out", str(Path(work, "loaded")), str(source)])
        (source / "song.mid").write_bytes(data)
        split_seconds = _run([*command, "--out", str(out), str(source)])
        export_seconds = _run(["export", "--quiet", "--to", str(Path(work, "tree")), str(out)])
        tracks, split_bytes = _count_files(out)
        _, export_bytes = _count_files(Path(work, "tree"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Equal splits are all made, but stored once: the tree has a file for each.
    made_bytes = max(split_bytes, export_bytes)
    split_allowed, export_allowed = (1 + 2 * (len(data) + size) / 1e6 for size in (made_bytes, export_bytes))
    is_too_much = split_seconds > split_allowed or export_seconds > export_allowed or peak > MAX_BYTES
    print(
        f"{name:27} {len(data) / 1e6:7.2f} MB in, {split_bytes / 1e6:7.2f} MB out in {tracks:6,} tracks: "
        f"split {split_seconds:6.2f} s of {split_allowed:6.2f}, export {export_seconds:6.2f} s of "
        f"{export_allowed:6.2f}, {peak / 1e6:6.0f} MB{'  TOO MUCH' if is_too_much else ''}",
        flush=True,
    )
    return int(is_too_much)


def _count_files(folder: Path) -> tuple[int, int]:
    """Return the number of songs below a folder, and the bytes that they take."""
    files = [path.stat() for path in folder.rglob("*.mid")]
    return len(files), sum(max(file.st_size, file.st_blocks * 512) for file in files)


def _run(arguments: list[str]) -> float:
    """Run a command in this process, and return the processor time that it takes."""
    started = time.process_time()
    run_command(arguments)
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())

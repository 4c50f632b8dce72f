"""Print what midiprism, mido, symusic and partitura make of damaged songs: ``python fuzz/damage_table.py``.

Songs are generated, then damaged in each of the ways of ``support.damaged_songs``. Every reader runs in a
process of its own with a time limit, so that a crash costs one song. The table counts for how many songs a
reader finds all notes at their seconds, a prefix of each channel's notes, others, or none because it refuses
the song, dies or takes too long. Songs that are a valid file after a kind of damage are counted apart: that
damage cannot be seen.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

TESTS_FOLDER = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS_FOLDER))

from support import damage_readers  # noqa: E402
from support.damage_readers import READERS, decode_answer  # noqa: E402
from support.damaged_songs import KINDS, DamagedSong, Voice, compare, damaged_song, damaged_songs  # noqa: E402

UNDAMAGED = "undamaged"
ALL = "all damaged"
VERDICTS = ("same", "prefix", "other", "refused")
SONG_SECONDS = 10
"""Time limit for one song."""
START_SECONDS = 300
"""Time limit for the first song of a process, for which the kernel may have to be compiled."""


class ReaderProcess:
    """A process that reads songs, and is started again when it dies or takes too long.

    Args:
        command: of a process that answers requests as ``support.damage_readers`` does.
    """

    def __init__(
        self, command: Sequence[str], seconds: float = SONG_SECONDS, first: float = START_SECONDS
    ) -> None:
        self._command = command
        self._seconds = seconds
        self._first = first
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes) -> list[Voice] | None:
        """Return the voices of a song; None if the reader refuses it, dies or takes too long."""
        seconds = self._seconds
        if self._process is None:
            self._process = self._start()
            seconds = self._first
        process = self._process
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(len(data).to_bytes(4, "big") + data)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self.close()
            return None
        return decode_answer(line)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            with self._process:
                self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, (str(TESTS_FOLDER), os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            self._command,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


class Row(NamedTuple):
    """The songs of one kind of damage: how many, of how many a damage is not seen, and the verdicts."""

    kind: str
    songs: int
    unseen: int
    verdicts: dict[str, Counter[str]]


def judge(kind: str, songs: Iterable[DamagedSong], readers: dict[str, ReaderProcess]) -> Row:
    """Return the row of one kind. Songs whose damage is not seen are read by nobody."""
    count = unseen = 0
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in readers}
    for song in songs:
        count += 1
        if song.data != song.undamaged and not song.is_seen:
            unseen += 1
            continue
        for name, reader in readers.items():
            found = reader.read(song.data)
            verdicts[name]["refused" if found is None else compare(song.original, found)] += 1
    return Row(kind, count, unseen, verdicts)


def total(rows: Sequence[Row]) -> Row:
    """Return the sum of all rows."""
    verdicts = {name: sum((row.verdicts[name] for row in rows), Counter()) for name in rows[0].verdicts}
    return Row(ALL, sum(row.songs for row in rows), sum(row.unseen for row in rows), verdicts)


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Return a table in Markdown. A cell has the numbers of VERDICTS, in their order."""
    names = list(rows[0].verdicts)
    lines = [f"| damage | songs | valid files | {' | '.join(names)} |", "|---" * (len(names) + 3) + "|"]
    for row in rows:
        cells = [" / ".join(str(row.verdicts[name][verdict]) for verdict in VERDICTS) for name in names]
        lines.append(f"| {row.kind} | {row.songs} | {row.unseen} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Print the table; return 1 if midiprism finds other notes than those of a song."""
    parser = argparse.ArgumentParser(description="Compare readers on damaged songs.")
    parser.add_argument("--songs", type=int, default=40, help="songs of each kind of damage (default 40)")
    parser.add_argument("--readers", default=",".join(READERS), help="separated by commas (default: all)")
    arguments = parser.parse_args()
    names = arguments.readers.split(",")
    program = str(Path(damage_readers.__file__))
    readers = {name: ReaderProcess([sys.executable, program, name]) for name in names}
    kinds: dict[str, Iterable[DamagedSong]] = {
        UNDAMAGED: (damaged_song(number) for number in range(arguments.songs))
    }
    kinds |= {kind: damaged_songs(kind, arguments.songs) for kind in KINDS}
    rows = []
    for kind, songs in kinds.items():
        rows.append(judge(kind, songs, readers))
        print(f"done: {kind}", file=sys.stderr, flush=True)
    for reader in readers.values():
        reader.close()
    print(", ".join(f"{name} {version(name)}" for name in names))
    print()
    together = total(rows[1:])
    print("\n".join(table_lines([*rows, together])))
    return 1 if "midiprism" in names and together.verdicts["midiprism"]["other"] else 0


if __name__ == "__main__":
    sys.exit(main())

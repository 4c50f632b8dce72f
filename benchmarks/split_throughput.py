"""Measure how fast one process splits, compared with symusic and mido on the same bytes.

    python benchmarks split_throughput [FILE, FOLDER or ZIP ...]

Files are read into memory first. In every round each side splits all files once, one side after the other;
mido, which is slower by orders of magnitude, gets every so many-th file, and so does midiprism for that
comparison. Figures are medians over the rounds. Without a path: the folder MIDIPRISM_CORPUS, or
``shared/corpus`` next to the project, or else sample songs.
"""

import argparse
import io
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import mido
import symusic

import midiprism
from midiprism.sample import generate_songs
from midiprism.smf.split_song import BY_CODES, run_kernel
from naive_symusic import playing_tracks

SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")
CONDUCTOR_TYPES = ("set_tempo", "time_signature", "key_signature", "smpte_offset")


def split_with_midiprism(data: bytes) -> object:
    """Split with the public function."""
    return midiprism.split(data, by="track")


def split_with_digests(data: bytes) -> object:
    """Split with the public function, and compute the digest of every split."""
    return [track.digest for track in midiprism.split(data, by="track").tracks]


def split_with_kernel(data: bytes) -> object:
    """Run the kernel alone: no digests, names or objects."""
    return run_kernel(data, BY_CODES["track"], full_context=False)


def split_with_symusic(data: bytes) -> object:
    """Dump one score per playing track, with the song's tempi and signatures."""
    return [one.dumps_midi() for one in playing_tracks(symusic.Score.from_midi(data))]


def split_with_mido(data: bytes) -> object:
    """Save one file per playing track, with the other tracks' conductor events merged in by absolute tick."""
    source = mido.MidiFile(file=io.BytesIO(data), clip=True)
    timed = []
    for track in source.tracks:
        tick = 0
        events = []
        for message in track:
            tick += message.time
            events.append((tick, message))
        timed.append(events)
    files = []
    for number, events in enumerate(timed):
        if not any(message.type == "note_on" and message.velocity for _, message in events):
            continue
        last = events[-1][0]
        merged = [
            (tick, other > number, message)
            for other, others in enumerate(timed)
            if other != number
            for tick, message in others
            if message.type in CONDUCTOR_TYPES and tick <= last
        ]
        merged += [(tick, False, message) for tick, message in events]
        merged.sort(key=lambda at: at[:2])
        one = mido.MidiFile(type=0, ticks_per_beat=source.ticks_per_beat)
        track = mido.MidiTrack()
        before = 0
        for tick, _, message in merged:
            track.append(message.copy(time=tick - before))
            before = tick
        one.tracks.append(track)
        out = io.BytesIO()
        one.save(file=out)
        files.append(out.getvalue())
    return files


def read_midi_files(path: Path) -> Iterator[bytes]:
    """Yield every MIDI file of a folder, of the zip archives in it, or of one archive."""
    for member in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if member.suffix.lower() == ".zip":
            with ZipFile(member) as archive:
                yield from (
                    archive.read(name)
                    for name in sorted(archive.namelist())
                    if name.lower().endswith(SUFFIXES)
                )
        elif member.suffix.lower() in SUFFIXES and member.is_file():
            yield member.read_bytes()


def readable_by_all(files: list[bytes]) -> list[bytes]:
    """Return the files that all sides read."""
    good = []
    for data in files:
        try:
            split_with_symusic(data)
            split_with_mido(data)
        except Exception:  # noqa: BLE001 - readers raise what they like at what they cannot read
            continue
        good.append(data)
    return good


def time_files(side: Callable[[bytes], object], files: list[bytes]) -> float:
    """Return the time of one side for all files."""
    begin = time.perf_counter()
    for data in files:
        side(data)
    return time.perf_counter() - begin


def measure(sides: list[Callable[[bytes], object]], files: list[bytes], rounds: int) -> list[float]:
    """Return the median seconds of each side, measured in turn."""
    times = [[time_files(side, files) for side in sides] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def print_row(what: str, taken: float, files: list[bytes], note: str = "") -> None:
    """Print one line of the table."""
    size = sum(map(len, files))
    print(f"{what:18}{taken / len(files) * 1e6:12,.1f} µs/file {size / taken / 1e6:10,.2f} MB/s   {note}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=7, help="rounds against symusic (default: 7)")
    parser.add_argument("--mido-rounds", type=int, default=5, help="rounds against mido (default: 5)")
    parser.add_argument("--mido-files", type=int, default=40, help="files that mido splits (default: 40)")
    options = parser.parse_args()

    default = Path(os.environ.get("MIDIPRISM_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    paths = options.paths or ([default] if default.is_dir() else [])
    files = [data for path in paths for data in read_midi_files(path)]
    what = ", ".join(path.name for path in paths)
    if not files:
        files = [song.data for song in generate_songs(2000, seed=0)]
        what = "sample songs"
    few = readable_by_all(files[:: max(1, len(files) // options.mido_files)])
    for side in (split_with_midiprism, split_with_kernel):  # compiles, or loads what is compiled
        side(files[0])
    readable = [data for data in files if is_readable_by_symusic(data)]

    versions = ", ".join(f"{name} {version(name)}" for name in ("numba", "symusic", "mido"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{machine}, Python {platform.python_version()}, {versions}")
    read = f"{len(readable):,} of {len(files):,} files that symusic reads"
    print(f"{read} ({what}), one process, medians of {options.rounds}")
    sides: list[Callable[[bytes], object]] = [
        split_with_midiprism,
        split_with_digests,
        split_with_kernel,
        split_with_symusic,
    ]
    ours, hashed, kernel, theirs = measure(sides, readable, options.rounds)
    print_row("midiprism.split", ours, readable, f"{theirs / ours:.1f} times as fast as symusic")
    print_row("with digests", hashed, readable, f"{theirs / hashed:.1f} times as fast as symusic")
    print_row("kernel alone", kernel, readable, f"{theirs / kernel:.1f} times as fast as symusic")
    print_row("symusic", theirs, readable)
    print(f"{len(few):,} of them that mido reads too, medians of {options.mido_rounds}")
    # The fast side takes the files often enough for its clock to be fair.
    ours, kernel, theirs = measure(
        [
            lambda data: repeat(split_with_midiprism, data),
            lambda data: repeat(split_with_kernel, data),
            split_with_mido,
        ],
        few,
        options.mido_rounds,
    )
    ours, kernel = ours / REPEATS, kernel / REPEATS
    print_row("midiprism.split", ours, few, f"{theirs / ours:,.0f} times as fast as mido")
    print_row("kernel alone", kernel, few, f"{theirs / kernel:,.0f} times as fast as mido")
    print_row("mido", theirs, few)


REPEATS = 20


def repeat(side: Callable[[bytes], object], data: bytes) -> None:
    """Split one file several times."""
    for _ in range(REPEATS):
        side(data)


def is_readable_by_symusic(data: bytes) -> bool:
    """Return whether symusic reads a file."""
    try:
        split_with_symusic(data)
    except Exception:  # noqa: BLE001 - it raises what it likes
        return False
    return True


if __name__ == "__main__":
    main()

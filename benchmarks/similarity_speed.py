"""Measure fingerprints, groups and searches by example on made-up tracks, beside rensa and datasketch.

    python benchmarks similarity_speed [--tracks 1000000] [--queried 1500000] [--work FOLDER]

Tracks are rows of motifs that recur; a third of them are another one with changes. Their catalog and their
fingerprints are written straight to the disk; then they are grouped as `midiprism duplicates --similar` does.
Rates of signatures are of processor time, which other programs change little.
"""

import argparse
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common import machine_description
from midiprism.results.result_dir import catalog_path
from midiprism.similarity.examples import find_similar
from midiprism.similarity.fingerprints import Lines, PhraseSets, sign_phrases
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.generation import (
    Generation,
    NamedSegment,
    read_generation,
    write_generation,
    write_segment,
)
from midiprism.similarity.groups import update_groups
from midiprism.similarity.segment import NewTracks, Segment, build_segment, digest_number
from midiprism.similarity.update import MAX_SEGMENT_TRACKS
from synthetic_catalog import CatalogMaker

MOTIFS, MOTIF_NOTES, PLAYED_MOTIFS = 10, 14, 20
INTERVALS = np.array([-12, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 12])
WEIGHTS = np.array([1, 2, 3, 4, 7, 18, 10, 16, 10, 18, 7, 4, 3, 2, 1.0])
"""Intervals about as often as in melodies of POP909."""

SHARE_OF_VERSIONS = 0.33
NEW_SONGS = 1_000
TRACKS_PER_SONG = 2.63
SETS = 100_000
SET_SIZES = (50, 200)
FEW_SETS = 2_000
ROUNDS = 7
VALUES = 64
QUERIES = 300
CUT_UNITS = 4 * 4 * 48


class TrackMaker:
    """Makes lines, each of which is like no other, or a version of an earlier one.

    Args:
        seed: of the random numbers.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)

    def lines(self, count: int) -> Lines:
        """Return lines of 280 groups each."""
        rng = self._rng
        motifs = rng.choice(INTERVALS, (count, MOTIFS, MOTIF_NOTES), p=WEIGHTS / WEIGHTS.sum()).astype(
            np.int16
        )
        gaps = rng.choice([12, 24, 24, 48], (count, MOTIFS, MOTIF_NOTES)).astype(np.uint16)
        order = rng.integers(0, MOTIFS, (count, PLAYED_MOTIFS))
        rows = np.arange(count)[:, None]
        intervals = motifs[rows, order].reshape(count, -1)
        gaps = gaps[rows, order].reshape(count, -1)
        versions = np.flatnonzero(rng.random(count) < SHARE_OF_VERSIONS)
        originals = rng.integers(0, count, len(versions))
        changed = intervals[originals]
        changed[rng.random(changed.shape) < 0.02] += 1
        intervals[versions], gaps[versions] = changed, gaps[originals]
        # Pitches are folded into the middle octaves, which few intervals notice.
        pitches = (intervals.cumsum(axis=1) % 60 + 36).astype(np.uint8)
        length = pitches.shape[1]
        return Lines(
            np.arange(count + 1, dtype=np.int64) * length,
            gaps.reshape(-1),
            pitches.reshape(-1),
            np.zeros(count, np.uint8),
        )


class Times(NamedTuple):
    """The time that something took, and that of processors, which other programs do not change much."""

    seconds: float
    processor_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.processor_seconds:.1f} s of processors)"


def timed(work: Callable[[], Any]) -> tuple[Times, Any]:
    started, used = time.perf_counter(), time.process_time()
    result = work()
    return Times(time.perf_counter() - started, time.process_time() - used), result


def measure_signatures(count: int) -> None:
    """Print how many sets a core signs in a second, beside rensa and datasketch."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    rng = np.random.default_rng(1)
    for size in SET_SIZES:
        phrases = rng.integers(0, 1 << 32, size * count, np.uint32)
        sets = PhraseSets(phrases, np.arange(1, count + 1) * size)
        sign_phrases(PhraseSets(phrases[:size], sets.ends[:1]))
        competitors: dict[str, _Competitor] = {
            "midiprism": (count, lambda sets=sets: sign_phrases(sets)),  # type: ignore[misc]
            **dict(_peers(phrases, size, count)),
        }
        rates = _rates(competitors)
        print(f"signatures of {size} phrases, {VALUES} values, sets/s of one core:")
        for name, rate in rates.items():
            print(f"  {name:<32} {rate:12,.0f}  1/{rates['midiprism'] / rate:.1f}", flush=True)


_Competitor = tuple[int, Callable[[], object]]


def _rates(competitors: Mapping[str, _Competitor]) -> dict[str, float]:
    """Return the rate of each in the fastest of some rounds, in which they take turns; in processor time."""
    best = dict.fromkeys(competitors, float("inf"))
    for _ in range(ROUNDS):
        for name, (_, work) in competitors.items():
            started = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - started)
    return {name: count / best[name] for name, (count, _) in competitors.items()}


def _peers(phrases: Any, size: int, count: int) -> Iterator[tuple[str, _Competitor]]:
    few_sets = min(FEW_SETS, count)
    few = [[b"%d" % it for it in phrases[at : at + size]] for at in range(0, few_sets * size, size)]
    try:
        from rensa import RMinHash
    except ImportError:
        print("rensa is not installed")
    else:
        hashes = phrases.astype(np.uint64)
        offsets = np.arange(0, len(phrases) + 1, size, dtype=np.uint64)
        flat = RMinHash.digest_matrix_from_flat_token_hashes
        yield "rensa, from hashes, all at once", (count, lambda: flat(hashes, offsets, VALUES, 1))

        def one_by_one() -> None:
            for tokens in few:
                RMinHash(num_perm=VALUES, seed=1).update(tokens)

        yield "rensa, from texts, one by one", (few_sets, one_by_one)
    try:
        from datasketch import MinHash
    except ImportError:
        print("datasketch is not installed")
    else:
        yield "datasketch", (few_sets, lambda: MinHash.bulk(few, num_perm=VALUES))


def write_fingerprints(out: Path, maker: TrackMaker, first_id: int, last_id: int) -> None:
    """Add the fingerprints of made-up tracks to a result, whose catalog has their ids.

    Ids beyond the last track of the catalog get digests that no track has.
    """
    folder = similarity_folder(str(out))
    os.makedirs(folder, exist_ok=True)
    segments: list[NamedSegment] = [*read_generation(folder).segments]
    with sqlite3.connect(catalog_path(str(out))) as connection:
        for start in range(first_id, last_id + 1, MAX_SEGMENT_TRACKS):
            stop = min(start + MAX_SEGMENT_TRACKS, last_id + 1)
            rows = connection.execute(
                "SELECT digest FROM tracks WHERE id >= ? AND id < ? ORDER BY id", (start, stop)
            )
            digests = [digest_number(digest) for (digest,) in rows]
            digests += [0] * (stop - start - len(digests))
            part = NewTracks(np.arange(start, stop), np.array(digests, np.uint64), maker.lines(stop - start))
            segments.append(write_segment(folder, build_segment([part])))
    write_generation(folder, Generation(last_id, segments))


def peak_memory() -> float:
    """Return the most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure_groups(out: Path, maker: TrackMaker, tracks: int) -> None:
    """Print the time to group all tracks, and to add some."""
    catalog = CatalogMaker(out)
    count = 0
    while count < tracks:
        catalog.add(max(1, min(20_000, int((tracks - count) / TRACKS_PER_SONG))))
        count = _count_tracks(out)
    seconds, _ = timed(lambda: write_fingerprints(out, maker, 1, count))
    size = sum(path.stat().st_size for path in Path(similarity_folder(str(out))).iterdir())
    print(
        f"{count:,} tracks: phrases, signatures, index: {seconds}, {size / count:,.0f} bytes a track",
        flush=True,
    )
    catalog.checkpoint()
    seconds, found = timed(lambda: update_groups(str(out)))
    print(
        f"grouped: {seconds}, {found.tracks_changed:,} tracks in groups, {peak_memory():.2f} GB",
        flush=True,
    )
    catalog.add(NEW_SONGS)
    catalog.close()
    new = _count_tracks(out)
    write_fingerprints(out, maker, count + 1, new)
    seconds, found = timed(lambda: update_groups(str(out)))
    changed = found.tracks_changed
    print(
        f"{NEW_SONGS:,} songs more, {new - count:,} tracks: {seconds}, {changed:,} regrouped",
        flush=True,
    )


def _count_tracks(out: Path) -> int:
    with sqlite3.connect(catalog_path(str(out))) as connection:
        ((count,),) = connection.execute("SELECT max(id) FROM tracks")
        return int(count or 0)


def measure_queries(out: Path, maker: TrackMaker, tracks: int) -> None:
    """Print the time of searches by example, and how often a cut finds its track."""
    generation = read_generation(similarity_folder(str(out)))
    if generation.last_id < tracks:
        write_fingerprints(out, maker, generation.last_id + 1, tracks)
    segments = [*read_generation(similarity_folder(str(out)))]
    rng = np.random.default_rng(3)
    times: list[Times] = []
    found = 0
    for number in range(QUERIES + 20):
        segment = segments[int(rng.integers(len(segments)))]
        row = int(rng.integers(len(segment)))
        example = _cut(segment, row, rng)
        seconds, best = timed(lambda example=example: find_similar(segments, example, 10))  # type: ignore[misc]
        if number >= 20:
            times.append(seconds)
            found += any(it.id == segment.ids[row] for it in best)
    total = sum(map(len, segments))
    for what, values in zip(("wall clock", "of processors"), zip(*times, strict=True), strict=True):
        p50, p95 = (np.percentile(values, share) * 1e3 for share in (50, 95))
        print(f"cuts of four bars in {total:,} tracks, {what}: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    print(f"  its track among the first 10: {found / QUERIES:.3f}")


def _cut(segment: Segment, row: int, rng: np.random.Generator) -> Lines:
    lines = segment.lines
    span = slice(int(lines.starts[row]), int(lines.starts[row + 1]))
    onsets = np.cumsum(lines.gaps[span].astype(np.int64))
    first = int(rng.integers(len(onsets) - 40))
    last = int(np.searchsorted(onsets, onsets[first] + CUT_UNITS))
    pitches = lines.pitches[span][first:last].astype(np.int64) + int(rng.integers(-6, 7))
    return Lines(
        np.array([0, last - first]),
        lines.gaps[span][first:last].copy(),
        pitches.astype(np.uint8),
        np.zeros(1, np.uint8),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--queried", type=int, default=1_500_000, help="default: 1500000")
    parser.add_argument("--sets", type=int, default=SETS, help=f"to sign; default: {SETS}")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    options = parser.parse_args(arguments)
    out = options.work / f"similarity-{options.tracks}"
    shutil.rmtree(out, ignore_errors=True)
    print(machine_description(), flush=True)
    measure_signatures(options.sets)
    maker = TrackMaker()
    measure_groups(out, maker, options.tracks)
    measure_queries(out, maker, options.queried)
    shutil.rmtree(out)


if __name__ == "__main__":
    main()

"""Measure how well the same music is found on POP909, which has several versions of each song.

    python benchmarks similarity_accuracy pop909.zip [--others 100000] [--cuts 1000] [--plot roc.svg]

Precision and recall count pairs of tracks that are in one group, and pairs of songs. The truth is the folder
of a song, with the corrections below. Transformed tracks are grouped together with all of POP909 and with
tracks of sample songs.
"""

import argparse
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np

from midiprism import open_result, split, split_library
from midiprism.errors import MidiprismError
from midiprism.sample import generate_songs
from midiprism.similarity.collection import Collection
from midiprism.similarity.examples import find_similar
from midiprism.similarity.fingerprints import Fingerprinter, Lines
from midiprism.similarity.grouping import MIN_PHRASES, group_tracks
from midiprism.similarity.segment import NewTracks, Segment, build_segment
from midiprism.similarity.types import DEFAULT_THRESHOLD
from midiprism.smf.instruments import DRUM_FAMILY
from midiprism.smf.types import SplitTrack

SAME_SONGS = {18: 17, 103: 101, 805: 262, 666: 492, 704: 703, 773: 771, 840: 839}
"""Songs that share their melodies with another one."""

ROLES = ("MELODY", "PIANO")
THRESHOLDS = (0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
SEGMENT_TRACKS = 100_000
JITTER_SECONDS = 0.015
SECONDS_PER_QUARTER = 0.5
BARS_OF_A_CUT = 4
MIN_CUT_NOTES = 16

Notes = Any
"""Onsets in ticks, pitches and lengths of notes, in the order of the onsets; shape (notes, 3)."""


class PopTrack(NamedTuple):
    """A track of POP909, its role in capital letters, and its song after the corrections."""

    song: int
    role: str
    data: bytes


def read_tracks(archive: Path) -> Iterator[PopTrack]:
    """Yield the tracks of all songs and versions."""
    with ZipFile(archive) as songs:
        for name in sorted(songs.namelist()):
            found = re.match(r"(?:.*/)?(\d{3})/(?:versions/)?\1(-v\d+)?\.mid$", name)
            if found is None:
                continue
            number = int(found[1])
            for track in split(songs.read(name)).tracks:
                yield PopTrack(SAME_SONGS.get(number, number), (track.name or "").upper(), track.data)


def other_tracks(count: int) -> Iterator[SplitTrack]:
    """Yield different tracks of sample songs."""
    seen: set[bytes] = set()
    songs = generate_songs(count, seed=11, duplicates=0)
    while len(seen) < count:
        for track in split(next(songs).data).tracks:
            if track.data not in seen and len(seen) < count:
                seen.add(track.data)
                yield track


def segments_of(lines: Sequence[Lines]) -> list[Segment]:
    """Return segments of tracks, whose ids are their places from 1 on."""
    found, parts, first = [], [], 1
    for line in lines:
        ids = np.arange(first, first + len(line))
        parts.append(NewTracks(ids, ids.astype(np.uint64), line))
        first += len(line)
        if sum(map(len, (part.lines for part in parts))) >= SEGMENT_TRACKS or line is lines[-1]:
            found.append(Segment(build_segment(parts)))
            parts = []
    return found


def groups_of(prints: Collection, threshold: float = DEFAULT_THRESHOLD) -> Any:
    """Return the group of each track."""
    roots = np.arange(len(prints))
    group_tracks(prints, roots, threshold=threshold)
    return roots


def pairs_in(groups: Sequence[Any]) -> int:
    """Return the number of pairs of members that have the same value."""
    return sum(count * (count - 1) // 2 for count in Counter(groups).values())


def precision_recall(groups: Sequence[int], truth: Sequence[int]) -> tuple[float, float]:
    """Return the share of pairs in groups that are right, and the share of right pairs that are in groups."""
    right = pairs_in([*zip(groups, truth, strict=True)])
    return right / max(1, pairs_in(groups)), right / max(1, pairs_in(truth))


def measure_versions(tracks: Sequence[PopTrack], prints: Collection) -> dict[str, list[tuple[float, ...]]]:
    """Print and return precision and recall of each role over thresholds."""
    curves: dict[str, list[tuple[float, ...]]] = {role: [] for role in ROLES}
    print("role       threshold  precision  recall")
    for threshold in THRESHOLDS:
        roots = groups_of(prints, threshold).tolist()
        for role in ROLES:
            chosen = [index for index, track in enumerate(tracks) if track.role == role]
            truth = [tracks[index].song for index in chosen]
            point = precision_recall([roots[index] for index in chosen], truth)
            curves[role].append((threshold, *point))
            print(f"{role:<10} {threshold:9.2f}  {point[0]:9.4f}  {point[1]:6.4f}", flush=True)
    return curves


def measure_songs(archive: Path) -> None:
    """Print how well the groups of songs, in the catalog of a result, are the versions of songs."""
    with TemporaryDirectory() as folder:
        split_library(archive, Path(folder, "result"))
        result = open_result(Path(folder, "result"))
        result.find_groups()
        truth, groups = [], []
        for song in result.songs():
            found = re.search(r"/(\d{3})(-v\d+)?\.mid$", os.fsdecode(song.path or b""))
            if found is not None:
                truth.append(SAME_SONGS.get(int(found[1]), int(found[1])))
                groups.append(song.similar_song_group or -song.id)
    precision, recall = precision_recall(groups, truth)
    print(
        f"{len(truth):,} songs in {len({*groups}):,} groups: precision {precision:.4f}, recall {recall:.4f}"
    )


def read_notes(data: bytes) -> tuple[Notes, int]:
    """Return the notes of a track, and its ticks per quarter note."""
    at, tick, running = 22, 0, 0
    sounding: dict[int, int] = {}
    notes: list[list[int]] = []
    while at < len(data):
        delta, at = _read_number(data, at)
        tick += delta
        if data[at] >= 0x80:
            running, at = data[at], at + 1
        if running >= 0xF0:
            at += running == 0xFF
            size, at = _read_number(data, at)
            at += size
            continue
        if running & 0xE0 != 0xC0:
            pitch, velocity = data[at], data[at + 1]
            if running & 0xF0 == 0x90 and velocity:
                sounding[pitch] = len(notes)
                notes.append([tick, pitch, 1])
            elif running & 0xE0 == 0x80 and pitch in sounding:
                note = notes[sounding.pop(pitch)]
                note[2] = max(1, tick - note[0])
        at += 1 if running & 0xE0 == 0xC0 else 2
    return np.array(notes, np.int64).reshape(-1, 3), int.from_bytes(data[12:14], "big")


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        value, at = value << 7 | data[at] & 0x7F, at + 1
        if data[at - 1] < 0x80:
            return value, at


def write_track(notes: Notes, division: int, program: int = 0) -> bytes:
    """Return a MIDI file of one track."""
    events = [(0, 0, bytes((0xC0, program)))]
    for onset, pitch, length in notes.tolist():
        events.append((onset, 2, bytes((0x90, pitch, 80))))
        events.append((onset + length, 1, bytes((0x80, pitch, 0))))
    body, now = bytearray(), 0
    for tick, _, message in sorted(events):
        body += _number(tick - now) + message
        now = tick
    body += b"\0\xff\x2f\0"
    head = b"MThd\0\0\0\6\0\0\0\1" + division.to_bytes(2, "big")
    return head + b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)


def _number(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


Change = Callable[[Notes, int, np.random.Generator], Notes]


def _grid(notes: Notes, ticks: float) -> Notes:
    moved = notes.copy()
    moved[:, 0] = np.floor(notes[:, 0] / ticks + 0.5) * ticks
    return moved


def _jitter(notes: Notes, division: int, rng: np.random.Generator) -> Notes:
    moved = notes.copy()
    ticks = rng.normal(0, JITTER_SECONDS / SECONDS_PER_QUARTER * division, len(notes))
    moved[:, 0] = np.maximum(0, moved[:, 0] + np.rint(ticks).astype(np.int64))
    return moved[np.argsort(moved[:, 0], kind="stable")]


def _wrong(notes: Notes, _: int, rng: np.random.Generator) -> Notes:
    changed = notes.copy()
    is_wrong = rng.random(len(notes)) < 0.03
    steps = rng.choice([-3, -2, -1, 1, 2, 3], int(is_wrong.sum()))
    changed[is_wrong, 1] = np.clip(changed[is_wrong, 1] + steps, 0, 127)
    return changed


def _transpose(notes: Notes, semitones: int) -> Notes:
    lowest, highest = notes[:, 1].min(), notes[:, 1].max()
    semitones = max(-lowest, min(127 - highest, semitones))
    return notes + np.array([0, semitones, 0])


CHANGES: Mapping[str, Change] = {
    "transposed": lambda notes, _, rng: _transpose(notes, int(rng.integers(-6, 7))),
    "an octave": lambda notes, _, rng: _transpose(notes, int(rng.choice([-12, 12]))),
    "shifted": lambda notes, division, rng: notes + np.array([int(rng.integers(1, 16 * division)), 0, 0]),
    "tempo x 2": lambda notes, *_: notes * np.array([2, 1, 2]),
    "1/16 grid": lambda notes, division, _: _grid(notes, division / 4),
    "1/8 grid": lambda notes, division, _: _grid(notes, division / 2),
    "15 ms jitter": _jitter,
    "5 % dropped": lambda notes, _, rng: notes[rng.random(len(notes)) >= 0.05],
    "3 % wrong": _wrong,
    "first half": lambda notes, *_: notes[: len(notes) // 2],
    "other program": lambda notes, *_: notes,
}


def measure_changes(tracks: Sequence[PopTrack], lines: Sequence[Lines], others: int, every: int) -> None:
    """Print for each change how many tracks are in the group of their original, beside other tracks."""
    rng, fingerprinter = np.random.default_rng(5), Fingerprinter()
    started = time.perf_counter()
    beside = [*lines, *_lines_of_others(others, fingerprinter)]
    print(f"{others:,} other tracks: {time.perf_counter() - started:.0f} s", flush=True)
    originals = [*range(0, len(tracks), every)]
    changed, sources, kinds = [], [], []
    for index in originals:
        notes, division = read_notes(tracks[index].data)
        for name, change in CHANGES.items():
            changed.append(
                write_track(change(notes, division, rng), division, 40 if "program" in name else 0)
            )
            sources.append(index)
            kinds.append(name)
    all_lines = [*beside, fingerprinter.lines(changed, [False] * len(changed))]
    prints = Collection(segments_of(all_lines))
    sizes = prints.sizes
    started = time.perf_counter()
    roots = groups_of(prints)
    print(f"{len(prints):,} tracks grouped: {time.perf_counter() - started:.1f} s")
    first = len(prints) - len(changed)
    recalls: dict[str, list[bool]] = {name: [] for name in CHANGES}
    for place, (source, kind) in enumerate(zip(sources, kinds, strict=True), first):
        if sizes[source] >= MIN_PHRASES:
            recalls[kind].append(bool(roots[place] == roots[source]))
    for name, found in recalls.items():
        print(f"{name:<14} recall {np.mean(found):.4f} of {len(found):,}")
    truth = [track.song for track in tracks] + [-1 - at for at in range(first - len(tracks))]
    truth += [tracks[source].song for source in sources]
    members: dict[int, list[int]] = {}
    for row, root in enumerate(roots.tolist()):
        members.setdefault(root, []).append(row)
    right = wrong = 0
    for rows in members.values():
        mine = [row for row in rows if row >= first]
        for row in mine:
            same = sum(truth[row] == truth[other] for other in rows if other != row)
            right, wrong = right + same, wrong + len(rows) - 1 - same
    print(f"precision of pairs with a transformed track: {right / max(1, right + wrong):.4f}")


def _lines_of_others(count: int, fingerprinter: Fingerprinter) -> Iterator[Lines]:
    batch: list[SplitTrack] = []
    for track in other_tracks(count):
        batch.append(track)
        if len(batch) == 2_000:
            yield _lines_of(batch, fingerprinter)
            batch = []
    if batch:
        yield _lines_of(batch, fingerprinter)


def _lines_of(batch: Sequence[SplitTrack], fingerprinter: Fingerprinter) -> Lines:
    drums = [track.own_family == DRUM_FAMILY for track in batch]
    return fingerprinter.lines([track.data for track in batch], drums)


def measure_cuts(tracks: Sequence[PopTrack], segments: Sequence[Segment], count: int) -> None:
    """Print how often a transposed cut of four bars finds its track, and its song, among the first 10."""
    rng, fingerprinter = np.random.default_rng(9), Fingerprinter()
    found = same_song = 0
    times = []
    done = 0
    while done < count:
        index = int(rng.integers(len(tracks)))
        notes, division = read_notes(tracks[index].data)
        bars = BARS_OF_A_CUT * 4 * division
        start = int(rng.integers(max(1, notes[-1, 0] - bars))) if len(notes) else 0
        cut = notes[(notes[:, 0] >= start) & (notes[:, 0] < start + bars)]
        if len(cut) < MIN_CUT_NOTES:
            continue
        moved = _transpose(cut, int(rng.integers(-6, 7))) - np.array([start, 0, 0])
        example = fingerprinter.lines([write_track(moved, division)], [False])
        started = time.perf_counter()
        best = find_similar(segments, example, 10)
        times.append(time.perf_counter() - started)
        places = [it.id - 1 for it in best]
        found += index in places
        same_song += any(place < len(tracks) and tracks[place].song == tracks[index].song for place in places)
        done += 1
    print(f"cuts of {BARS_OF_A_CUT} bars, transposed: its track among the first 10: {found / count:.4f}")
    print(f"  its song among the first 10: {same_song / count:.4f}")
    p50, p95 = (np.percentile(times, share) * 1e3 for share in (50, 95))
    print(f"  among {sum(map(len, segments)):,} tracks: p50 {p50:.0f} ms, p95 {p95:.0f} ms")


def plot(curves: Mapping[str, Sequence[tuple[float, ...]]], path: Path) -> None:
    """Draw precision and recall over thresholds."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "midiprism"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4.5))
    for role, points in curves.items():
        axes.plot([point[2] for point in points], [point[1] for point in points], "o-", label=role)
        for threshold, precision, recall in points:
            if threshold in (0.05, 0.1, 0.15, 0.2, 0.3, 0.6):
                axes.annotate(f"{threshold:g}", (recall, precision), (3, -10), textcoords="offset points")
    axes.set(xlabel="recall", ylabel="precision", title="Versions in POP909, by threshold", ylim=(0.8, 1.01))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, help="a zip file of POP909")
    parser.add_argument("--others", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--cuts", type=int, default=1_000, help="default: 1000")
    parser.add_argument("--every", type=int, default=10, help="transform every so manieth track; default: 10")
    parser.add_argument("--plot", type=Path, help="write a plot of precision and recall, as SVG")
    options = parser.parse_args()
    try:
        tracks = [*read_tracks(options.archive)]
    except (OSError, MidiprismError) as error:
        parser.error(str(error))
    lines = Fingerprinter().lines([track.data for track in tracks], [False] * len(tracks))
    segments = segments_of([lines])
    print(f"{len(tracks):,} tracks of POP909")
    curves = measure_versions(tracks, Collection(segments))
    if options.plot:
        plot(curves, options.plot)
    measure_songs(options.archive)
    if options.cuts:
        measure_cuts(tracks, segments, options.cuts)
    measure_changes(tracks, [lines], options.others, options.every)


if __name__ == "__main__":
    main()

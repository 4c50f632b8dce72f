"""Count the leaks between the folds of a library, and print how large its groups of songs are.

    python benchmarks fold_leaks SONGS... [--work FOLDER] [--min-notes 32]

The songs, folders or archives, are split into Parquet files, unless the folder of that result exists. A leak
is a song in the test folds 8 and 9 with a track of 32 notes or more whose list of onsets and pitches, in
ticks, is also that of a track in the training folds 0 to 7. The lists are read from the bytes of the tracks
by a reader in this file, which shares no code with the program that makes the groups.
"""

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

TEST_FOLDS = (8, 9)
MIN_NOTES = 32
HEADER_BYTES = 22
"""The header of a track's file, and that of its one chunk."""


class Song(NamedTuple):
    """A row of the table of songs."""

    path: str
    group: str
    fold: int


def main() -> None:
    """Split, count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path, nargs="+", help="folders or archives of songs")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--min-notes", type=int, default=MIN_NOTES, help=f"default: {MIN_NOTES}")
    options = parser.parse_args()

    out = options.work / f"fold-leaks-{'-'.join(path.stem for path in options.songs)}"
    if not out.exists():
        command = [sys.executable, "-m", "midiprism", "split", *map(str, options.songs)]
        subprocess.run([*command, "-o", str(out), "--store", "parquet", "--quiet"], check=True)
    songs = read_songs(out)
    track_lists = song_track_lists(out, note_lists(out, options.min_notes))
    print(f"songs with tracks          {len(track_lists):>9,}")
    print_groups({digest: song for digest, song in songs.items() if digest in track_lists})
    print_leaks(songs, track_lists)


def read_songs(out: Path) -> dict[str, Song]:
    """Return all songs, by digest."""
    columns = ["blake3", "path", "song_group", "fold"]
    rows = zip(*(pq.read_table(out / "songs").column(name).to_pylist() for name in columns), strict=True)
    return {digest: Song(path or "", group, fold) for digest, path, group, fold in rows}


def note_lists(out: Path, min_notes: int) -> dict[str, bytes]:
    """Return digests of the onsets and pitches of tracks with enough notes, by the tracks' digests."""
    found = {}
    for shard in sorted((out / "tracks").glob("*.parquet")):
        for rows in pq.ParquetFile(shard).iter_batches(columns=["blake3", "note_count", "music"]):
            for digest, note_count, music in zip(*(it.to_pylist() for it in rows.columns), strict=True):
                if note_count >= min_notes:
                    notes = sorted(note_ons(music))
                    found[digest] = blake2b(repr(notes).encode(), digest_size=16).digest()
    return found


def note_ons(music: bytes) -> Iterator[tuple[int, int]]:
    """Yield tick and pitch of each note of a track's file, which is well-formed."""
    at, tick, status = HEADER_BYTES, 0, 0
    while at < len(music):
        delta, at = read_number(music, at)
        tick += delta
        if music[at] >= 0x80:
            status = music[at]
            at += 1
        if status >= 0xF0:
            length, at = read_number(music, at + (status == 0xFF))
            at += length
        else:
            if status >> 4 == 9 and music[at + 1] > 0:
                yield tick, music[at]
            at += 1 if status >> 4 in (0xC, 0xD) else 2


def read_number(music: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, and the position after it."""
    value = 0
    while True:
        value = value << 7 | music[at] & 0x7F
        at += 1
        if music[at - 1] < 0x80:
            return value, at


def song_track_lists(out: Path, lists: Mapping[str, bytes]) -> dict[str, set[bytes]]:
    """Return for each song with tracks, by its digest, the lists of those that have enough notes."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for shard in sorted((out / "links").glob("*.parquet")):
        for rows in pq.ParquetFile(shard).iter_batches(columns=["song_blake3", "track_blake3"]):
            for song, track in zip(*(it.to_pylist() for it in rows.columns), strict=True):
                found[song] |= {lists[track]} if track in lists else set()
    return found


def print_groups(songs: Mapping[str, Song]) -> None:
    """Print how many groups there are of each size, and how many songs are in each fold."""
    sizes = Counter(song.group for song in songs.values())
    print(f"groups                     {len(sizes):>9,}, the largest of {max(sizes.values())} songs")
    print("songs in a group  groups")
    for size, count in sorted(Counter(sizes.values()).items()):
        print(f"{size:>16,}{count:>8,}")
    folds = Counter(song.fold for song in songs.values())
    print("songs in folds 0 to 9     ", *(f"{folds[fold]:,}" for fold in range(10)))


def print_leaks(songs: Mapping[str, Song], track_lists: Mapping[str, set[bytes]]) -> None:
    """Print how many songs of the test folds have a track that the training folds have too."""
    trained = {
        track_list
        for digest, lists in track_lists.items()
        if songs[digest].fold not in TEST_FOLDS
        for track_list in lists
    }
    tested = [digest for digest in track_lists if songs[digest].fold in TEST_FOLDS]
    leaks = sorted(songs[digest].path for digest in tested if track_lists[digest] & trained)
    share = 100 * len(leaks) / max(1, len(tested))
    print(f"songs in folds 8 and 9     {len(tested):>9,}")
    print(f"of these, leaks            {len(leaks):>9,} ({share:.1f} %)")
    for path in leaks[:3]:
        print(f"  {path}")


if __name__ == "__main__":
    main()

"""A fake splitter and songs for it, for tests of everything that does not depend on MIDI.

A fake song is a line ``song``, ``repaired``, ``lossy`` or ``bug``, then a line
``family;instrument;name;text`` per track. Its splits are those lines, and the text stands for the notes. Any
other content is corrupt.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

from midiprism.errors import CorruptMidiError
from midiprism.smf.types import Outcome, Problem, SplitSong, SplitTrack

PIANO = "Piano;Acoustic Grand Piano;Right Hand;a"
BASS = "Bass;Slap Bass 1;Bassline;b"
DRUMS = "Drums;Standard Kit;;c"
LOST_BYTES = 26_000


def fake_song(*tracks: str, header: str = "song") -> bytes:
    """Return the bytes of a fake song."""
    return "\n".join((header, *tracks)).encode("utf-8", "surrogatepass")


def fake_split(data: bytes) -> SplitSong:
    """Return the splits of a fake song."""
    head, *lines = data.decode("utf-8", "surrogatepass").split("\n")
    if head == "bug":
        raise ZeroDivisionError("oh [red]no")
    if head not in ("song", "repaired", "lossy"):
        raise CorruptMidiError("not_midi", "It is not a MIDI file.", 0)
    problems = (Problem("missing_end", "A track has no end.", 0, 3),) if head != "song" else ()
    tracks = tuple(_track(number, line) for number, line in enumerate(lines))
    outcome: Outcome = "no_notes" if not tracks else "repaired" if problems else "split"
    return SplitSong(
        outcome, 1, 480, len(tracks), 960, 1.0, tracks, problems, LOST_BYTES if head == "lossy" else None
    )


def _track(number: int, line: str) -> SplitTrack:
    family, instrument, name, text = line.split(";", 3)
    data = line.encode("utf-8", "surrogatepass")
    return SplitTrack(
        data=data,
        track_number=number,
        channel=9 if family == "Drums" else number % 9,
        program=None,
        name=name or None,
        own_name=name or None,
        name_encoding="ascii" if name else None,
        instrument=instrument,
        family=family,
        own_instrument=instrument,
        own_family=family,
        note_count=10 * len(text),
        duration_ticks=960,
        duration_seconds=1.0,
        lowest_pitch=40,
        highest_pitch=60,
        note_hash=zlib.crc32(text.encode("utf-8", "surrogatepass")),
    )


class LoadedSplitter:
    """A replacement of ``LazySplitter`` that has nothing to load."""

    loading_seconds = 0.0

    def __init__(self, split: Callable[[bytes], SplitSong]) -> None:
        self._split = split

    def __call__(self, data: bytes) -> SplitSong:
        return self._split(data)


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below ``folder`` and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its relative path."""
    files: dict[str, bytes] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files

"""Measure the accuracy of estimated keys and roles on POP909.

    python benchmarks/facts_accuracy.py ARCHIVE.zip KEYS.csv

``KEYS.csv`` has the columns song, start_seconds, end_seconds and key, such as ``Gb:maj``; of several spans
of a song the longest counts. Names and programs of tracks are not used, but to know which track is which.
"""

import csv
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from midiprism import split
from midiprism.features.key_names import KEY_NAMES
from midiprism.features.song_key import find_song_keys
from midiprism.features.track_facts import FactsCalculator

PITCH_CLASSES = {
    name: at for at, name in enumerate(["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"])
}
PITCH_CLASSES |= {"C#": 1, "D#": 3, "F#": 6, "G#": 8, "A#": 10, "Cb": 11, "E#": 5, "Fb": 4, "B#": 0}
WANTED_ROLES = {
    "MELODY": ("melody",),
    "BRIDGE": ("melody", "other"),
    "PIANO": ("chords", "arpeggio", "pad"),
}


def read_tonics(path: Path) -> dict[str, int]:
    """Return the tonic of each song, of its longest span."""
    spans: dict[str, list[tuple[float, int]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            length = float(row["end_seconds"]) - float(row["start_seconds"])
            spans[row["song"]].append((length, PITCH_CLASSES[row["key"].split(":")[0]]))
    return {song: max(lengths)[1] for song, lengths in spans.items()}


def main(archive: Path, keys: Path) -> None:
    """Print the shares of tonics and roles that are right."""
    tonics = read_tonics(keys)
    calculator = FactsCalculator()
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    right: Counter[str] = Counter()
    with ZipFile(archive) as songs:
        names = sorted(name for name in songs.namelist() if re.fullmatch(r"(.*/)?(\d{3})/\2\.mid", name))
        for name in names:
            tracks = split(songs.read(name)).tracks
            facts = calculator.columns([it.data for it in tracks], ["Piano"] * len(tracks))
            tonic = tonics[Path(name).stem]
            weights = np.array(
                [np.frombuffer(it, "<f2").astype(float) for it in facts["pitch_class_weights"]]
            )
            onsets, pitches = (np.array(facts[it]) for it in ("final_onset_ticks", "final_pitch"))
            song_keys, _ = find_song_keys(np.zeros(len(tracks), np.int64), weights, onsets, pitches, 1)
            right["song"] += song_keys[0] % 12 == tonic
            for track, role, key in zip(tracks, facts["role"], facts["key"], strict=True):
                roles[track.name or ""][role] += 1
                if track.name == "MELODY":
                    right["MELODY"] += KEY_NAMES.index(key) % 12 == tonic
    for what, count in right.items():
        print(f"tonic of {what}: {count / len(names):.3f} of {len(names)}")
    for part, wanted in WANTED_ROLES.items():
        share = sum(roles[part][role] for role in wanted) / roles[part].total()
        print(f"role of {part}: {share:.3f} are {' or '.join(wanted)}; {dict(roles[part])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

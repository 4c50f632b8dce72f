"""Measure the accuracy of estimated keys and roles on POP909.

Annotated keys are such as ``Gb:maj``; of several spans of a song the longest counts. Names and programs of
tracks are not used, but to know which track is which.
"""

import argparse
import csv
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from midiprism import split
from midiprism.features.key_names import KEY_NAMES
from midiprism.features.song_key import find_song_keys
from midiprism.features.track_facts import FactsCalculator
from midiprism.smf.types import SplitTrack

PITCH_CLASSES = {name: at for at, name in enumerate(("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A"))}
PITCH_CLASSES |= {"Bb": 10, "B": 11, "C#": 1, "D#": 3, "F#": 6, "G#": 8, "A#": 10, "Cb": 11}
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


def song_tonic(facts: dict[str, list[Any]], tracks: tuple[SplitTrack, ...]) -> int:
    """Return the tonic of a song from the facts of its tracks."""
    weights = np.array([np.frombuffer(it, "<f2").astype(float) for it in facts["pitch_class_weights"]])
    onsets, pitches = (np.array(facts[name]) for name in ("final_onset_ticks", "final_pitch"))
    keys, _ = find_song_keys(np.zeros(len(tracks), np.int64), weights, onsets, pitches, 1)
    return int(keys[0]) % 12


def measure(archive: Path, keys: Path, every: int = 1) -> dict[str, float]:
    """Return the shares of tonics and roles that are right.

    Args:
        archive: a zip file of POP909.
        keys: the annotated keys.
        every: take every so manieth song.
    """
    tonics, calculator = read_tonics(keys), FactsCalculator()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    with ZipFile(archive) as songs:
        names = sorted(name for name in songs.namelist() if re.fullmatch(r"(.*/)?(\d{3})/\2\.mid", name))
        for name in names[::every]:
            tracks, tonic = split(songs.read(name)).tracks, tonics[Path(name).stem]
            facts = calculator.columns([it.data for it in tracks], ["Piano"] * len(tracks))
            results = [("tonic of song", song_tonic(facts, tracks) == tonic)]
            for track, role, key in zip(tracks, facts["role"], facts["key"], strict=True):
                results.append((f"role of {track.name}", role in WANTED_ROLES[track.name or ""]))
                if track.name == "MELODY":
                    results.append(("tonic of MELODY", KEY_NAMES.index(key) % 12 == tonic))
            for what, is_right in results:
                right[what] += is_right
                total[what] += 1
    return {what: right[what] / total[what] for what in total}


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="Measure the accuracy of keys and roles on POP909.")
    parser.add_argument("archive", type=Path, help="a zip file of POP909")
    parser.add_argument("keys", type=Path, help="its annotated keys: song, start_seconds, end_seconds, key")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth song")
    options = parser.parse_args()
    for what, share in measure(options.archive, options.keys, options.every).items():
        print(f"{what}: {share:.3f}")


if __name__ == "__main__":
    main()

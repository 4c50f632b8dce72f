"""Tests of the keys of songs, and of the accuracy of keys and roles where there are real songs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from midiprism.features.key_names import KEY_NAMES, key_names
from midiprism.features.song_key import find_song_keys
from support.corpus import CORPUS_FOLDER

TRUTH = Path(os.environ.get("MIDIPRISM_TRUTH") or CORPUS_FOLDER.parent / "truth") / "pop909_keys.csv"
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "facts_accuracy.py"
C_MAJOR_WEIGHTS = (8, 0, 4, 0, 6, 3, 0, 7, 0, 3, 0, 2)


def test_a_transposed_song_has_the_transposed_key() -> None:
    weights = np.array([np.roll(C_MAJOR_WEIGHTS, tonic) for tonic in range(12)], float)
    zeros = np.zeros(12, np.int64)
    keys, strengths = find_song_keys(np.arange(12), weights, zeros, np.arange(12) + 48, 12)
    assert keys.tolist() == list(range(12))
    assert np.allclose(strengths, strengths[0])
    assert key_names(keys.tolist()) == list(KEY_NAMES[:12])


def test_the_tracks_of_a_song_count_together() -> None:
    weights = np.array([C_MAJOR_WEIGHTS, np.roll(C_MAJOR_WEIGHTS, 2), C_MAJOR_WEIGHTS], float)
    songs, onsets, pitches = np.array([0, 1, 1]), np.zeros(3, np.int64), np.array([48, 50, 48])
    keys, _ = find_song_keys(songs, weights, onsets, pitches, 3)
    together, _ = find_song_keys(np.zeros(1, np.int64), weights[1:].sum(0)[None], onsets[:1], pitches[2:], 1)
    assert keys.tolist() == [0, together[0], -1]


def test_the_lowest_of_the_last_notes_decides_between_keys_that_are_close() -> None:
    relative = np.array(C_MAJOR_WEIGHTS, float) + np.roll((8, 0, 4, 5, 0, 3, 0, 7, 3, 0, 2, 0), 9)
    keys = [
        find_song_keys(
            np.zeros(2, np.int64), np.array([relative, relative]), np.array(onsets), np.array((57, 48)), 1
        )[0][0]
        for onsets in ((960, 0), (0, 960))
    ]
    assert [KEY_NAMES[key] for key in keys] == ["A minor", "C major"]


def test_a_song_without_notes_has_no_key() -> None:
    keys, strengths = find_song_keys(
        np.empty(0, np.int64), np.empty((0, 12)), np.empty(0, np.int64), np.empty(0, np.int64), 2
    )
    assert keys.tolist() == [-1, -1]
    assert strengths.tolist() == [0, 0]
    assert key_names([-1, 14]) == [None, "D minor"]


@pytest.mark.skipif(not TRUTH.is_file(), reason=f"no annotated keys in {TRUTH}")
def test_keys_and_roles_of_real_songs() -> None:
    command = [sys.executable, str(BENCHMARK), str(CORPUS_FOLDER / "pop909.zip"), str(TRUTH), "--every=4"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    accuracy = {what: float(share) for what, _, share in (line.rpartition(": ") for line in lines)}
    assert accuracy["tonic of song"] >= 0.85
    assert accuracy["tonic of MELODY"] >= 0.80
    for part, share in {"MELODY": 0.95, "BRIDGE": 0.95, "PIANO": 0.90}.items():
        assert accuracy[f"role of {part}"] >= share

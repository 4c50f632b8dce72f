"""Tests of facts beside those of MusPy, of music21, and beside GigaMIDI's definition of NOMML.

Where the definitions differ, docs/reference/features.md says so, and the comparison is made on tracks on
which they agree.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import symusic

import midiprism
from midiprism.features.track_facts import FactsCalculator
from support.corpus import CORPUS_FOLDER, corpus_share, read_member
from support.sample_songs import FEW, sample_songs

REAL_SONGS_STEP = 400


class ComparedTrack(NamedTuple):
    """A track with notes: its bytes and its facts."""

    data: bytes
    facts: dict[str, Any]


def songs() -> Iterator[bytes]:
    """Yield sample songs, and real ones where there are some."""
    yield from (song.data for song in sample_songs(FEW)[:12])
    if CORPUS_FOLDER.is_dir():
        yield from map(read_member, corpus_share(0, 1, REAL_SONGS_STEP))


@cache
def compared_tracks() -> tuple[ComparedTrack, ...]:
    """Return the tracks with notes of all songs."""
    calculator = FactsCalculator()
    compared: list[ComparedTrack] = []
    for song in songs():
        tracks = [track for track in midiprism.split(song).tracks if track.note_count]
        columns = calculator.columns([it.data for it in tracks], [it.own_family for it in tracks])
        for track, values in zip(tracks, zip(*columns.values(), strict=True), strict=True):
            compared.append(ComparedTrack(track.data, dict(zip(columns, values, strict=True))))
    return tuple(compared)


def metric_level(tick: int, quarter: int) -> int:
    """Return the metric level of GigaMIDI: even numbers for binary divisions, odd ones for triplets."""
    for depth in range(6):
        if tick % (quarter / 2**depth) == 0:
            return 2 * depth
    for depth in range(6):
        if tick % (quarter * 2 / (3 * 2**depth)) == 0:
            return 2 * depth + 1
    return 12


def test_nomml_is_that_of_gigamidi() -> None:
    for track in compared_tracks():
        score: Any = symusic.Score.from_midi(track.data)
        levels = [metric_level(note.time, score.tpq) for part in score.tracks for note in part.notes]
        assert track.facts["nomml"] == int(np.median(levels))


def test_pitches_and_polyphony_are_those_of_muspy(tmp_path: Path) -> None:
    import muspy

    path = tmp_path / "track.mid"
    for track in compared_tracks():
        if track.facts["is_drums"]:  # MusPy leaves drums out
            continue
        path.write_bytes(track.data)
        music = muspy.read_midi(path)
        assert track.facts["n_pitches_used"] == muspy.n_pitches_used(music)
        assert track.facts["n_pitch_classes_used"] == muspy.n_pitch_classes_used(music)
        assert track.facts["pitch_range"] == muspy.pitch_range(music)
        assert track.facts["polyphony"] == pytest.approx(muspy.polyphony(music), abs=0.01)


def test_ranges_and_pitch_classes_are_those_of_music21(tmp_path: Path) -> None:
    """On melodies: music21 reads chords of performed music as notes of quantized lengths."""
    import music21

    path = tmp_path / "track.mid"
    melodies = [it for it in compared_tracks() if it.facts["role"] == "melody" and it.facts["polyphony"] == 1]
    assert melodies
    for track in melodies[:8]:
        path.write_bytes(track.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score: Any = music21.converter.parse(path)
        notes = [it.pitch for it in score.flatten().notes if it.isNote]
        assert track.facts["pitch_range"] == max(it.midi for it in notes) - min(it.midi for it in notes)
        assert track.facts["n_pitch_classes_used"] == len({it.pitchClass for it in notes})

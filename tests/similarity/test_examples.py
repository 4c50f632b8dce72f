"""Tests of search by example: what is found, and where."""

from collections.abc import Sequence

import numpy as np
import pytest

from midiprism.similarity.examples import find_similar
from midiprism.similarity.fingerprints import Fingerprinter, Lines
from midiprism.similarity.notes_text import parse_notes
from midiprism.similarity.segment import NewTracks, Segment, build_segment
from support.melodies import (
    QUARTER,
    TRANSFORMATIONS,
    Melody,
    Note,
    make_melody,
    misplayed,
    ornamented,
    shifted,
    slower,
    split_melody,
    transposed,
)

ODE = "E E F G G F E D C C D E E D D"
LIBRARY = [make_melody(seed) for seed in range(40)]


def line_of(melody: Melody, *, drums: bool = False) -> Lines:
    return Fingerprinter().lines([split_melody(melody)], [drums])


def segments_of(melodies: Sequence[Melody], segments: int = 2, *, drums: bool = False) -> list[Segment]:
    parts = [
        NewTracks(np.array([at], np.int64), np.array([at], np.uint64), line_of(melody, drums=drums))
        for at, melody in enumerate(melodies)
    ]
    size = -(-len(parts) // segments)
    return [Segment(build_segment(parts[at : at + size])) for at in range(0, len(parts), size)]


@pytest.fixture(scope="module")
def library() -> list[Segment]:
    return segments_of(LIBRARY)


@pytest.mark.parametrize("number", range(0, 40, 7))
def test_a_transposed_cut_is_found_with_its_place(library: list[Segment], number: int) -> None:
    cut = LIBRARY[number][40:60]
    found = find_similar(library, line_of(shifted(transposed(cut, 4), -cut[0].onset)), 5)[0]
    assert found.id == number
    assert found.score == 1
    assert found.transposition == -4
    assert found.tempo_ratio == 1
    assert found.first_quarter == pytest.approx(cut[0].onset / QUARTER, abs=0.02)
    assert found.example_quarter == 0
    assert found.quarters == pytest.approx((cut[-1].onset - cut[0].onset) / QUARTER, abs=0.02)


def test_the_tempo_of_the_place_is_that_of_the_track(library: list[Segment]) -> None:
    found = find_similar(library, line_of(slower(LIBRARY[3][:30], 2)), 1)[0]
    assert (found.id, found.score, found.tempo_ratio) == (3, 1.0, 0.5)


def test_the_part_of_the_example_that_was_found_has_its_place(library: list[Segment]) -> None:
    cut = LIBRARY[6][20:50]
    strange = [Note(at * QUARTER, 400, 30 + at * 17 % 60) for at in range(8)]
    later = shifted(cut, 9 * QUARTER - cut[0].onset)
    found = find_similar(library, line_of([*strange, *later]), 1)[0]
    assert found.id == 6
    ahead = (found.example_quarter - 9) * QUARTER
    assert found.first_quarter * QUARTER - cut[0].onset == pytest.approx(ahead, abs=0.03 * QUARTER)


def test_an_example_with_errors_is_found_with_a_lower_score(library: list[Segment]) -> None:
    found = find_similar(library, line_of(misplayed(LIBRARY[5][10:50], 0.08)), 1)[0]
    assert found.id == 5
    assert 0.5 < found.score < 1


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_transformed_track_finds_its_original(library: list[Segment], name: str) -> None:
    played = ornamented(LIBRARY[8])
    assert find_similar(library, line_of(TRANSFORMATIONS[name](played)), 1)[0].id == 8


def test_exact_intervals_are_found_only_without_an_error(library: list[Segment]) -> None:
    cut = list(LIBRARY[9][20:44])
    assert find_similar(library, line_of(cut), 1, rule="exact")[0].score == 1
    cut[12] = cut[12]._replace(pitch=cut[12].pitch + 1)
    found = find_similar(library, line_of(cut), 1, rule="exact")[0]
    assert found.score < 0.6
    assert find_similar(library, line_of(cut), 1, rule="exact", min_score=0.9) == []


def test_a_rhythm_is_found_with_other_notes(library: list[Segment]) -> None:
    cut = [it._replace(pitch=60) for it in LIBRARY[11][30:70]]
    assert find_similar(library, line_of(cut), 5) == []
    found = find_similar(library, line_of(cut), 1, rule="rhythm")[0]
    assert (found.id, found.score) == (11, 1.0)


def test_notes_as_text_are_found() -> None:
    hummed = parse_notes(ODE)
    played = [Note(at * QUARTER, 400, int(pitch) + 3) for at, pitch in enumerate(hummed.pitches.tolist(), 2)]
    found = find_similar(segments_of([*LIBRARY[:5], played]), hummed, 3, timed=False)[0]
    assert (found.id, found.score, found.transposition, found.tempo_ratio) == (5, 1.0, 3, None)
    assert found.first_quarter == 2


def test_drums_are_found_among_drums_only() -> None:
    beat = [Note(at * 240, 100, (36, 42, 38, 42, 36, 36, 38, 46, 42)[at * at % 9]) for at in range(60)]
    drums, others = segments_of([beat, LIBRARY[1]], 1, drums=True), segments_of([beat], 1)
    example = line_of(beat, drums=True)
    assert [found.id for found in find_similar(drums, example, 5)] == [0]
    assert find_similar(others, example, 5) == []


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_similar([], line_of(LIBRARY[0]), 5) == []
    assert find_similar(segments_of([[Note(0, 10, 60)]], 1), line_of(LIBRARY[0]), 5) == []
    assert find_similar(segments_of(LIBRARY[:2], 1), line_of([Note(0, 10, 60)]), 5) == []


def test_the_best_come_first_and_no_more_than_asked_for(library: list[Segment]) -> None:
    found = find_similar(library, line_of(LIBRARY[2]), 3)
    assert len(found) <= 3
    assert [it.score for it in found] == sorted((it.score for it in found), reverse=True)

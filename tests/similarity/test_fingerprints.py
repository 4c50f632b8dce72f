"""Tests of lines, phrases and signatures: what changes them, and what does not."""

import random

import numpy as np
import pytest

from midiprism.similarity.fingerprints import Fingerprinter, Lines, PhraseSets, sign_phrases
from midiprism.similarity.kernel.tables import MAX_GAP, MAX_GROUPS, SIGNATURE_VALUES, UNITS_PER_QUARTER
from midiprism.smf.split_song import split
from support.melodies import (
    QUARTER,
    TRANSFORMATIONS,
    Melody,
    Note,
    make_melody,
    midi_song,
    ornamented,
    quantized,
    shifted,
    slower,
    split_melody,
    transposed,
)

MELODY = make_melody(1)

FROZEN_PHRASES = [3450100817, 2668363594, 4045188642]
FROZEN_SIGNATURE = [4045188642, 3450100817, 4045188642, 3450100817]


def line_of(track: bytes, *, drums: bool = False) -> Lines:
    return Fingerprinter().lines([track], [drums])


def phrases_of(melody: Melody, *, drums: bool = False, **options: int) -> set[int]:
    return set(
        Fingerprinter().phrases(line_of(split_melody(melody, **options), drums=drums)).phrases.tolist()
    )


def similarity(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def test_a_line_has_the_highest_of_the_notes_that_begin_together() -> None:
    chord = [Note(0, 480, 60), Note(0, 480, 67), Note(30, 480, 72), Note(480, 480, 62)]
    line = line_of(split_melody(chord))
    assert line.pitches.tolist() == [72, 62]
    assert line.gaps.tolist() == [0, UNITS_PER_QUARTER]


def test_a_long_rest_keeps_the_grid() -> None:
    rest = 5_000 * QUARTER + QUARTER // 2
    line = line_of(split_melody([Note(0, 10, 60), Note(rest, 10, 62)]))
    gap = int(line.gaps[1])
    assert gap <= MAX_GAP
    assert gap % UNITS_PER_QUARTER == UNITS_PER_QUARTER // 2


def test_only_the_first_groups_of_a_long_track_count() -> None:
    scale = [Note(at * 240, 100, 60 + at % 12) for at in range(MAX_GROUPS + 100)]
    assert len(line_of(split_melody(scale)).gaps) == MAX_GROUPS


def test_a_damaged_track_has_the_line_before_the_damage() -> None:
    track = split_melody(MELODY)
    whole, cut = line_of(track), line_of(track[: len(track) // 2])
    assert 10 < len(cut.gaps) < len(whole.gaps)
    assert cut.pitches.tolist() == whole.pitches[: len(cut.pitches)].tolist()
    for length in range(30):
        assert len(line_of(track[:length]).gaps) <= 4


def test_key_program_channel_velocity_and_resolution_change_no_phrase() -> None:
    phrases = phrases_of(MELODY)
    assert phrases_of(transposed(MELODY, -7)) == phrases
    assert phrases_of(MELODY, program=40, channel=3) == phrases
    assert phrases_of(MELODY, division=96) == phrases


def test_phrases_of_the_line_survive_another_tempo_and_a_shift() -> None:
    line = line_of(split_melody(MELODY))
    for changed in (slower(MELODY, 3), shifted(MELODY, 333)):
        other = line_of(split_melody(changed))
        assert other.pitches.tolist() == line.pitches.tolist()
        assert similarity(phrases_of(MELODY), phrases_of(changed)) > 0.3


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_transformed_melody_shares_phrases(name: str) -> None:
    played = ornamented(MELODY)
    assert similarity(phrases_of(played), phrases_of(TRANSFORMATIONS[name](played))) > 0.25


def test_a_quantized_melody_has_the_coarse_phrases_of_the_original() -> None:
    played = ornamented(MELODY)
    assert phrases_of(quantized(played, QUARTER // 2)) < phrases_of(played)


def test_other_melodies_share_next_to_nothing() -> None:
    shares = [similarity(phrases_of(make_melody(seed)), phrases_of(MELODY)) for seed in range(2, 30)]
    assert max(shares) < 0.03


def test_a_repeated_note_has_no_phrase() -> None:
    assert phrases_of([Note(at * 240, 100, 60) for at in range(50)]) == set()


def test_a_repeated_figure_has_few_phrases() -> None:
    figure = [Note(at * 240, 100, (60, 64, 67, 72)[at % 4]) for at in range(400)]
    assert len(phrases_of(figure)) == 4


def test_drums_are_compared_by_pieces_and_rhythm() -> None:
    rng = random.Random(4)
    beat = [Note(at * 240, 100, rng.choice((36, 38, 42, 46))) for at in range(100)]
    phrases = phrases_of(beat, drums=True)
    assert phrases_of(slower(beat, 2), drums=True) & phrases
    assert not phrases_of(transposed(beat, 5), drums=True) & phrases
    assert not phrases_of(beat) & phrases
    swung = [it._replace(onset=it.onset + 160 * (at % 2)) for at, it in enumerate(beat)]
    assert similarity(phrases_of(swung, drums=True), phrases) < 0.2


def test_the_fingerprint_of_a_melody_never_changes() -> None:
    scale = [Note(at * 240, 100, 60 + (0, 2, 4, 5, 7, 9, 11)[at % 7]) for at in range(8)]
    sets = Fingerprinter().phrases(line_of(split_melody(scale)))
    assert sets.phrases.tolist() == FROZEN_PHRASES
    assert sign_phrases(sets)[0, :4].tolist() == FROZEN_SIGNATURE


def test_signatures_agree_as_often_as_sets_do() -> None:
    rng = np.random.default_rng(1)
    for share in (0.2, 0.5, 0.8):
        agreements = []
        for _ in range(60):
            values = rng.integers(0, 1 << 32, 300, np.uint32)
            common = int(300 * share)
            rest = (300 - common) // 2
            one, other = values[: common + rest], np.concatenate([values[:common], values[common + rest :]])
            sets = PhraseSets(np.concatenate([one, other]), np.cumsum([len(one), len(other)]))
            first, second = sign_phrases(sets)
            agreements.append(np.count_nonzero(first == second) / SIGNATURE_VALUES)
        assert abs(float(np.mean(agreements)) - share) < 0.04


def test_many_tracks_at_once_have_the_fingerprints_of_each() -> None:
    tracks = [split_melody(make_melody(seed, notes=30)) for seed in range(20)]
    fingerprinter = Fingerprinter()
    together = fingerprinter.lines(tracks, [False] * len(tracks))
    sets = fingerprinter.phrases(together)
    signatures = sign_phrases(sets)
    for index, track in enumerate(tracks):
        alone = fingerprinter.lines([track], [False])
        span = slice(together.starts[index], together.starts[index + 1])
        assert together.pitches[span].tolist() == alone.pitches.tolist()
        assert signatures[index].tolist() == sign_phrases(fingerprinter.phrases(alone))[0].tolist()


def test_no_tracks_have_no_fingerprints() -> None:
    lines = Fingerprinter().lines([], [])
    assert len(lines) == 0
    assert lines.starts.tolist() == [0]


def test_a_song_of_two_parts_has_two_lines() -> None:
    parts = split(midi_song(MELODY, make_melody(2))).tracks
    assert len({line_of(part.data).pitches.tobytes() for part in parts}) == 2

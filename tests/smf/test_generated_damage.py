"""Tests of generated songs with damage: what is undone plays as the song, anything else as a part of it."""

from random import Random
from typing import NamedTuple

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.exact_timing import ExactNote, exact_notes
from support.invariants import read_outputs
from support.midi_parser import parse_song
from support.midi_strategies import example_count
from support.song_damage import (
    LOSSES,
    OFTEN_UNDONE,
    UNDONE,
    UNDONE_AROUND_SONG,
    UNDONE_IN_TRACKS,
    Damage,
    generated_song,
)

EXAMPLES = example_count(60)

Notes = dict[int, list[ExactNote]]
"""The notes of each source track that plays, by onset."""


class Case(NamedTuple):
    """A damaged song: its number, the notes of the undamaged song, and the result of the split."""

    number: int
    original: Notes
    result: SplitSong

    @property
    def found(self) -> Notes:
        """The notes of the result."""
        return {out.split_track.track_number: exact_notes(out.song, 0) for out in read_outputs(self.result)}

    @property
    def is_undone(self) -> bool:
        """True if every note sounds as in the undamaged song."""
        return self.found == self.original

    def check_prefix(self) -> None:
        """Check that each track plays the notes of the undamaged song up to some note, and no other."""
        for number, notes in self.found.items():
            known = self.original[number][: len(notes)]
            assert [note[:4] for note in notes] == [note[:4] for note in known], self.number
            ends = [(note.end, before.end) for note, before in zip(notes, known, strict=True)]
            assert all(end <= before for end, before in ends), self.number


def damaged(number: int, *kinds: Damage) -> Case:
    """Return a generated song with damage of these kinds, one after the other."""
    rng = Random(f"{[damage.__name__ for damage in kinds]} {number}")
    data = generated_song(rng)
    parsed = parse_song(data)
    assert not parsed.problems
    original = {index: exact_notes(parsed, index) for index, track in enumerate(parsed.tracks) if index > 0}
    for damage in kinds:
        data = damage(rng, data)
    return Case(number, original, midiprism.split(data, by="track"))


@pytest.mark.parametrize("damage", UNDONE, ids=lambda damage: damage.__name__)
def test_damage_with_a_proof_is_undone(damage: Damage) -> None:
    for number in range(EXAMPLES):
        case = damaged(number, damage)
        assert case.is_undone, number
        assert case.result.problems


@pytest.mark.parametrize(
    ("inner", "outer"),
    [(inner, outer) for inner in UNDONE_IN_TRACKS for outer in UNDONE_AROUND_SONG],
    ids=lambda damage: damage.__name__,
)
def test_damage_of_two_kinds_is_undone(inner: Damage, outer: Damage) -> None:
    for number in range(EXAMPLES // 3):
        assert damaged(number, inner, outer).is_undone, number


@pytest.mark.parametrize(
    ("damage", "least_share"), OFTEN_UNDONE.items(), ids=[damage.__name__ for damage in OFTEN_UNDONE]
)
def test_damage_is_undone_reported_or_leaves_a_part_of_each_track(damage: Damage, least_share: float) -> None:
    undone = ambiguous = plausible = 0
    for number in range(EXAMPLES):
        case = damaged(number, damage)
        codes = {problem.code for problem in case.result.problems}
        if case.is_undone:
            undone += 1
        elif "line_ends_ambiguous" in codes:
            ambiguous += 1
        elif codes.isdisjoint({"missing_end_of_track", "event_length", "line_ends"}):
            plausible += 1  # every track can be read to its end as it is
        else:
            case.check_prefix()
    assert undone >= EXAMPLES * least_share, (undone, ambiguous, plausible)


@pytest.mark.parametrize("damage", LOSSES, ids=lambda damage: damage.__name__)
def test_damage_that_loses_notes_invents_none(damage: Damage) -> None:
    for number in range(EXAMPLES):
        damaged(number, damage).check_prefix()

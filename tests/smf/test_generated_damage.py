"""Tests of generated songs with damage: what is undone plays as the song, anything else as a part of it."""

from collections import Counter

import pytest

import midiprism
from support.damaged_songs import (
    KINDS,
    MIXED,
    DamagedSong,
    Verdict,
    compare,
    damaged_song,
    damaged_songs,
    is_valid_file,
    voices_of,
)
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
)

EXAMPLES = example_count(60, nightly=400)


def split(song: DamagedSong) -> tuple[Verdict, set[str]]:
    """Split a damaged song; return how its notes compare with the undamaged song, and its problems.

    A song whose damaged bytes are a valid file must play as they say, and be left out of all else.
    """
    result = midiprism.split(song.data, by="track")
    voices = [voice for out in read_outputs(result) for voice in voices_of(out.song)]
    if is_valid_file(song.data):
        assert result.outcome == "split", song.number
        assert compare(voices_of(parse_song(song.data)), voices) == "same", song.number
    return compare(song.original, voices), {problem.code for problem in result.problems}


@pytest.mark.parametrize("damage", UNDONE, ids=lambda damage: damage.__name__)
def test_damage_with_a_proof_is_undone(damage: Damage) -> None:
    for number in range(EXAMPLES):
        verdict, codes = split(damaged_song(number, damage))
        assert verdict == "same", number
        assert codes


@pytest.mark.parametrize(
    ("inner", "outer"),
    [(inner, outer) for inner in UNDONE_IN_TRACKS for outer in UNDONE_AROUND_SONG],
    ids=lambda damage: damage.__name__,
)
def test_damage_of_two_kinds_is_undone(inner: Damage, outer: Damage) -> None:
    for number in range(EXAMPLES // 3):
        assert split(damaged_song(number, inner, outer))[0] == "same", number


@pytest.mark.parametrize("damage", OFTEN_UNDONE, ids=lambda damage: damage.__name__)
def test_damage_that_can_be_seen_is_undone_or_leaves_the_beginning_of_each_track(damage: Damage) -> None:
    verdicts: Counter[Verdict] = Counter()
    unseen = 0
    for number in range(EXAMPLES):
        song = damaged_song(number, damage)
        verdict, codes = split(song)
        if song.is_seen:
            verdicts[verdict] += 1
            assert verdict != "other", number
            assert verdict == "same" or "line_ends_ambiguous" in codes
        else:
            unseen += 1
    assert verdicts["same"] >= (EXAMPLES - unseen) * OFTEN_UNDONE[damage], (verdicts, unseen)


@pytest.mark.parametrize("damage", LOSSES, ids=lambda damage: damage.__name__)
def test_damage_that_loses_notes_invents_none(damage: Damage) -> None:
    for number in range(EXAMPLES):
        assert split(damaged_song(number, damage))[0] != "other", number


def test_mixed_damage_is_undone_or_leaves_the_beginning_of_each_track() -> None:
    verdicts = Counter(split(song)[0] for song in damaged_songs(MIXED, EXAMPLES) if song.is_seen)
    assert verdicts["other"] == 0
    assert verdicts["same"] >= 0.95 * verdicts.total(), verdicts


def test_damage_is_generated_as_often_as_asked_for_and_changes_every_song() -> None:
    for kind in KINDS:
        songs = list(damaged_songs(kind, 2))
        assert len(songs) == 2
        assert all(song.data != song.undamaged for song in songs)

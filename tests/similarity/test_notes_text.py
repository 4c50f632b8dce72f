"""Tests of rows of notes as text."""

import pytest

from midiprism.errors import UsageError
from midiprism.similarity.notes_text import parse_notes


def pitches(text: str) -> list[int]:
    found: list[int] = parse_notes(text).pitches.tolist()
    return found


def test_letters_are_the_nearest_notes() -> None:
    assert pitches("E E F G G F E D") == [64, 64, 65, 67, 67, 65, 64, 62]
    assert pitches("A B C D E D C B") == [69, 71, 72, 74, 76, 74, 72, 71]


def test_signs_and_octaves_count() -> None:
    assert pitches("C4 C#4 Db4 Bb3 F##2 c-1 G9 B♭3") == [60, 61, 61, 58, 43, 0, 127, 58]


def test_bar_lines_are_left_out() -> None:
    assert pitches("E E F G | G F E D |") == pitches("E E F G G F E D")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("E E F", "at least 8 notes, and this has 3"),
        ("E E F G G F E H", "'H' is no note"),
        ("C4 D4 E4 F4 G4 A4 B4 C11", "is no note"),
        ("C4 D4 E4 F4 G4 A4 B4 B9", "outside of the range"),
        ("C " * 1_001, "at most 1,000 notes"),
    ],
)
def test_what_is_no_row_of_notes_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_notes(text)

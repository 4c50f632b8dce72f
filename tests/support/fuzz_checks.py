"""What must hold for the fuzzer's inputs, with every option of a split."""

from collections import Counter

import midiprism
from midiprism.smf.types import CONTEXTS
from support.any_bytes import check_any_bytes
from support.damaged_songs import is_valid_file
from support.exact_timing import exact_notes
from support.invariants import read_outputs
from support.midi_parser import parse_song

ENCODINGS = ("cp932", "utf-8", "gbk", "cp1251", "cp437", "latin-1", "cp1258", "koi8-r")


def check_input(data: bytes) -> str:
    """Check all promises for any bytes; return the outcome, or the code of the refusal."""
    outcome = check_any_bytes(data)
    check_inspection(data)
    check_encoding(data, ENCODINGS[len(data) % len(ENCODINGS)])
    if is_valid_file(data):
        check_notes_of_valid_file(data)
    return outcome


def check_encoding(data: bytes, encoding: str) -> None:
    """Check that an encoding of the texts changes nothing but what is read from them."""
    context = CONTEXTS[len(data) // len(ENCODINGS) % len(CONTEXTS)]
    try:
        guessed = midiprism.split(data, context=context)
    except midiprism.CorruptMidiError:
        return
    stated = midiprism.split(data, context=context, encoding=encoding)
    assert [track.data for track in stated.tracks] == [track.data for track in guessed.tracks]
    assert stated.outcome == guessed.outcome
    assert midiprism.inspect(data, encoding=encoding).division == guessed.division


def check_inspection(data: bytes) -> None:
    """Check that an inspection refuses what a split refuses, except music that cannot be read, and limits."""
    refusals = []
    for read in (midiprism.inspect, midiprism.split):
        try:
            read(data)
            refusals.append("")
        except midiprism.CorruptMidiError as error:
            refusals.append(error.code)
    inspected, divided = refusals
    assert inspected == divided or "limit" in refusals or (inspected, divided) == ("", "unreadable_music")


def check_notes_of_valid_file(data: bytes) -> None:
    """Check that the notes of a file without any fault are those that the tests' own parser reads."""
    try:
        result = midiprism.split(data, by="track")
    except midiprism.CorruptMidiError as error:
        assert error.code in ("division", "limit"), error  # noqa: PT017
        return
    song = parse_song(data)
    expected = Counter(
        (number, *note) for number in range(len(song.tracks)) for note in exact_notes(song, number)
    )
    found = Counter(
        (out.split_track.track_number, *note)
        for out in read_outputs(result)
        for note in exact_notes(out.song, 0)
    )
    assert found == expected
    assert result.outcome != "repaired"

"""What must hold for the fuzzer's inputs, with every option of a split."""

from collections import Counter

import midiprism
from support.damaged_songs import is_valid_file
from support.exact_timing import exact_notes
from support.invariants import check_any_bytes, read_outputs
from support.midi_parser import parse_song


def check_input(data: bytes) -> str:
    """Check all promises for any bytes; return the outcome, or the code of the refusal."""
    outcome = check_any_bytes(data)
    check_inspection(data)
    if is_valid_file(data):
        check_notes_of_valid_file(data)
    return outcome


def check_inspection(data: bytes) -> None:
    """Check that an inspection refuses exactly what a split refuses."""
    refusals = []
    for read in (midiprism.inspect, midiprism.split):
        try:
            read(data)
            refusals.append("")
        except midiprism.CorruptMidiError as error:
            refusals.append(error.code)
    assert refusals[0] == refusals[1] or "limit" in refusals, refusals


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

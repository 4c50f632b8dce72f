"""Checks of what must hold for any bytes, of a song or not."""

from collections import Counter

import midiprism
from midiprism.smf.problems import PROBLEM_CODES
from support.addresses import Ports
from support.exact_timing import exact_notes
from support.invariants import OutputTrack, check_facts, read_outputs, resolve_by
from support.split_process import SPLIT_OPTIONS

ExactNotes = Counter[tuple[object, ...]]


def _exact_notes_of(outputs: list[OutputTrack]) -> tuple[ExactNotes, ExactNotes]:
    """Return the notes of splits, each with the number of its track: if devices are ports, and if not.

    Devices are ports where the song has several, of which a split may have one.
    """
    with_devices, without = (
        ExactNotes(
            (out.split_track.track_number, *note)
            for out in outputs
            for note in exact_notes(out.song, 0, Ports(out.song, has_devices=has_devices).numbers[0])
        )
        for has_devices in (True, False)
    )
    return with_devices, without


def check_any_bytes(data: bytes) -> str:
    """Check what must hold for any bytes; return the outcome, or the code of the refusal.

    Only the documented exception is raised, all splits are well formed and do not change when split again,
    and the same notes sound at the same times however a file is divided.
    """
    outcomes = set()
    notes_by_option: list[tuple[ExactNotes, ExactNotes]] = []
    for by, context in SPLIT_OPTIONS:
        try:
            result = midiprism.split(data, by=by, context=context)
        except midiprism.CorruptMidiError as error:
            outcomes.add(error.code)
            continue
        outcomes.add(result.outcome)
        assert {problem.code for problem in result.problems} <= set(PROBLEM_CODES)
        assert len(result.tracks) > 0 or result.outcome == "no_notes"
        outputs = read_outputs(result)
        check_facts(outputs)
        notes_by_option.append(_exact_notes_of(outputs))
        divided_by = resolve_by(data, by, context, result)
        for split in (out.split_track for out in outputs):
            again = midiprism.split(split.data, by=divided_by, context=context)
            assert [track.data for track in again.tracks] == [split.data], (by, context, split)
    for context in ("conductor", "full"):
        try:
            outputs = read_outputs(midiprism.split(data, by="drum", context=context))
        except midiprism.CorruptMidiError as error:
            outcomes.add(error.code)
            continue
        check_facts(outputs)
        notes_by_option.append(_exact_notes_of(outputs))
    assert outcomes <= {"split", "repaired", "no_notes", *REFUSAL_CODES}, outcomes
    assert len(outcomes - {"limit", "song_size"}) <= 1, outcomes
    assert not notes_by_option or any(
        all(notes == readings[0] for notes in readings) for readings in zip(*notes_by_option, strict=True)
    ), "the notes differ by how the file is divided"
    return min(outcomes)


REFUSAL_CODES = (
    "empty",
    "apple_double",
    "not_midi",
    "header",
    "division",
    "unreadable_music",
    "song_size",
    "limit",
)
"""Codes of the reasons to refuse a file."""

"""Tests of every row of the contract's damage table and input rules, on files made for it."""

import pytest

import midiprism
from midiprism.smf import By, Context, SplitSong
from midiprism.smf.problems import PROBLEM_CODES
from support.broken_files import BROKEN_FILES as DAMAGED
from support.broken_files import CONDUCTOR, GOOD_SONG, MELODY, BrokenFile, ExpectedNote
from support.exact_timing import pair_notes
from support.invariants import check_facts, read_outputs, resolve_by
from support.midi_parser import is_meta, payload
from support.midi_writer import (
    END_OF_TRACK,
    chunk,
    encode_events,
    header,
    meta,
    note,
    note_on,
    raw_track,
    song,
    tempo,
    track,
)
from support.split_process import SPLIT_OPTIONS
from support.undone_files import UNDONE_FILES
from support.wrapped_files import CORRUPT_FILES, WRAPPED_FILES, CorruptFile

BROKEN = [*WRAPPED_FILES, *DAMAGED, *UNDONE_FILES]
each_broken_file = pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.description)


def notes_of(result: SplitSong) -> list[ExpectedNote]:
    """Return all notes of all splits."""
    return sorted(
        (out.split_track.track_number, note.pitch, note.tick, note.end_tick)
        for out in read_outputs(result)
        for note in pair_notes(out.track.events, out.track.end_tick)
    )


@each_broken_file
def test_damage_gives_the_stated_outcome(case: BrokenFile) -> None:
    assert midiprism.split(case.data, by=case.by).outcome == case.outcome


@each_broken_file
def test_damage_is_reported_by_its_codes_and_no_others(case: BrokenFile) -> None:
    codes = {problem.code for problem in midiprism.split(case.data, by=case.by).problems}
    assert set(case.problem_codes) <= codes <= {*case.problem_codes, *case.optional_codes}


@each_broken_file
def test_every_undamaged_note_survives_at_its_tick(case: BrokenFile) -> None:
    assert notes_of(midiprism.split(case.data, by=case.by)) == sorted(case.notes)


@each_broken_file
def test_a_problem_has_a_code_a_message_and_a_place(case: BrokenFile) -> None:
    result = midiprism.split(case.data, by=case.by)
    for problem in result.problems:
        assert problem.code in PROBLEM_CODES
        assert problem.message == problem.message.strip() != ""
        assert "{" not in problem.message
        assert problem.track is None or 0 <= problem.track < result.num_tracks
        assert problem.offset is None or problem.offset >= 0


@each_broken_file
@pytest.mark.parametrize(("by", "context"), SPLIT_OPTIONS)
def test_splits_of_damaged_files_are_well_formed_and_splitting_them_again_returns_them(
    case: BrokenFile, by: By, context: Context
) -> None:
    result = midiprism.split(case.data, by=by, context=context)
    outputs = read_outputs(result)
    check_facts(outputs)
    resolved_by = resolve_by(case.data, by, context, result)
    for split in (out.split_track for out in outputs):
        split_again = midiprism.split(split.data, by=resolved_by, context=context)
        assert [track.data for track in split_again.tracks] == [split.data]


@pytest.mark.parametrize("case", CORRUPT_FILES, ids=lambda case: case.description)
def test_a_file_that_is_no_midi_file_is_refused_with_its_reason(case: CorruptFile) -> None:
    with pytest.raises(midiprism.CorruptMidiError) as caught:
        midiprism.split(case.data)
    assert caught.value.code == case.code
    assert str(caught.value)


@pytest.mark.parametrize("cut", range(len(GOOD_SONG)))
def test_a_file_cut_anywhere_is_refused_or_keeps_every_whole_note(cut: int) -> None:
    if cut < 14:
        with pytest.raises(midiprism.CorruptMidiError) as caught:
            midiprism.split(GOOD_SONG[:cut])
        assert caught.value.code == ("empty" if cut == 0 else "not_midi" if cut < 4 else "header")
        return
    result = midiprism.split(GOOD_SONG[:cut])
    begin = len(GOOD_SONG) - len(encode_events(MELODY)) - len(END_OF_TRACK) - 1
    onsets = [begin + 4, begin + 12]
    whole = sum(cut >= end for end in onsets)
    assert sum(split.note_count for split in result.tracks) == whole
    assert result.outcome == ("repaired" if whole else "no_notes")


def test_offsets_point_into_the_decompressed_file() -> None:
    good = track(MELODY)
    damaged = raw_track(encode_events(MELODY))
    data = b"junk" + song(CONDUCTOR, damaged, good) + b"\0"
    by_code = {problem.code: problem for problem in midiprism.split(data).problems}
    assert by_code.keys() == {"junk_before_header", "missing_end_of_track", "trailing_bytes"}
    start = 4 + 14 + len(CONDUCTOR)
    missing = by_code["missing_end_of_track"]
    assert missing.track == 1
    assert missing.offset is not None
    assert start <= missing.offset <= start + len(damaged)
    assert by_code["trailing_bytes"].offset == len(data) - 1
    assert by_code["trailing_bytes"].track is None


def test_problems_come_in_the_order_of_the_file() -> None:
    first = raw_track(b"\0" + meta(0x51, b"") + encode_events(MELODY))
    second = track([(0, meta(0x58, b"")), (0, meta(0x59, b"")), *MELODY])
    listed = midiprism.split(b"junk" + song(first, second, chunk(b"junk", b"")) + b"\0").problems
    offsets = [problem.offset for problem in listed if problem.offset is not None]
    assert len(offsets) >= 6
    assert offsets == sorted(offsets)


def test_a_repeated_problem_of_a_track_is_listed_once_with_its_count() -> None:
    damaged = track([*MELODY, *((192 + tick, tempo(0)) for tick in range(5))])
    (problem,) = midiprism.split(song(damaged)).problems
    assert (problem.code, problem.track) == ("tempo_zero", 0)
    assert "5" in problem.message


def test_only_the_first_of_very_many_problems_are_listed_and_the_rest_counted() -> None:
    count = 20_000
    result = midiprism.split(header(1, count, 480) + raw_track(b"") * (count - 1) + track(MELODY))
    assert len(result.problems) < count
    assert result.problems[-1].code == "too_many_problems"
    assert result.problems[0].code == "missing_end_of_track"


def test_a_clamped_velocity_is_127() -> None:
    data = song(raw_track(b"\0\x90\x3c\xc8\x60\x80\x3c\0\0" + END_OF_TRACK))
    (out,) = read_outputs(midiprism.split(data))
    assert [event[2] for event in out.track.events] == [b"\x3c\x7f", b"\x3c\0"]


def test_a_malformed_tempo_stays_in_its_track_and_is_merged_into_no_other() -> None:
    data = song(track([(0, meta(0x51, b"\7\7"))]), track([(0, meta(0x51, b"\1\1\1\1")), *MELODY]))
    (out,) = read_outputs(midiprism.split(data))
    tempi = [payload(event) for event in out.track.events if is_meta(event, 0x51)]
    assert tempi == [b"\1\1\1\1"]


def test_a_tempo_is_merged_in_unknown_formats_as_in_format_1() -> None:
    for form, count in ((3, 2), (0, 2)):
        data = song(track([(96, tempo(400_000))]), track(MELODY), midi_format=form, count=count)
        (out,) = read_outputs(midiprism.split(data))
        assert [event[0] for event in out.track.events if is_meta(event, 0x51)] == [96]


def test_restated_status_is_explicit_and_later_running_status_is_kept() -> None:
    body = (
        b"\0" + note_on(0, 60) + b"\0" + meta(1, b"la") + b"\x60\x3c\0\0\x3e\x40\x60\x3e\0\0" + END_OF_TRACK
    )
    (split,) = midiprism.split(song(raw_track(body), midi_format=0)).tracks
    repaired = (
        b"\0"
        + note_on(0, 60)
        + b"\0"
        + meta(1, b"la")
        + b"\x60\x90\x3c\0\0\x3e\x40\x60\x3e\0\0"
        + END_OF_TRACK
    )
    assert split.data == song(raw_track(repaired), midi_format=0)


def test_problems_of_track_names_count_towards_the_limit_of_listed_problems() -> None:
    name = meta(3, b"\xe9")
    result = midiprism.split(song(*[track([(0, name), *note(0, 60, 0, 1)])] * 1500, count=1500))
    assert len(result.problems) == 1001
    assert result.problems[-1].code == "too_many_problems"
    assert "500" in result.problems[-1].message


def test_a_bridge_before_a_merged_event_is_reported_for_the_track_it_is_in() -> None:
    gap = b"\xff\xff\xff\x7f"
    conductor = b"\0" + tempo(1) + (gap + meta(1, b"")) * 3 + b"\0" + tempo(2)
    player = b"\0" + note_on(0, 60) + b"\0" + note_on(1, 60) + (gap + b"\xd1\0") * 4
    data = song(raw_track(conductor + b"\0" + END_OF_TRACK), raw_track(player + b"\0" + END_OF_TRACK))
    bridged = {problem.code: problem for problem in midiprism.split(data, by="channel").problems}[
        "delta_bridged"
    ]
    assert bridged.track == 1
    assert bridged.offset is not None
    assert bridged.offset >= len(data) - len(player) - 4

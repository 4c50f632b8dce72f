"""Bytes of a damaged song that may hold music, and are in no track."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.chunks import read_chunk
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.edits import Repair

CHUNK_HEADER_SIZE = 8
END_OF_TRACK_SIZE = 4

NOTE_ON = re.compile(rb"[\x90-\x9f][\x00-\x7f][\x01-\x7f]")
CUT_END_OF_TRACK = re.compile(rb"[\x80-\xff]{0,3}(?:[\x00-\x7f](?:\xff\x2f?)?)?")
"""The beginning of an end of track with its delta time."""


class _Span(NamedTuple):
    """Bytes that were not read. ``is_of_track``: they follow the last event of a track without an end."""

    start: int
    stop: int
    is_of_track: bool


def find_loss(song: Diagnosis, repairs: Sequence[Repair]) -> Repair | None:
    """Return the problem of a song that has lost music, or None.

    Bytes count that no event was made of: those of a track that has no end of track, up to the next track;
    those behind an end of track, if there is a note-on among them; and if the file has fewer tracks than its
    header counts, or no notes, those outside of all tracks, again with a note-on. In a song without notes,
    all bytes count only with a note-on. A song that lacks tracks or bytes that it states has lost music too.

    Args:
        repairs: of the song.
    """
    lacks_tracks = song.counted_tracks > len(song.tracks)
    has_notes = any(track.note_count for track in song.tracks)
    spans = []
    for span in _unread_spans(song, may_be_outside=lacks_tracks or not has_notes):
        unread = song.data[span.start : span.stop]
        # Without a note before it, running status begins none.
        if span.is_of_track and has_notes:
            is_lost = CUT_END_OF_TRACK.fullmatch(unread) is None
        else:
            is_lost = NOTE_ON.search(unread) is not None
        if is_lost:
            spans.append(span)
    count = sum(span.stop - span.start for span in spans) + sum(repair.lost_bytes for repair in repairs)
    if not has_notes:
        # Another song is no loss, unless it is the only one that plays.
        count += sum(int(it.number) for it in repairs if it.problem_kind == problems.SECOND_SONG)
    is_incomplete = lacks_tracks or any(_lacks_bytes(song, track) for track in song.tracks)
    is_ambiguous = any(repair.problem_kind == problems.LINE_ENDS_AMBIGUOUS for repair in repairs)
    if not count and not is_incomplete and not is_ambiguous:
        return None
    position = spans[0].start if spans else len(song.data)
    return Repair(problems.MUSIC_LOST, count, None, position)


def _unread_spans(song: Diagnosis, *, may_be_outside: bool) -> Iterator[_Span]:
    """Yield the spans in which music may be, in the order of the file."""
    size = len(song.data)
    if may_be_outside:
        first = song.tracks[0].body - CHUNK_HEADER_SIZE if song.tracks else size
        yield from _spans_outside(song, CHUNK_HEADER_SIZE + 6, first)
    limits = [following.body - CHUNK_HEADER_SIZE for following in song.tracks[1:]]
    for track, limit in zip(song.tracks, [*limits, size], strict=False):
        stop = min(max(track.declared_end, track.stop), limit)
        has_end = track.end_of_track >= 0
        if stop > track.stop:
            yield _Span(track.stop, stop, not has_end)
        if may_be_outside or not has_end:
            yield from _spans_outside(song, stop, limit)


def _spans_outside(song: Diagnosis, start: int, stop: int) -> Iterator[_Span]:
    """Yield the chunks in ``data[start:stop]``, and what follows the last of them."""
    while start < stop:
        chunk = read_chunk(song.data, start)
        end = stop if chunk is None or chunk.stop > stop else chunk.stop
        yield _Span(start, end, False)
        start = end


def _lacks_bytes(song: Diagnosis, track: TrackReading) -> bool:
    """Return whether the file ends within a track, by more than what is missing of an end of track."""
    missing = track.declared_end - len(song.data)
    return (
        missing > 0 and track.end_of_track < 0 and missing + len(song.data) - track.stop > END_OF_TRACK_SIZE
    )

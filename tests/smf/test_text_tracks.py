"""Tests of tracks without notes that hold lyrics, chords or markers: the full context keeps them."""

import pytest

import midiprism
from midiprism.smf import SplitSong
from support.midi_parser import is_meta, parse_song
from support.midi_writer import TimedMessage, meta, note, program_change, song, tempo, track, track_name

TEXT, LYRIC, MARKER, CUE_POINT, SEQUENCER_SPECIFIC = 1, 5, 6, 7, 0x7F
PLAYING = track([(0, track_name(b"Piano")), *note(0, 60, 3, 400)])


def split(*chunks: bytes) -> SplitSong:
    return midiprism.split(song(*chunks), context="full")


def texts(kind: int, *found: bytes) -> list[TimedMessage]:
    return [(100 * at, meta(kind, text)) for at, text in enumerate(found)]


def kinds(result: SplitSong) -> list[str]:
    return [it.instrument for it in result.tracks if not it.note_count]


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        (texts(LYRIC, b"Hel", b"lo"), "Lyrics"),
        ([(0, track_name(b"LYRICS ")), *texts(TEXT, b"Hel", b"lo", b"you")], "Lyrics"),
        (texts(MARKER, b"Verse", b"Chorus"), "Markers"),
        (texts(MARKER, b"A", b"B", b"C"), "Markers"),
        (texts(MARKER, b"Am", b"F", b"C/G", b"G7", b"Bridge"), "Chords"),
        (texts(TEXT, b"Cmaj7", b"F#m7b5", b"Bbsus4"), "Chords"),
        (texts(LYRIC, b"Dm", b"G7", b"C"), "Chords"),
        ([(0, meta(SEQUENCER_SPECIFIC, b"\x43\x7b\x01\x31\x00\x31\x00"))], "Chords"),
        ([*texts(MARKER, b"Verse"), (200, meta(LYRIC, b"Hel"))], "Lyrics"),
    ],
)
def test_a_track_of_text_is_kept_and_named_by_what_it_holds(messages: list[TimedMessage], kind: str) -> None:
    result = split(track([(0, tempo(400_000))]), PLAYING, track(messages))
    piano, kept = result.tracks
    assert (kept.instrument, kept.own_instrument, kept.family, kept.own_family) == (
        kind,
        kind,
        "Text",
        "Text",
    )
    assert (kept.track_number, kept.note_count, kept.channel, kept.program) == (2, 0, None, None)
    assert (kept.lowest_pitch, kept.highest_pitch, kept.drum_piece, kept.tempo_count) == (None, None, None, 1)
    own = [event for event in parse_song(kept.data).tracks[0].events if not is_meta(event, 0x51)]
    assert own == parse_song(song(track(messages))).tracks[0].events
    assert (piano.instrument, result.outcome) == ("Acoustic Grand Piano", "split")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [(0, tempo(400_000)), (0, track_name(b"Tempo"))],
        texts(TEXT, b"Sequenced by", b"somebody"),
        texts(TEXT, b"Am"),
        texts(MARKER, b"", b" \0"),
        texts(LYRIC, b"", b"\r"),
        texts(CUE_POINT, b"Curtain"),
        [(0, track_name(b"Lyrics")), (0, meta(TEXT, b"Words by")), (0, meta(TEXT, b"somebody"))],
        [(0, meta(SEQUENCER_SPECIFIC, b"\x43\x7b\x00"))],
        [(0, program_change(0, 4))],
    ],
)
def test_other_tracks_without_notes_are_not_kept(messages: list[TimedMessage]) -> None:
    assert len(split(PLAYING, track(messages)).tracks) == 1


def test_only_the_full_context_keeps_tracks_of_text() -> None:
    data = song(PLAYING, track(texts(MARKER, b"Verse")))
    for by in ("auto", "track", "channel", "program", "drum"):
        assert len(midiprism.split(data, by=by).tracks) == 1
        assert kinds(midiprism.split(data, by=by, context="full")) == ["Markers"]


def test_the_tracks_that_play_have_the_bytes_that_they_have_without_it() -> None:
    markers = track(texts(MARKER, b"Verse", b"Chorus"))
    (before,) = midiprism.split(song(PLAYING, track([(0, tempo(9))])), context="full").tracks
    after, _ = midiprism.split(
        song(PLAYING, track([(0, tempo(9))]), track(texts(TEXT, b"Am", b"Dm"))), context="full"
    ).tracks
    assert before == after
    assert kinds(split(PLAYING, markers)) == ["Markers"]


def test_a_song_without_notes_has_no_tracks() -> None:
    result = split(track(texts(LYRIC, b"Hel", b"lo")), track(texts(MARKER, b"Verse")))
    assert (result.outcome, result.tracks) == ("no_notes", ())

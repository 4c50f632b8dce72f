"""Tests of which text names a part of a song."""

import pytest

import midiprism
from midiprism.errors import UsageError
from midiprism.smf import By
from midiprism.smf.part_names import MAX_GUESSES
from support.midi_writer import meta, note, program_change, song, track, track_name


def prefix(channel: int) -> bytes:
    """Return a MIDI channel prefix."""
    return meta(0x20, bytes([channel]))


def instrument_name(name: bytes) -> bytes:
    return meta(4, name)


def program_name(name: bytes) -> bytes:
    return meta(8, name)


def names(data: bytes, by: By = "auto") -> list[str | None]:
    return [part.name for part in midiprism.split(data, by=by).tracks]


PLAYING = note(0, 60, 0, 96)
TWO_CHANNELS = [*note(0, 60, 0, 96), *note(1, 64, 96, 96)]


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ([track_name(b"Lead"), instrument_name(b"Oboe")], "Lead"),
        ([instrument_name(b"Oboe"), program_name(b"Oboe 2")], "Oboe"),
        ([program_name(b"Oboe 2")], "Oboe 2"),
        ([track_name(b"  "), instrument_name(b"\0"), program_name(b"Oboe 2")], "Oboe 2"),
        ([instrument_name(b"Fl\xfcgel")], "Flügel"),
        ([prefix(0), track_name(b"Lead")], "Lead"),
        ([prefix(0), instrument_name(b"Oboe")], "Oboe"),
        ([prefix(1), track_name(b"Bass")], None),
        ([prefix(1), track_name(b"Bass"), prefix(0), track_name(b"Lead")], "Lead"),
        ([prefix(1), instrument_name(b"Bass"), track_name(b"Song")], None),
        ([prefix(99), track_name(b"Lead")], "Lead"),
        ([meta(0x20, b""), track_name(b"Lead")], "Lead"),
        ([], None),
    ],
)
def test_a_track_without_a_track_name_is_named_by_another_event(
    events: list[bytes], name: str | None
) -> None:
    assert names(song(track([*((0, event) for event in events), *PLAYING]))) == [name]


def test_a_channel_prefix_ends_with_the_next_channel_event() -> None:
    events = [prefix(1), program_change(0, 5), track_name(b"Lead")]
    assert names(song(track([*((0, event) for event in events), *PLAYING]))) == ["Lead"]


def test_parts_of_a_divided_track_have_the_names_of_their_channels() -> None:
    events = [
        *(track_name(b"Song"), prefix(1), track_name(b"Bass"), instrument_name(b"Contrabass")),
        *(prefix(0), instrument_name(b"Oboe")),
    ]
    data = song(track([*((0, event) for event in events), *TWO_CHANNELS]))
    assert names(data, "channel") == ["Oboe", "Bass"]
    assert names(data, "track") == ["Song"]
    without_bass = song(
        track([(0, track_name(b"Song")), (0, prefix(0)), (0, track_name(b"Oboe")), *TWO_CHANNELS])
    )
    assert names(without_bass, "channel") == ["Oboe", "Song"]


def test_a_divided_track_does_not_give_one_instrument_name_to_all_parts_with_a_title() -> None:
    data = song(track([(0, track_name(b"Song")), (0, instrument_name(b"Oboe")), *TWO_CHANNELS]))
    assert names(data, "channel") == ["Song", "Song"]
    untitled = song(track([(0, instrument_name(b"Oboe")), *TWO_CHANNELS]))
    assert names(untitled, "channel") == ["Oboe", "Oboe"]


def test_tracks_that_all_have_the_title_as_name_are_named_by_other_events() -> None:
    tracks = [
        track([(0, track_name(b"Song")), (0, instrument_name(b"Oboe")), *PLAYING]),
        track([(0, track_name(b"Song ")), (0, program_name(b"Bass")), *note(1, 40, 0, 96)]),
        track([(0, track_name(b"Song")), *note(2, 50, 0, 96)]),
    ]
    assert names(song(*tracks)) == ["Oboe", "Bass", "Song"]
    assert [source.name for source in midiprism.inspect(song(*tracks)).tracks] == ["Oboe", "Bass", "Song"]
    other = track([(0, track_name(b"Drums")), *note(9, 36, 0, 96)])
    assert names(song(*tracks, other)) == ["Song", "Song", "Song", "Drums"]
    assert names(song(tracks[0])) == ["Song"], "the only track may have its own name"


def test_a_part_on_several_channels_is_named_by_its_first_prefixed_name() -> None:
    data = song(track([(0, prefix(1)), (0, track_name(b"Bass")), *TWO_CHANNELS]))
    assert names(data, "track") == ["Bass"]


def test_tracks_without_notes_keep_their_names() -> None:
    conductor = track([(0, track_name(b"Song")), (0, instrument_name(b"None"))])
    data = song(
        conductor, *[track([(0, track_name(b"Song")), *note(channel, 60, 0, 96)]) for channel in (0, 1)]
    )
    assert midiprism.inspect(data).tracks[0].name == "Song"


def test_an_inspection_says_which_event_and_which_encoding_names_a_track_and_why() -> None:
    data = song(
        track([(0, track_name(b"Fl\xfcgel"))]),
        track([(0, instrument_name("Шарманка".encode("cp1251"))), *PLAYING]),
        track([(0, program_name(b"\xef\xbb\xbfBass")), *PLAYING]),
        track(PLAYING),
    )
    found = [
        (source.name, source.name_event, source.name_encoding, source.name_encoding_reason)
        for source in midiprism.inspect(data).tracks
    ]
    assert found == [
        ("Flügel", "track name", "cp1252", "it looks most like German"),
        ("Шарманка", "instrument name", "cp1251", "it looks most like Russian"),
        ("Bass", "program name", "utf-8", "it begins with the byte-order mark"),
        (None, None, None, None),
    ]


def test_other_texts_of_the_song_decide_a_doubtful_name() -> None:
    playing = track([(0, track_name("ﾀﾝﾀﾝ".encode("cp932"))), *PLAYING])
    lyric = track([(0, meta(5, "ピアノの曲".encode("cp932")))])
    (alone,) = midiprism.split(song(playing)).tracks
    (with_lyric,) = midiprism.split(song(lyric, playing)).tracks
    assert alone.name_encoding != "cp932"
    assert midiprism.inspect(song(lyric, playing)).tracks[1].name == with_lyric.name == "ﾀﾝﾀﾝ"
    assert with_lyric.name_encoding == "cp932"


def test_the_same_track_has_the_same_own_name_in_every_song() -> None:
    doubtful = track([(0, track_name("ﾀﾝﾀﾝ".encode("cp932"))), (0, instrument_name(b"Oboe")), *PLAYING])
    lyric = track([(0, meta(5, "ピアノの曲".encode("cp932")))])
    songs = [song(doubtful), song(lyric, doubtful), song(doubtful, doubtful)]
    parts = [midiprism.split(data, encoding=given).tracks[-1] for data in songs for given in (None, "cp1252")]
    assert {len({part.data for part in parts}), len({part.own_name for part in parts})} == {1}
    assert {part.name for part in parts} >= {"ﾀﾝﾀﾝ", "Oboe"}
    (plain,) = midiprism.split(song(track([(0, track_name(b"Lead")), *PLAYING]))).tracks
    (untitled,) = midiprism.split(song(track([(0, instrument_name(b"Oboe")), *PLAYING]))).tracks
    assert (plain.own_name, untitled.own_name) == ("Lead", "Oboe")


def test_a_given_encoding_is_taken_without_a_problem() -> None:
    data = song(track([(0, track_name(b"Fl\xfcgel")), *PLAYING]))
    assert [problem.code for problem in midiprism.split(data).problems] == ["text_encoding"]
    out = midiprism.split(data, encoding="iso8859-5")
    assert (out.tracks[0].name, out.tracks[0].name_encoding) == ("Flќgel", "iso8859-5")
    assert out.problems == ()
    assert midiprism.inspect(data, encoding="iso8859-5").tracks[0].name == "Flќgel"
    assert midiprism.inspect(data, encoding="iso8859-5").tracks[0].name_encoding_reason == "it was asked for"
    for function in (midiprism.split, midiprism.inspect):
        with pytest.raises(UsageError, match="extends ASCII"):
            function(data, encoding="utf-16")


def test_a_song_of_many_doubtful_names_takes_no_longer_than_its_first_ones() -> None:
    tracks = [track([(0, track_name(b"\xfc%d" % number)), *PLAYING]) for number in range(MAX_GUESSES + 2)]
    *guessed, last, very_last = midiprism.split(song(*tracks)).tracks
    assert "latin-1" not in {part.name_encoding for part in guessed}
    assert (last.name_encoding, very_last.name_encoding) == ("latin-1", "latin-1")
    assert very_last.name == f"ü{MAX_GUESSES + 1}"


def test_a_song_of_many_texts_keeps_the_names_of_its_last_tracks() -> None:
    texts = [(tick, meta(5, b"l\xe9")) for tick in range(3_000)]
    data = song(track(texts), track([(0, instrument_name(b"Oboe")), *PLAYING]))
    assert names(data) == ["Oboe"]
    few = midiprism.Limits(events=100)
    assert [part.name for part in midiprism.split(data, limits=few).tracks] == [None]

"""Tests of lyrics with the full context: they go to the track that sings them, which is found by evidence."""

import pytest

import midiprism
from midiprism.smf import By, Problem, SplitSong, SplitTrack
from midiprism.smf.words import singing_track, song_words
from support.midi_parser import Event, is_meta, is_note_on, parse_song, payload
from support.midi_writer import (
    RUNNING_STATUS_STYLE,
    TimedMessage,
    chunk,
    encode_events,
    meta,
    note,
    song,
    tempo,
    track,
    track_name,
)

TEXT, LYRIC, CUE_POINT = 1, 5, 7
DIVISION = 96
ONSETS = [0, 100, 200, 300, 400, 500]


def line(ticks: list[int], channel: int = 0, name: bytes = b"", length: int = 90) -> bytes:
    """Return a track with a note at each tick."""
    named = [(0, track_name(name))] if name else []
    notes = [each for tick in ticks for each in note(channel, 60, tick, length)]
    return track([*named, *sorted(notes, key=lambda message: message[0])])


def words(ticks: list[int], kind: int = LYRIC, first: list[TimedMessage] | None = None) -> list[TimedMessage]:
    return [*(first or []), *[(tick, meta(kind, b"la%d" % tick)) for tick in ticks]]


def split(*chunks: bytes, by: By = "auto", midi_format: int = 1) -> SplitSong:
    return midiprism.split(song(*chunks, division=DIVISION, midi_format=midi_format), by=by, context="full")


def events_of(found: SplitTrack) -> list[Event]:
    return parse_song(found.data).tracks[0].events


def lyrics_of(found: SplitTrack, kind: int = LYRIC) -> list[tuple[int, bytes]]:
    return [(event.tick, payload(event)) for event in events_of(found) if is_meta(event, kind)]


def singers(result: SplitSong, kind: int = LYRIC) -> list[int]:
    """Return the numbers of the tracks that play and have lyrics."""
    return [it.track_number for it in result.tracks if it.note_count and lyrics_of(it, kind)]


def statements(result: SplitSong) -> list[Problem]:
    return [problem for problem in result.problems if problem.code.startswith("lyrics")]


def test_lyrics_go_to_the_track_whose_notes_begin_with_them() -> None:
    busy = line([*range(0, 600, 25)], channel=1, name=b"Lead Vocal", length=20)
    result = split(busy, line(ONSETS, channel=2), line([50, 150], channel=3), track(words(ONSETS)))

    assert singers(result) == [1]
    assert lyrics_of(result.tracks[1]) == [(tick, b"la%d" % tick) for tick in ONSETS]
    (statement,) = statements(result)
    assert statement.code == "lyrics"
    assert statement.message == "the lyrics are merged into track 2, where 6 of 6 begin with a note"
    assert statement.track == 3


def test_the_notes_and_the_other_tracks_stay_as_they_are() -> None:
    chunks = (line([50, 150], channel=1), line(ONSETS), track([(0, tempo(400_000))]))
    with_lyrics, without = split(*chunks, track(words(ONSETS))), split(*chunks)
    assert with_lyrics.tracks[0] == without.tracks[0]
    without_lyrics = [event for event in events_of(with_lyrics.tracks[1]) if not is_meta(event, LYRIC)]
    assert without_lyrics == events_of(without.tracks[1])
    assert with_lyrics.outcome == "split"


def test_the_conductor_context_carries_no_lyrics() -> None:
    data = song(line(ONSETS), track(words(ONSETS)), division=DIVISION)
    result = midiprism.split(data)
    assert (singers(result), statements(result), len(result.tracks)) == ([], [], 1)


def test_lyrics_of_a_lower_track_come_before_the_notes_of_their_tick_and_others_after_them() -> None:
    def kinds(result: SplitSong) -> list[str]:
        (singer,) = (it for it in result.tracks if it.note_count)
        return ["note" if is_note_on(event) else "text" for event in events_of(singer)][:2]

    sung = line([0, 100, 200])
    assert kinds(split(track(words([0, 100, 200])), sung)) == ["text", "note"]
    assert kinds(split(sung, track(words([0, 100, 200])))) == ["note", "text"]


def test_running_status_is_restated_after_lyrics_and_lyrics_behind_the_end_are_left_out() -> None:
    body = [each for tick in ONSETS for each in [(tick, b"\x90\x3c\x40"), (tick + 90, b"\x90\x3c\x00")]]
    result = split(track(body, style=RUNNING_STATUS_STYLE), track(words([*ONSETS, 590, 591])))
    singer = result.tracks[0]
    assert [tick for tick, _ in lyrics_of(singer)] == [*ONSETS, 590]
    assert [event.tick for event in events_of(singer) if is_note_on(event)] == ONSETS
    assert [problem.code for problem in result.problems] == ["lyrics"]
    assert singer.duration_ticks == 590


def test_splitting_the_singing_part_again_returns_it() -> None:
    result = split(line(ONSETS), track(words(ONSETS)))
    again = midiprism.split(result.tracks[0].data, by="track", context="full")
    assert [it.data for it in again.tracks] == [result.tracks[0].data]


def test_the_name_decides_between_tracks_whose_notes_agree_as_well() -> None:
    first, second = line(ONSETS, name=b"Flute"), line(ONSETS, channel=1, name=b"Vocals")
    assert singers(split(first, second, track(words(ONSETS)))) == [1]
    assert singers(split(second, first, track(words(ONSETS)))) == [0]
    assert singers(split(first, line(ONSETS, channel=1), track(words(ONSETS)))) == [0]


def test_a_name_alone_sings_only_where_most_lyrics_begin_with_a_note() -> None:
    sparse = [0, 200, 400]
    dense = [*range(0, 600, 25)]
    others = line([10, 210, 410], channel=3)
    named = line(dense, channel=1, name=b"VOICE", length=20)
    assert singers(split(line(dense, channel=2, length=20), named, others, track(words(sparse)))) == [1]
    beside = track(words([tick + 12 for tick in sparse]))
    result = split(line(dense, channel=2, length=20), named, line([5], channel=3), beside)
    assert (singers(result), [it.code for it in statements(result)]) == ([], ["lyrics_unplaced"])


def test_lyrics_that_no_track_sings_are_merged_into_none() -> None:
    result = split(
        line([10, 60, 110], length=9), line([15, 65], channel=1, length=9), track(words([40, 90, 140, 190]))
    )
    assert singers(result) == []
    (statement,) = statements(result)
    assert (statement.code, statement.track) == ("lyrics_unplaced", 2)
    assert "4 of them" in statement.message


def test_lyrics_may_be_a_little_beside_their_notes() -> None:
    near, far = [tick + 4 for tick in ONSETS], [tick + 5 for tick in ONSETS]
    other = line([25, 75], channel=1)
    assert singers(split(line(ONSETS), other, track(words(near)))) == [0]
    assert singers(split(line(ONSETS), other, track(words(far)))) == []


def test_drums_do_not_sing() -> None:
    melody = [*ONSETS, 550]
    assert singers(split(line(ONSETS, channel=9), line(melody), track(words(ONSETS)))) == [1]


def test_two_tracks_of_lyrics_go_to_two_singers() -> None:
    second = [50, 150, 250, 350]
    result = split(line(ONSETS), line(second, channel=1), track(words(ONSETS)), track(words(second)))
    assert [[tick for tick, _ in lyrics_of(it)] for it in result.tracks[:2]] == [ONSETS, second]


def test_lyrics_of_a_track_that_plays_stay_there() -> None:
    own = track(sorted([*words(ONSETS), *note(0, 60, 7, 9)], key=lambda message: message[0]))
    result = split(own, line(ONSETS, channel=1))
    assert (singers(result), statements(result)) == ([0], [])


def test_every_part_of_a_divided_singer_carries_its_lyrics() -> None:
    both = track(
        sorted(
            [*(each for tick in ONSETS for each in note(0, 60, tick, 9)), *note(1, 50, 3, 9)],
            key=lambda message: message[0],
        )
    )
    result = split(both, track(words(ONSETS)), by="channel")
    assert [(it.channel, len(lyrics_of(it))) for it in result.tracks] == [(0, 6), (1, 6), (None, 6)]


def karaoke_texts(ticks: list[int]) -> list[TimedMessage]:
    return words(
        ticks, TEXT, [(0, track_name(b"Words")), (0, meta(TEXT, b"@LENGL")), (0, meta(TEXT, b"@TSong"))]
    )


@pytest.mark.parametrize("mark", [b"@KMIDI KARAOKE FILE", b"Recorded at home"])
def test_texts_of_a_karaoke_file_are_lyrics(mark: bytes) -> None:
    about = track([(0, track_name(b"Soft karaoke")), (0, meta(TEXT, mark)), (0, meta(TEXT, b"@V0100"))])
    result = split(about, line(ONSETS, channel=3), track(karaoke_texts(ONSETS)))
    assert lyrics_of(result.tracks[0], TEXT) == [(tick, b"la%d" % tick) for tick in ONSETS]
    assert [it.instrument for it in result.tracks] == ["Acoustic Grand Piano", "Lyrics"]


def test_texts_of_another_track_are_no_lyrics() -> None:
    comments = words(ONSETS, TEXT, [(0, track_name(b"Comments"))])
    result = split(line(ONSETS), track(comments))
    assert (singers(result, TEXT), statements(result), len(result.tracks)) == ([], [], 1)


def karaoke_chunk(ticks: list[int], head: bytes = b"$Lyrc:1:270:JP", kind: bytes = b"XFKM") -> bytes:
    return chunk(kind, encode_events(words(ticks, LYRIC, [(0, meta(CUE_POINT, head))])))


def test_lyrics_of_a_karaoke_chunk_go_to_the_channel_that_it_names() -> None:
    tracks = (line(ONSETS, channel=4), line([*ONSETS, 550], channel=0), line(ONSETS, channel=5))
    assert singers(split(*tracks, karaoke_chunk(ONSETS))) == [1]
    assert singers(split(*tracks, karaoke_chunk(ONSETS, b"$Lyrc:5,7:0:L1"))) == [0]
    assert singers(split(*tracks, karaoke_chunk(ONSETS, b"$Lyrc:x"))) == [0]
    (statement,) = statements(split(*tracks, karaoke_chunk(ONSETS)))
    assert (statement.code, statement.track) == ("lyrics", None)


def test_a_song_of_one_track_carries_the_lyrics_of_its_karaoke_chunk() -> None:
    result = split(line(ONSETS), karaoke_chunk([3, 103]), midi_format=0)
    assert [tick for tick, _ in lyrics_of(result.tracks[0])] == [3, 103]


@pytest.mark.parametrize(
    "extra",
    [
        karaoke_chunk(ONSETS, kind=b"XFIH"),
        karaoke_chunk([]),
        chunk(b"XFKM", b"\xff\xff\xff\xff\xff"),
        chunk(b"XFKM", b""),
        b"XFKM\0\0\0\xff",
    ],
    ids=["another chunk", "no lyrics", "no events", "empty", "cut off"],
)
def test_other_chunks_hold_no_lyrics(extra: bytes) -> None:
    result = split(line(ONSETS), extra)
    assert (singers(result), statements(result)) == ([], [])
    assert [it.data for it in result.tracks] == [it.data for it in split(line(ONSETS)).tracks]


def test_tracks_of_format_2_sing_nothing_of_others() -> None:
    result = split(line(ONSETS), track(words(ONSETS)), midi_format=2)
    assert (singers(result), statements(result), len(result.tracks)) == ([], [], 1)


def test_a_song_with_too_many_events_or_tracks_of_lyrics_keeps_them_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lyrics = [track(words(ONSETS))] * (song_words.MAX_LYRICS_TRACKS + 1)
    assert singers(split(line(ONSETS), *lyrics)) == []
    assert len(statements(split(line(ONSETS), *lyrics))) == len(lyrics)
    monkeypatch.setattr(song_words, "Effort", lambda: song_words_effort(15))
    result = split(line(ONSETS), track(words(ONSETS)))
    assert (singers(result), [it.code for it in statements(result)]) == ([], ["lyrics_unplaced"])


def song_words_effort(limit: int) -> object:
    from midiprism.smf.repair.events import Effort

    return Effort(limit)


def test_only_names_of_singers_count() -> None:
    def named(name: bytes) -> bool:
        return singing_track.PlayingTrack(0, 0, 0, name, {}).is_named_singing

    assert named(b"lead vocals")
    assert not named(b"piano")

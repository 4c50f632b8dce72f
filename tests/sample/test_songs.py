"""Tests of the songs as files: the same for a seed, valid, and as varied as real libraries."""

import itertools
import os
import statistics
import subprocess
import sys
import unicodedata
from collections import Counter
from typing import Any

import pytest
import symusic
from blake3 import blake3

from midiprism.errors import UsageError
from midiprism.sample import MAX_DUPLICATES, SampleSong, generate_songs
from support.sample_songs import parsed_samples, sample_songs

FIRST_SONGS = "b0cb5901ddf754da948710c17aca7420"
"""Digest of the first songs of seed 0, the same on every system and with every version of NumPy and Numba."""


def digest_of(songs: list[SampleSong]) -> str:
    """Return a digest of the paths and bytes of songs."""
    hasher = blake3()
    for song in songs:
        hasher.update(song.path.encode() + b"\0" + song.data)
    return hasher.hexdigest()[:32]


def test_the_songs_of_a_seed_never_change() -> None:
    assert digest_of(list(generate_songs(200))) == FIRST_SONGS


def test_compiled_and_plain_python_make_the_same_songs() -> None:
    program = (
        "import sys; from midiprism.sample import generate_songs\n"
        "for song in generate_songs(6): sys.stdout.buffer.write(song.path.encode() + b'\\0' + song.data)"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, check=True
    ).stdout
    assert plain == b"".join(song.path.encode() + b"\0" + song.data for song in generate_songs(6))


def test_a_smaller_count_is_the_beginning_of_a_larger_one() -> None:
    assert list(generate_songs(700, seed=7)) == list(sample_songs()[:700])


def test_songs_are_generated_one_by_one() -> None:
    assert len(list(itertools.islice(generate_songs(10**12), 3))) == 3


def test_different_seeds_give_different_songs() -> None:
    first, second = list(generate_songs(50, seed=1)), list(generate_songs(50, seed=2**64 - 1))
    assert not {song.data for song in first} & {song.data for song in second}


def test_a_count_of_0_gives_no_songs() -> None:
    assert list(generate_songs(0)) == []


@pytest.mark.parametrize(
    ("count", "seed", "duplicates", "message"),
    [
        (-1, 0, 0.49, "0 songs or more"),
        (1, -1, 0.49, "seed from 0"),
        (1, 1 << 64, 0.49, "seed from 0"),
        (1, 0, -0.01, "from 0 to 0.9"),
        (1, 0, 0.91, "from 0 to 0.9"),
        (1, 0, float("nan"), "from 0 to 0.9"),
    ],
)
def test_a_value_out_of_range_is_refused_before_the_first_song(
    count: int, seed: int, duplicates: float, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        generate_songs(count, seed=seed, duplicates=duplicates)


def test_the_greatest_share_of_duplicates_is_allowed() -> None:
    assert next(generate_songs(1, duplicates=MAX_DUPLICATES)).data


def test_songs_are_different_files() -> None:
    assert len({song.data for song in sample_songs()}) == len(sample_songs())


def test_paths_differ_when_case_and_unicode_composition_are_ignored() -> None:
    paths = {unicodedata.normalize("NFKC", song.path).casefold() for song in sample_songs()}
    assert len(paths) == len(sample_songs())


def test_paths_are_an_artist_and_a_title_that_every_system_accepts() -> None:
    for song in sample_songs():
        assert unicodedata.is_normalized("NFC", song.path)
        artist, title = song.path.split("/")
        assert title.endswith(".mid")
        for part in (artist, title):
            assert not set(part) & set('<>:"\\|?*')
            assert all(character.isprintable() for character in part)
            assert part == part.strip(" .")
            assert len(part.encode()) <= 200


def test_no_folder_holds_more_than_a_few_hundred_songs() -> None:
    folders = Counter(song.path.partition("/")[0] for song in sample_songs())
    assert max(folders.values()) <= 200
    assert len(folders) >= 60


def test_most_songs_are_of_medium_size_and_a_few_are_long() -> None:
    sizes = sorted(len(song.data) for song in sample_songs())
    assert 13_000 <= statistics.median(sizes) <= 17_000
    assert sizes[0] < 2_000
    assert sum(2_000 <= size <= 4_000 for size in sizes) >= 30
    assert sum(60_000 <= size <= 400_000 for size in sizes) >= 20
    assert sizes[-1] < 1_000_000


def test_mido_finds_as_many_tracks_as_the_header_says() -> None:
    for song in parsed_samples():
        assert len(song.midi.tracks) == int.from_bytes(song.song.data[10:12], "big")
        assert song.midi.tracks[0].name is not None


def test_symusic_reads_every_song() -> None:
    for song in sample_songs():
        score: Any = symusic.Score.from_midi(song.data)
        assert score.note_num() > 0


def test_songs_have_2_to_16_tracks_and_some_are_format_0() -> None:
    formats = Counter(song.midi.type for song in parsed_samples())
    assert set(formats) == {0, 1}
    assert 0.005 < formats[0] / len(parsed_samples()) < 0.1
    counts = [len(song.midi.tracks) for song in parsed_samples() if song.midi.type == 1]
    assert min(counts) <= 3
    assert max(counts) >= 13
    assert all(2 <= count <= 16 for count in counts)


def test_every_note_ends_before_the_same_note_begins_again() -> None:
    for song in parsed_samples():
        for track in song.midi.tracks:
            sounding: set[tuple[int, int]] = set()
            for message in track:
                if message.type == "note_on" and message.velocity > 0:
                    key = (message.channel, message.note)
                    assert key not in sounding
                    sounding.add(key)
                elif message.type in ("note_on", "note_off"):
                    sounding.remove((message.channel, message.note))
            assert not sounding


def test_every_usual_kind_of_event_occurs() -> None:
    kinds = Counter(
        kind
        for song in parsed_samples()
        for kind in {message.type for track in song.midi.tracks for message in track}
    )
    always = ("note_on", "program_change", "control_change", "set_tempo", "time_signature", "track_name")
    assert all(kinds[kind] == len(parsed_samples()) for kind in always)
    often = ("key_signature", "sysex", "pitchwheel", "marker", "lyrics", "copyright", "note_off")
    assert all(0.02 < kinds[kind] / len(parsed_samples()) < 1 for kind in often)


def test_tempo_and_meter_change_in_some_songs() -> None:
    tempi = [
        sum(message.type == "set_tempo" for track in song.midi.tracks for message in track)
        for song in parsed_samples()
    ]
    meters = [
        {(message.numerator, message.denominator) for track in song.midi.tracks for message in track
         if message.type == "time_signature"}
        for song in parsed_samples()
    ]  # fmt: skip
    assert 0.3 < sum(count > 1 for count in tempi) / len(parsed_samples()) < 0.9
    assert sum(len(kinds) > 1 for kinds in meters) / len(parsed_samples()) > 0.05
    assert {(4, 4), (3, 4), (6, 8), (2, 4)} <= set().union(*meters)


def test_divisions_differ() -> None:
    assert {96, 120, 192, 384, 480} <= {song.midi.ticks_per_beat for song in parsed_samples()}


def test_some_songs_begin_with_a_track_that_plays() -> None:
    songs_led_by_a_part = [
        song
        for song in parsed_samples()
        if song.midi.type == 1 and any(m.type == "note_on" for m in song.midi.tracks[0])
    ]
    assert 0.02 < len(songs_led_by_a_part) / len(parsed_samples()) < 0.25
    assert all(
        any(message.type == "set_tempo" for message in song.midi.tracks[0]) for song in songs_led_by_a_part
    )


def test_names_come_in_several_encodings() -> None:
    names = [track.name.encode("latin-1") for song in parsed_samples() for track in song.midi.tracks]
    ascii_names = [name for name in names if name.isascii()]
    utf8 = [name for name in names if not name.isascii() and decodes(name, "utf-8")]
    japanese = [
        name for name in names if not decodes(name, "utf-8") and "ー" in name.decode("cp932", "ignore")
    ]
    western = [name for name in names if not decodes(name, "utf-8") and name not in japanese]
    assert len(ascii_names) > len(names) / 3
    assert min(len(utf8), len(japanese), len(western)) > 10


def decodes(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True

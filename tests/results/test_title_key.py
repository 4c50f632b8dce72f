"""Tests of title keys, which versions and copies of a song share."""

import pytest

from midiprism.results.title_key import folder_title_keys, title_keys

YESTERDAY = (
    "Yesterday",
    "The Beatles/Yesterday.mid",
    "yesterday.KAR",
    "YESTERDAY.mid.gz",
    "Yesterday (2).mid",
    "Yesterday (Live at (old) Hall) [karaoke].mid",
    "Yesterday_v3",
    "yesterday-2",
    "Yesterday.1",
    "Yesterday - Copy 2",
    "Yesterday karaoke version",
    "Yesterday 2nd version",
    "01 - Yesterday",
    "07 Yesterday",
    "12. Yesterday",
    "Ｙｅｓｔｅｒｄａｙ",
    "Yésterday",
)


def title_key(song: str) -> str | None:
    """Return the key of one song."""
    (key,) = title_keys([song])
    return key


@pytest.mark.parametrize("song", YESTERDAY)
def test_versions_and_copies_have_one_title(song: str) -> None:
    assert title_key(song) == "yesterday"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Let It Be", "LetItBe"),
        ("Don't Stop", "dont_stop"),
        ("Don’t Stop", "Don't Stop"),
        ("Trágica Memoria", "Tragica memoria (Remix)"),
        ("約束の星を越えて", "【MIDI】約束の星を越えて (Live)"),
        ("Ода к радости", "ОДА_К_РАДОСТИ 2"),
        ("(Everything I Do)", "Everything I Do"),
        ("Hello_World-Song", "Hello·World, Song"),
        ("Hello World", "`Hello` 'World'"),
        ("हिन्दी गीत", "हिन्दी_गीत"),
    ],
)
def test_other_spellings_have_the_same_title(one: str, other: str) -> None:
    assert title_key(one) == title_key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mambo No. 5", "Mambo No. 6"),
        ("Summer of 69", "Summer of 42"),
        ("99 Luftballons", "Luftballons"),
        ("Hello", "Goodbye"),
        ("バラの花", "ハラの花"),
        ("दिल से कहो", "दिल सा कहा"),
        ("Mr. Smith", "Mr. Jones"),
    ],
)
def test_other_songs_have_other_titles(one: str, other: str) -> None:
    assert None is not title_key(one) != title_key(other) is not None


NAMELESS = (
    *("", "..", "a", "abc", "恋", "🎵", "(((", "1999", "01 - 02", "New", "test.mid.mid", "copy of song"),
    *("Track 3", "track01", "untitled (4)", "[untitled]", "piano solo"),
    *("01 -) (Hello)", "(()) - ()"),
    *("Symphony No. 5", "Op. 27 No. 2", "Sonata in D"),
)


@pytest.mark.parametrize("song", NAMELESS)
def test_a_name_that_identifies_no_song_has_no_key(song: str) -> None:
    assert title_key(song) is None


def test_the_folder_is_ignored() -> None:
    assert title_key("Abba/Track 1.mid") is None


def test_a_long_name_full_of_brackets_is_processed_fast() -> None:
    assert title_key("(" * 255) is None
    assert title_key("()" * 2000 + "Yesterday" + "(" * 2000) == "yesterday"


@pytest.mark.parametrize(
    ("song", "keys"),
    [
        ("Yesterday/2", [("Yesterday/2", None), ("yesterday", "Yesterday")]),
        ("Yesterday/Old Versions/02 (live)", [("Yesterday/2", None), ("yesterday", "Yesterday")]),
        ("POP909/472/472", [("POP909/472/472", None), ("POP909/472/", "POP909/472")]),
        ("POP909/472/versions/472-v2", [("POP909/472/472", None), ("POP909/472/", "POP909/472")]),
        ("U2/3-04", [("U2/3-4", None), ("U2/", "U2")]),
        ("a/b/000", [("a/b/0", None), ("a/b/", "a/b")]),
    ],
)
def test_a_number_takes_its_title_from_its_folder(song: str, keys: list[tuple[str, str | None]]) -> None:
    assert title_key(song) is None
    assert list(folder_title_keys(song)) == keys


@pytest.mark.parametrize(
    "song", ["472", "versions/472", "midi/songs/1-v2", "Yesterday/Track 1", "Yesterday/final"]
)
def test_other_generic_titles_have_no_keys(song: str) -> None:
    assert title_key(song) is None
    assert list(folder_title_keys(song)) == []


def test_songs_have_the_same_keys_together_as_alone() -> None:
    odd = ["Yesterday.mid\n", "(Yesterday", "Today)", "【Let [It", "Be】", "か", "\u3099か", "01", "- Hello"]
    songs = [*YESTERDAY, *NAMELESS, *odd]
    assert title_keys(songs) == [title_key(song) for song in songs]

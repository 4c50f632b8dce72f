"""Tests of titles, artists and texts of sample songs."""

import itertools
import unicodedata

import pytest

from midiprism.sample.names import artist_name, encode_text, family_title, lyric_events, version_title
from midiprism.sample.words import FAMILY_NAMES, GIVEN_NAMES, LANGUAGES, VERSION_LABELS, Language


@pytest.mark.parametrize("language", LANGUAGES)
def test_families_of_a_language_have_different_titles(language: Language) -> None:
    title_count = len(list(itertools.product(*language.title_words)))
    titles = {
        unicodedata.normalize("NFKC", family_title(language, 5, number)).casefold()
        for number in range(title_count + 100)
    }
    assert len(titles) == title_count + 100


def test_titles_of_different_languages_differ() -> None:
    folded = [{family_title(language, 0, n).casefold() for n in range(3000)} for language in LANGUAGES]
    assert all(not first & second for first, second in itertools.combinations(folded, 2))


def test_versions_have_different_titles() -> None:
    names = [version_title("Song", 5, version) for version in range(200)]
    assert names[0] == "Song"
    assert len(set(names)) == 200
    assert len(set(VERSION_LABELS)) == 12


def test_more_songs_have_more_artists() -> None:
    assert {artist_name(0, 0, draw << 22) for draw in range(1024)} < {
        artist_name(0, 10_000, draw << 22) for draw in range(1024)
    }
    many = [artist_name(0, 10**9, index * 2**32 // (10 + 10**9 // 24) + 1) for index in range(0, 500_000, 7)]
    assert len(set(many)) > 0.99 * len(many)
    assert len(set(GIVEN_NAMES)) == len(set(FAMILY_NAMES)) == 48


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_a_language_can_be_written_in_its_encodings(language: Language) -> None:
    texts = [
        *itertools.chain(*language.title_words),
        *itertools.chain(*language.track_names.values()),
        *language.section_names,
    ]
    for encoding in language.encodings:
        for text in texts:
            plain = text.replace("’", "'").replace("œ", "oe") if encoding in ("ascii", "latin-1") else text
            assert encode_text(text, encoding).decode(encoding) == plain
        assert all(len(entry) == entry[2] + 3 for entry in lyric_events(language, encoding))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_title_fits_a_short_meta_event(language: Language) -> None:
    longest = language.title_separator.join(
        max(words, key=lambda word: len(word.encode())) for words in language.title_words
    )
    assert len(version_title(f"{longest} No. 99", 3, 99).encode()) < 128

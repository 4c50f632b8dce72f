"""Titles, artists and texts."""

import itertools
import unicodedata

import pytest

from midiprism.sample.names import artist_of, encoded, lyrics, title_of, version_of
from midiprism.sample.words import FAMILY, GIVEN, LANGUAGES, VERSIONS, Language


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_families_of_a_language_have_one_title(language: Language) -> None:
    every = len(list(itertools.product(*language.titles)))
    titles = {
        unicodedata.normalize("NFKC", title_of(language, 5, number)).casefold()
        for number in range(every + 100)
    }
    assert len(titles) == every + 100


def test_titles_of_several_languages_never_meet() -> None:
    folded = [{title_of(language, 0, n).casefold() for n in range(3000)} for language in LANGUAGES]
    assert all(not one & other for one, other in itertools.combinations(folded, 2))


def test_versions_have_titles_of_their_own() -> None:
    names = [version_of("Song", 5, version) for version in range(200)]
    assert names[0] == "Song"
    assert len(set(names)) == 200
    assert len(set(VERSIONS)) == 12


def test_artists_grow_in_number_with_the_songs() -> None:
    assert {artist_of(0, 0, draw << 22) for draw in range(1024)} < {
        artist_of(0, 10_000, draw << 22) for draw in range(1024)
    }
    many = [artist_of(0, 10**9, index * 2**32 // (10 + 10**9 // 24) + 1) for index in range(0, 500_000, 7)]
    assert len(set(many)) > 0.99 * len(many)
    assert len(set(GIVEN)) == len(set(FAMILY)) == 48


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_a_language_can_be_written_in_its_encodings(language: Language) -> None:
    texts = [
        *itertools.chain(*language.titles),
        *itertools.chain(*language.tracks.values()),
        *language.sections,
    ]
    for encoding in language.encodings:
        for text in texts:
            plain = text.replace("’", "'").replace("œ", "oe") if encoding in ("ascii", "latin-1") else text
            assert encoded(text, encoding).decode(encoding) == plain
        assert all(len(entry) == entry[2] + 3 for entry in lyrics(language, encoding))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_title_fits_a_short_meta_event(language: Language) -> None:
    longest = language.between.join(
        max(words, key=lambda word: len(word.encode())) for words in language.titles
    )
    assert len(version_of(f"{longest} No. 99", 3, 99).encode()) < 128

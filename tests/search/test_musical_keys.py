import pytest

from midiprism.features.key_names import KEY_NAMES
from midiprism.search.musical_keys import MusicalKey, key_spellings, parse_key, related_keys
from midiprism.smf.stated_meta import MAJOR_KEYNOTES, MINOR_KEYNOTES

ALL_KEYS = [MusicalKey(tonic, mode) for tonic in range(12) for mode in ("major", "minor")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("D", (2, "major")),
        ("d", (2, "major")),
        ("Dm", (2, "minor")),
        ("dm", (2, "minor")),
        ("D minor", (2, "minor")),
        ("Dmin", (2, "minor")),
        ("d_minor", (2, "minor")),
        ("C#m", (1, "minor")),
        ("Dbm", (1, "minor")),
        ("D♭ minor", (1, "minor")),
        ("B#", (0, "major")),
        ("Cb", (11, "major")),
        ("bb", (10, "major")),
        ("Ebmaj", (3, "major")),
    ],
)
def test_a_key_has_many_names(text: str, key: tuple[int, str]) -> None:
    assert parse_key(text) == key


@pytest.mark.parametrize("text", ["", "H", "Dmm", "D minor x", "7", "minor"])
def test_other_texts_are_no_key(text: str) -> None:
    assert parse_key(text) is None


@pytest.mark.parametrize("key", ALL_KEYS, ids=str)
def test_the_usual_name_of_a_key_is_parsed(key: MusicalKey) -> None:
    assert parse_key(str(key)) == key


@pytest.mark.parametrize(
    "name", [*KEY_NAMES, *(f"{it} major" for it in MAJOR_KEYNOTES), *(f"{it} minor" for it in MINOR_KEYNOTES)]
)
def test_a_key_is_found_by_the_names_that_catalogs_have(name: str) -> None:
    key = parse_key(name)
    assert key is not None
    assert name in key_spellings({key})


def test_related_keys_are_the_relative_the_dominant_and_the_subdominant() -> None:
    assert {*map(str, related_keys(MusicalKey(2, "minor")))} == {"Dm", "F", "Am", "Gm"}
    assert {*map(str, related_keys(MusicalKey(0, "major")))} == {"C", "Am", "G", "F"}


@pytest.mark.parametrize("key", ALL_KEYS, ids=str)
def test_keys_are_related_to_each_other(key: MusicalKey) -> None:
    assert all(key in related_keys(related) for related in related_keys(key))

import pytest

from midiprism.search.errors import QueryError
from midiprism.search.filter_terms import FilterValue, filter_terms


@pytest.mark.parametrize(
    ("filters", "terms"),
    [
        ({}, []),
        ({"instrument": None}, []),
        ({"instrument": "slap bass"}, ['instrument:"slap bass"']),
        ({"name": "=x"}, ['name:"=x"']),
        ({"song_name": "a,b -c"}, ['song:"a,b -c"']),
        ({"min_notes": 16, "max_notes": 64}, ["notes:16..", "notes:..64"]),
        ({"notes": 16}, ["notes:16"]),
        ({"bpm": "85..95.5"}, ["bpm:85..95.5"]),
        ({"bpm": 90.5}, ["bpm:90.5"]),
        ({"channel": 9}, ["channel:10"]),
        ({"loops": True}, ["loops:yes"]),
        ({"key": "D minor"}, ["key:Dm"]),
        ({"role": "bass"}, ["role:bass"]),
        ({"added": "2026-11.."}, ["added:2026-11.."]),
    ],
)
def test_filters_of_python_are_terms(filters: dict[str, FilterValue | None], terms: list[str]) -> None:
    assert [*map(str, filter_terms(filters))] == terms


@pytest.mark.parametrize("filters", [{"nonsense": 1}, {"min_name": 1}, {"max_": 1}, {"any": "x"}])
def test_an_unknown_filter_is_refused(filters: dict[str, FilterValue | None]) -> None:
    with pytest.raises(TypeError, match="There is no filter"):
        filter_terms(filters)


@pytest.mark.parametrize("filters", [{"notes": "many"}, {"key": 5}, {"min_notes": 10**13}, {"name": ""}])
def test_a_value_that_the_field_cannot_have_is_refused(filters: dict[str, FilterValue | None]) -> None:
    with pytest.raises(QueryError):
        filter_terms(filters)

import pytest

from midiprism.features.kernel.roles import ROLES
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS
from midiprism.search.query import Range
from midiprism.search.query_fields import QUERY_FIELDS, QueryField, find_field, nearest_name


def test_every_text_and_number_of_links_and_tracks_is_a_field_but_for_those_of_the_catalog_itself() -> None:
    fields = {name for field in QUERY_FIELDS.values() for name in field.field_names}
    declared = {it.name for it in (*LINK_FIELDS, *TRACK_FIELDS) if it.python_type in (str, int, float)}
    assert declared - fields == {"note_hash", "stem", "digest_digits", "facts_version", "final_onset_ticks"}


def test_names_and_aliases_are_unique() -> None:
    names = [name for field in QUERY_FIELDS.values() for name in (field.name, *field.aliases)]
    assert len(names) == len(set(names))
    assert all(find_field(name.upper().replace("_", "-")) is not None for name in names)


@pytest.mark.parametrize("field", QUERY_FIELDS.values(), ids=lambda field: field.name)
def test_a_field_is_described_and_a_choice_has_values(field: QueryField) -> None:
    assert field.description
    assert bool(field.choices) == (field.kind == "choice")


@pytest.mark.parametrize(
    ("name", "given", "bounds"),
    [
        ("notes", Range(16, 16), (16, 16)),
        ("notes", Range(16, None), (16, None)),
        ("channel", Range(10, 10), (9, 9)),
        ("channel", Range(None, 16), (None, 15)),
        ("bpm", Range(90, 90), (89.5, 90.5)),
        ("bpm", Range(90.2, 90.2), (90.15, 90.25)),
        ("grid_16", Range(1, 1), (0.995, 1.005)),
        ("grid_16", Range(0.9, 0.9), (0.895, 0.905)),
    ],
)
def test_a_number_holds_the_values_that_round_to_it(
    name: str, given: Range, bounds: tuple[float | None, float | None]
) -> None:
    assert QUERY_FIELDS[name].bounds(given) == pytest.approx(bounds)


@pytest.mark.parametrize("tempo", [*range(20, 300)])
def test_the_ends_of_a_range_hold_a_tempo_as_a_file_states_it(tempo: int) -> None:
    stored = 60_000_000 / round(60_000_000 / tempo)
    low, high = QUERY_FIELDS["bpm"].bounds(Range(tempo, tempo + 1))
    assert low is not None
    assert low <= stored
    low, high = QUERY_FIELDS["bpm"].bounds(Range(tempo - 1, tempo))
    assert high is not None
    assert stored <= high


def test_a_role_is_one_of_those_that_are_computed() -> None:
    assert QUERY_FIELDS["role"].choices == ROLES


def test_the_nearest_name_is_offered() -> None:
    names = [*QUERY_FIELDS]
    assert nearest_name("instrumnt", names) == "instrument"
    assert nearest_name("BPMS", names) == "bpm"
    assert nearest_name("xyzzy", names) is None

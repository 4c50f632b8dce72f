"""Tests of the declared fields and of all that derives from them."""

import pytest

from midiprism.catalog.schema import links, song_paths, songs, tracks
from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS, LinkRecord, SongRecord
from midiprism.records.track_record import TrackRecord
from midiprism.smf.types import SplitTrack
from midiprism.stores.parquet.schema import LINK_COLUMNS, TRACK_COLUMNS

FIELDS = [*TRACK_FIELDS, *LINK_FIELDS, *SONG_FIELDS]


def test_every_value_of_a_record_is_a_field_but_for_the_records_in_it() -> None:
    assert [field.name for field in TRACK_FIELDS] == list(TrackRecord._fields)
    assert [*(field.name for field in LINK_FIELDS), "track"] == list(LinkRecord._fields)
    assert [*(field.name for field in SONG_FIELDS), "links"] == list(SongRecord._fields)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_is_described(field: Field) -> None:
    assert field.description
    assert field.python_type in (bytes, str, int, float, tuple)
    assert field.public_name


@pytest.mark.parametrize(("fields", "table"), [(TRACK_FIELDS, tracks), (LINK_FIELDS, links)])
def test_a_field_is_a_column_of_its_table(fields: tuple[Field, ...], table: object) -> None:
    columns = table.c  # type: ignore[attr-defined]
    assert [(field.name, field.nullable) for field in fields] == [
        (columns[field.name].name, columns[field.name].nullable) for field in fields
    ]


def test_every_field_of_a_song_is_in_a_table() -> None:
    for field in SONG_FIELDS:
        assert field.tables
        for table in (songs, song_paths):
            assert (field.name in table.c) == (table.name in field.tables)


@pytest.mark.parametrize(("fields", "columns"), [(TRACK_FIELDS, TRACK_COLUMNS), (LINK_FIELDS, LINK_COLUMNS)])
def test_a_field_is_a_column_of_its_shards_unless_it_has_no_name_there(
    fields: tuple[Field, ...], columns: tuple[object, ...]
) -> None:
    names = [column.name for column in columns]  # type: ignore[attr-defined]
    for field in fields:
        assert field.parquet_name is None or field.parquet_name in names


def test_the_attribute_of_a_split_track_that_a_field_names_exists() -> None:
    for field in (*TRACK_FIELDS, *LINK_FIELDS):
        if field.split_attribute is not None:
            assert field.split_attribute in SplitTrack._fields

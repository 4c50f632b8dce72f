"""The declaration of a field: its types, its description, and where it is used."""

from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

SqlType = Literal["smallint", "integer", "bigint", "float", "text", "long_text", "blob", "json"]
ArrowType = Literal["int16", "int32", "int64", "float64", "string", "binary", "digest"]
"""An Arrow type; ``digest`` stands for a string of hex digits made of bytes."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        sql_type: type of its column in the catalog.
        arrow_type: type of its column in Parquet files.
        description: for comments of the catalog's tables and for the documentation.
        low_cardinality: whether few different values recur, so that a dictionary makes the column small.
        searched_with: other fields of the record in which a query for this one looks too.
        public_name: name of the field in queries and in JSON; empty for the field's own name.
        arbitrary_text: whether its text comes from a song as it is, and may hold what no database takes.
        split_attribute: attribute of a ``SplitTrack`` that has the value; empty
            for the field's own name, None where the worker has the value from elsewhere.
        parquet_name: name of its column in Parquet files; empty for the field's own name, None for no column.
        tables: tables of the catalog that have it, where a record goes into several.
        computed: whether it is a fact that ``midiprism.features`` computes, None where it was not.
        added_later: whether Parquet files that the first version wrote lack its column.
        grouped: whether it is the number of a group that ``midiprism.similarity`` finds among all records of
            a result, None where it found none.
        name: of the field; taken from the class that declares it.
        python_type: type of its values; taken from the class that declares it.
        nullable: whether its value may be None; taken from the class that declares it.
    """

    sql_type: SqlType
    arrow_type: ArrowType
    description: str
    low_cardinality: bool = False
    searched_with: tuple[str, ...] = ()
    public_name: str = ""
    arbitrary_text: bool = False
    split_attribute: str | None = ""
    parquet_name: str | None = ""
    tables: tuple[str, ...] = ()
    computed: bool = False
    added_later: bool = False
    grouped: bool = False
    name: str = ""
    python_type: type = object
    nullable: bool = False


def declared_fields(record_type: type[Any]) -> tuple[Field, ...]:
    """Return the annotated fields of a record class, in their order."""
    fields = []
    for name, hint in get_type_hints(record_type, include_extras=True).items():
        declared = next((it for it in get_args(hint)[1:] if isinstance(it, Field)), None)
        if declared is None:
            continue
        annotated = get_args(hint)[0]
        types = get_args(annotated) if isinstance(annotated, UnionType) else (annotated,)
        value_type = next(it for it in types if it is not type(None))
        fields.append(
            replace(
                declared,
                name=name,
                python_type=get_origin(value_type) or value_type,
                nullable=type(None) in types,
                split_attribute=name if declared.split_attribute == "" else declared.split_attribute,
                parquet_name=name if declared.parquet_name == "" else declared.parquet_name,
                public_name=declared.public_name or name,
            )
        )
    return tuple(fields)


_ARROW_TYPES: dict[SqlType, ArrowType] = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "float": "float64",
    "text": "string",
    "blob": "binary",
}


def fact(
    sql_type: SqlType,
    description: str,
    *,
    low_cardinality: bool = False,
    parquet_name: str | None = "",
    tables: tuple[str, ...] = (),
) -> Field:
    """Return the field of a fact that ``midiprism.features`` computes."""
    return Field(
        sql_type,
        _ARROW_TYPES[sql_type],
        description,
        low_cardinality=low_cardinality,
        split_attribute=None,
        parquet_name=parquet_name,
        tables=tables,
        computed=True,
        added_later=True,
    )


def group(description: str, *, tables: tuple[str, ...] = ()) -> Field:
    """Return the field of the number of a group that ``midiprism.similarity`` finds."""
    return Field(
        "bigint",
        "int64",
        description,
        split_attribute=None,
        parquet_name=None,
        tables=tables,
        grouped=True,
    )

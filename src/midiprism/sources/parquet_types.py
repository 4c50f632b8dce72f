"""Types of Parquet columns: which can hold songs, which can name them, which can be kept."""

from typing import Any

BYTES_FIELD = "bytes"
"""The field with the bytes, where a column holds structs."""

_BINARY = ("binary", "large_binary", "binary_view")
_TEXT = ("string", "large_string", "string_view")
_UUID = "extension<arrow.uuid>"


def struct_fields(arrow_type: Any) -> list[Any]:
    """Return the fields of a struct; none for other types."""
    import pyarrow

    return (
        [arrow_type.field(number) for number in range(arrow_type.num_fields)]
        if pyarrow.types.is_struct(arrow_type)
        else []
    )


def may_hold_songs(arrow_type: Any) -> bool:
    """Return whether a column of this type holds bytes, or structs with a field of bytes."""
    return _value_type(arrow_type) in _BINARY or any(
        child.name == BYTES_FIELD and _value_type(child.type) in _BINARY
        for child in struct_fields(arrow_type)
    )


def is_text(arrow_type: Any) -> bool:
    """Return whether a column of this type is marked as text, which some programs also do for bytes."""
    return _value_type(arrow_type) in _TEXT


def can_name(arrow_type: Any) -> bool:
    """Return whether values of this type can name songs: texts, whole numbers, and the bytes of ids."""
    import pyarrow

    if pyarrow.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return pyarrow.types.is_integer(arrow_type) or is_text(arrow_type) or _is_bytes(arrow_type)


def holds_nested_bytes(arrow_type: Any) -> bool:
    """Return whether values of this type hold bytes without being bytes themselves."""
    return "binary" in str(arrow_type) and not _is_bytes(arrow_type)


def _is_bytes(arrow_type: Any) -> bool:
    value_type = _value_type(arrow_type)
    return value_type in (*_BINARY, _UUID) or value_type.startswith("fixed_size_binary")


def _value_type(arrow_type: Any) -> str:
    """Return a type by its name; of a dictionary, the type of its values."""
    import pyarrow

    return str(arrow_type.value_type if pyarrow.types.is_dictionary(arrow_type) else arrow_type)

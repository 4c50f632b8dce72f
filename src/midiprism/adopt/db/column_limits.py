"""Limits of the values that the columns of another program's tables can hold."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

_INTEGER_BITS = {"int2": 15, "int4": 31, "int8": 63}
_PRECISION_BITS, _MODIFIER_HEADER = 0xFFFF, 4
_SCALE_BITS, _SCALE_SIGN = 0x7FF, 0x400


class ColumnLimit(NamedTuple):
    """The type of a column, which limits its values.

    Attributes:
        type: PostgreSQL's internal name of the type.
        type_modifier: the parameters in parentheses after the type, as PostgreSQL stores them; -1 for none.
    """

    type: str
    type_modifier: int

    def can_hold(self, value: object) -> bool:
        """Return True if the column can hold a value unchanged; the fraction of a number may be rounded."""
        if isinstance(value, int) and self.type in _INTEGER_BITS:
            bits = _INTEGER_BITS[self.type]
            return -(1 << bits) <= value < 1 << bits
        if isinstance(value, int | float) and self.type == "numeric" and self.type_modifier >= 0:
            # PostgreSQL packs precision and scale, a signed 11-bit number, into the modifier.
            packed = self.type_modifier - _MODIFIER_HEADER
            precision = packed >> 16 & _PRECISION_BITS
            scale = ((packed & _SCALE_BITS) ^ _SCALE_SIGN) - _SCALE_SIGN
            rounded = Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
            return abs(rounded) < Decimal(10) ** (precision - scale)
        if isinstance(value, str):
            is_short = self.type_modifier < 0 or len(value) <= self.type_modifier - _MODIFIER_HEADER
            # U+FFFD replaces what no database can hold, see ``make_storable``.
            return is_short and "\N{REPLACEMENT CHARACTER}" not in value
        return True


def read_column_limits(connection: Connection, table: str) -> dict[str, ColumnLimit]:
    """Return the limits of a table's columns by name.

    Args:
        connection: in an open transaction.
        table: qualified and quoted name.
    """
    return {
        name: ColumnLimit(type_, modifier)
        for name, type_, modifier in connection.execute(_COLUMN_TYPES, {"table": table})
    }


_COLUMN_TYPES = text("""
SELECT a.attname, COALESCE(b.typname, t.typname),
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = NULLIF(t.typbasetype, 0)
WHERE a.attrelid = CAST(:table AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
""")

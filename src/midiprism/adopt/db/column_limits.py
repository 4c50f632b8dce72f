"""Which values the columns of another program's tables can hold."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

_INTEGER_BITS = {"int2": 15, "int4": 31, "int8": 63}
_PRECISION_BITS, _MODIFIER_HEADER = 0xFFFF, 4
_SCALE_BITS, _SCALE_SIGN = 0x7FF, 0x400


class ColumnLimit(NamedTuple):
    """What a column can hold.

    Attributes:
        type: PostgreSQL's own name of its type.
        modifier: what stands in parentheses behind it, as PostgreSQL keeps it; -1 for nothing.
    """

    type: str
    type_modifier: int

    def can_hold(self, value: object) -> bool:
        """Whether it can hold a value as it is; a number with a fraction may be rounded."""
        if isinstance(value, int) and self.type in _INTEGER_BITS:
            bits = _INTEGER_BITS[self.type]
            return -(1 << bits) <= value < 1 << bits
        if isinstance(value, int | float) and self.type == "numeric" and self.type_modifier >= 0:
            precision, scale = self._precision_and_scale()
            rounded = Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
            return abs(rounded) < Decimal(10) ** (precision - scale)
        if isinstance(value, str):
            short = self.type_modifier < 0 or len(value) <= self.type_modifier - _MODIFIER_HEADER
            # U+FFFD stands for what no database holds, see ``storable``.
            return short and "\N{REPLACEMENT CHARACTER}" not in value
        return True

    def _precision_and_scale(self) -> tuple[int, int]:
        given = self.type_modifier - _MODIFIER_HEADER
        return given >> 16 & _PRECISION_BITS, ((given & _SCALE_BITS) ^ _SCALE_SIGN) - _SCALE_SIGN


def read_column_limits(connection: Connection, table: str) -> dict[str, ColumnLimit]:
    """What each column of a table can hold.

    Args:
        table: its full name, quoted.
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

"""Print to the terminal safely: names from files never become escape sequences or markup."""

import json
import shlex
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from midiprism.cli.json_log import log_record
from midiprism.fs.path_text import path_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from midiprism.cli.json_log import Level

WIDE = 200
"""Columns of a table that is printed to a file or a pipe."""


def escape_unprintable(text: str) -> str:
    """Return ``text`` with invisible characters escaped: ``\\x1b``, ``\\u202e``, stray bytes as ``\\xff``."""
    return text if text.isascii() and text.isprintable() else "".join(map(_escape_character, text))


def printable_path(path: bytes | str) -> str:
    """Return a path as text that a terminal can show."""
    return escape_unprintable(_text(path))


def shell_quote(path: bytes | str) -> str:
    """Return a path quoted for a shell."""
    return escape_unprintable(shlex.quote(_text(path)))


def rich_text(value: str, style: str = "") -> "Text":
    """Return ``value`` as text for Rich, which would read square brackets in a plain string as markup."""
    from rich.text import Text

    return Text(escape_unprintable(value), style=style, no_wrap=True, overflow="ellipsis")


def make_console(*, stderr: bool = False) -> "Console":
    """Return a console that prints what it is given as it is."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def make_table() -> "Table":
    """Return an empty table without borders."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bold")


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of standard output."""
    typer.echo(json.dumps(facts))


def print_message(message: str, *, level: "Level" = "warning") -> None:
    """Print one line on standard error; a level is shown where that is JSON."""
    if not log_record(level, message):
        typer.echo(f"midiprism: {escape_unprintable(message)}", err=True)


def format_size(count: int) -> str:
    """Return a number of bytes with a unit: ``1.0 KB``."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def format_clock(seconds: float | None) -> str:
    """Return a length as ``M:SS`` or ``H:MM:SS``; ``-`` for None."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def pluralize(count: int, word: str) -> str:
    """Return a count with its noun: ``1 song``, ``2,000 songs``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def format_count(name: str, count: int, meaning: str, *, one: str = "", width: int = 12) -> str:
    """Return an indented line of a list of counts: name, number, meaning.

    Args:
        one: the meaning of the number 1, if it is another one.
    """
    meaning = one if one and count == 1 else meaning
    return f"  {escape_unprintable(name):<{width}} {count:>10,}  {meaning}".rstrip()


def _text(path: bytes | str) -> str:
    return path_text(path) if isinstance(path, bytes) else path


def _escape_character(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not text, as Python's surrogateescape keeps it
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")

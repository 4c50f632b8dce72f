"""What reaches the terminal: names from files are data there, never escapes, markup or directions."""

import os
import shlex
import unicodedata
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def escape_unprintable(text: str) -> str:
    """``text`` with what cannot be seen written out: ``\\x1b``, ``\\u202e``, stray bytes as ``\\xff``."""
    return text if text.isascii() and text.isprintable() else "".join(map(_escape_character, text))


def printable_path(path: bytes | str) -> str:
    """A path as the terminal may show it."""
    return escape_unprintable(os.fsdecode(path))


def shell_quote(path: bytes | str) -> str:
    """A path as it can be given to a shell."""
    return escape_unprintable(shlex.quote(os.fsdecode(path)))


def rich_text(value: str, style: str = "") -> "Text":
    """``value`` for Rich, which would read square brackets in a plain string as markup."""
    from rich.text import Text

    return Text(escape_unprintable(value), style=style, no_wrap=True, overflow="ellipsis")


def make_console(*, stderr: bool = False) -> "Console":
    """A console that adds nothing of its own to what it is given."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def print_message(message: str) -> None:
    """One line on standard error."""
    typer.echo(f"midiprism: {escape_unprintable(message)}", err=True)


def format_size(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def format_clock(seconds: float | None) -> str:
    """A length in minutes and seconds, or hours, minutes and seconds."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def pluralize(count: int, word: str) -> str:
    """``1 song``, ``2,000 songs``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _escape_character(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not text, as Python's surrogateescape keeps it
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")

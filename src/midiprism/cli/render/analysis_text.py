"""Render a report for a terminal, and as Markdown."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from midiprism.cli.render.terminal import escape_unprintable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from midiprism.advise.report.document import Section

_MARKDOWN_SPECIALS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_BACKTICKS = re.compile("`+")


class Part(NamedTuple):
    """A part of the report for Rich.

    Attributes:
        content: what to print.
        on_one_line: whether it must not be folded, since it is a command to be copied.
    """

    content: "RenderableType"
    on_one_line: bool = False


def render_rich(sections: "Sequence[Section]") -> Iterator[Part]:
    """Yield the report for Rich, part by part."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    for section in sections:
        yield Part(Text(f"\n{escape_unprintable(section.title)}", style="bold"))
        for sentence in section.sentences:
            yield Part(Padding(Text(escape_unprintable(sentence)), (0, 0, 0, 2)))
        if section.rows:
            table = Table(
                box=None,
                show_header=bool(section.columns),
                pad_edge=False,
                padding=(0, 2, 0, 0),
                header_style="dim",
            )
            for number in range(max(map(len, section.rows))):
                title = section.columns[number] if number < len(section.columns) else ""
                table.add_column(title, overflow="fold")
            for row in section.rows:
                table.add_row(*(Text(escape_unprintable(cell)) for cell in row))
            yield Part(Padding(table, (0, 0, 0, 2)))
        for item in section.items:
            yield Part(Padding(Text(escape_unprintable(item.title), style="bold"), (0, 0, 0, 2)))
            for line in item.lines:
                yield Part(Padding(Text(escape_unprintable(line)), (0, 0, 0, 4)))
            for command in item.commands:
                yield Part(Text(f"    {escape_unprintable(command)}", style="cyan"), on_one_line=True)


def render_markdown(sections: "Sequence[Section]") -> str:
    """Return the report as Markdown, with names from files and addresses escaped."""
    return "\n".join(_markdown_lines(sections)).strip() + "\n"


def _markdown_lines(sections: "Sequence[Section]") -> Iterator[str]:
    for number, section in enumerate(sections):
        yield f"\n{'#' if number == 0 else '##'} {_escape_markdown(section.title)}\n"
        for sentence in section.sentences:
            yield f"{_escape_markdown(sentence)}\n"
        if section.rows:
            width = max(map(len, section.rows))
            titles = (*section.columns, *[""] * width)[:width]
            yield f"| {' | '.join(map(_escape_markdown, titles))} |"
            yield f"|{'---|' * width}"
            for row in section.rows:
                yield f"| {' | '.join(map(_escape_markdown, row))} |"
            yield ""
        for item in section.items:
            yield f"### {_escape_markdown(item.title)}\n"
            for line in item.lines:
                yield f"{_escape_markdown(line)}\n"
            for command in item.commands:
                yield from _fenced_block(command)


def _escape_markdown(text: str) -> str:
    return _MARKDOWN_SPECIALS.sub(r"\\\1", escape_unprintable(text))


def _fenced_block(command: str) -> Iterator[str]:
    shown = escape_unprintable(command)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(shown)), default=0))
    yield from (f"{fence}sh", shown, fence, "")

"""A report on a terminal, and as Markdown."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from midiprism.cli.terminal import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from midiprism.advise.page import Section

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_TICKS = re.compile("`+")


def drawn(sections: "Sequence[Section]") -> "Iterator[RenderableType]":
    """The report for Rich, part by part."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    for section in sections:
        yield Text(f"\n{clean(section.title)}", style="bold")
        for sentence in section.sentences:
            yield Padding(Text(clean(sentence)), (0, 0, 0, 2))
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
                table.add_row(*(Text(clean(cell)) for cell in row))
            yield Padding(table, (0, 0, 0, 2))
        for item in section.items:
            yield Padding(Text(clean(item.title), style="bold"), (0, 0, 0, 2))
            for line in item.lines:
                yield Padding(Text(clean(line)), (0, 0, 0, 4))
            for command in item.commands:
                yield Text(f"    {clean(command)}", style="cyan", no_wrap=True, overflow="ignore")


def markdown(sections: "Sequence[Section]") -> str:
    """The report as Markdown. What comes from files and addresses is text there, never markup."""
    return "\n".join(_lines(sections)).strip() + "\n"


def _lines(sections: "Sequence[Section]") -> Iterator[str]:
    for number, section in enumerate(sections):
        yield f"\n{'#' if number == 0 else '##'} {_plain(section.title)}\n"
        for sentence in section.sentences:
            yield f"{_plain(sentence)}\n"
        if section.rows:
            width = max(map(len, section.rows))
            titles = (*section.columns, *[""] * width)[:width]
            yield f"| {' | '.join(map(_plain, titles))} |"
            yield f"|{'---|' * width}"
            for row in section.rows:
                yield f"| {' | '.join(map(_plain, row))} |"
            yield ""
        for item in section.items:
            yield f"### {_plain(item.title)}\n"
            for line in item.lines:
                yield f"{_plain(line)}\n"
            for command in item.commands:
                yield from _fenced(command)


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", clean(text))


def _fenced(command: str) -> Iterator[str]:
    shown = clean(command)
    fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(shown)), default=0))
    yield from (f"{fence}sh", shown, fence, "")

"""What a report says, as sections that a terminal, Markdown and a web page show alike."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Item:
    """One of several things under each other.

    Attributes:
        title: what it is.
        lines: sentences about it.
        commands: what to type, exactly.
    """

    title: str
    lines: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes:
        title: its heading.
        sentences: what comes first.
        rows: facts by name, or rows of a table under ``columns``.
        items: what comes last.
    """

    title: str
    sentences: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    columns: tuple[str, ...] = ()
    items: tuple[Item, ...] = field(default=())

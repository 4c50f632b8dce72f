"""The arguments of a command that are a query: words of their own, and options that are terms of it."""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from midiprism.search.query import Query, Term

_COMPLETION_VARIABLE = "_MIDIPRISM_COMPLETE"


def _complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from midiprism.search.complete_query import complete_query

    return complete_query(ctx.params.get("query") or (), incomplete)


QueryArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="QUERY...",
        autocompletion=_complete,
        show_default=False,
        help="Words of a query, such as family:bass key:Dm bpm:85..95 notes:16.. -live; all have to "
        "match. `midiprism list --fields` shows the fields.",
    ),
]


class QueryCommand(TyperCommand):
    """A command with a query, in which ``-word`` is a term unless it is an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse arguments, of which words that begin with one dash are negated terms."""
        options = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        letters = {name[1] for name in options if len(name) == 2}
        end = args.index("--") if "--" in args else len(args)
        words = [f"^{it[1:]}" if _is_negated(it, letters) else it for it in args[:end]]
        return super().parse_args(ctx, words + args[end:])


def _is_negated(argument: str, letters: set[str]) -> bool:
    """Return whether an argument is a negated term, rather than options of one letter each."""
    if len(argument) < 2 or argument[0] != "-" or argument[1] == "-":
        return False
    return not {*argument[1:]} <= letters


def separate_colon(environment: MutableMapping[str, str]) -> None:
    """Let a completion of bash begin behind a colon, which bash takes for a word of its own."""
    if environment.get(_COMPLETION_VARIABLE) != "complete_bash":
        return
    words, position = environment.get("COMP_WORDS", ""), environment.get("COMP_CWORD", "")
    # Bash puts the ends of lines between the words.
    count = len(words.split("\n" if "\n" in words else " "))
    if words[-2:].strip() == ":" and position == str(count - 1):
        environment["COMP_CWORD"] = str(count)


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """Options that are terms of the query."""

    channel: Annotated[
        int | None, typer.Option(min=1, max=16, metavar="N", help="The term channel:N of a query.")
    ] = None
    drum_piece: Annotated[int | None, typer.Option(metavar="N", help="The term drum_piece:N of a query.")] = (
        None
    )
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="The term name:TEXT of a query.")] = None
    instrument: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The term instrument:TEXT of a query.")
    ] = None
    family: Annotated[str | None, typer.Option(metavar="TEXT", help="The term family:TEXT of a query.")] = (
        None
    )
    notes: Annotated[
        str | None, typer.Option(metavar="RANGE", help="The term notes:RANGE of a query, such as 16..")
    ] = None
    last_note_ticks: Annotated[
        str | None, typer.Option(metavar="RANGE", help="The term length_ticks:RANGE of a query.")
    ] = None
    last_note_seconds: Annotated[
        str | None, typer.Option(metavar="RANGE", help="The term length_seconds:RANGE of a query.")
    ] = None
    song: Annotated[str | None, typer.Option(metavar="TEXT", help="The term song:TEXT of a query.")] = None

    def terms(self) -> "tuple[Term, ...]":
        """Return the terms of the options that are given.

        Raises:
            QueryError: a field takes no such value.
        """
        from midiprism.search.errors import QueryError
        from midiprism.search.filter_terms import field_terms
        from midiprism.search.query_fields import find_field

        terms: list[Term] = []
        for option in fields(self):
            value, field = getattr(self, option.name), find_field(option.name)
            if value is not None:
                assert field is not None
                try:
                    terms += field_terms(field, str(value))
                except QueryError as error:
                    reason = f"--{option.name.replace('_', '-')}: {error.reason}"
                    raise QueryError(reason, error.text, error.start, error.end) from error
        return tuple(terms)


def parse_arguments(words: Sequence[str] | None, filters: FilterOptions, sort: Iterable[str] = ()) -> "Query":
    """Return the query of the arguments of a command.

    Args:
        words: of the query; None for none.
        filters: options that are terms of it.
        sort: fields by which it is sorted.

    Raises:
        QueryError: it cannot be understood.
    """
    from midiprism.search.query_words import query_text

    return parse_text(query_text([*(words or ()), *(f"sort:{field}" for field in sort)]), filters)


def parse_text(text: str, filters: FilterOptions) -> "Query":
    """Return the query of a text and of options that are terms of it.

    Raises:
        QueryError: it cannot be understood.
    """
    from midiprism.search.parse_query import parse_query
    from midiprism.search.saved_searches import SavedSearches, default_folder

    return parse_query(text, SavedSearches(default_folder())).with_terms(filters.terms())

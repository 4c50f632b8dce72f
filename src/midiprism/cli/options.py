"""Options that several commands share."""

from dataclasses import dataclass
from typing import Annotated

import typer

from midiprism.objects.url import is_storage_url

DATABASE_URL_VARIABLE = "MIDIPRISM_DATABASE_URL"
GENERIC_DATABASE_URL_VARIABLE = "DATABASE_URL"


def parse_path(text: str) -> str:
    """Return a path that was given.

    Raises:
        typer.BadParameter: it is empty, as a variable of a shell that is not set, or the URL of a place in
            object storage, where a path would make a folder of that name.
    """
    if is_storage_url(parse_place(text)):
        raise typer.BadParameter("it is a URL of object storage, where a path on this machine is needed.")
    return text


def parse_place(text: str) -> str:
    """Return a path, or the URL of a place in object storage, that was given.

    Raises:
        typer.BadParameter: it is empty.
    """
    if not text:
        raise typer.BadParameter("it is empty, where a path is needed.")
    return text


OutArgument = Annotated[str, typer.Argument(metavar="OUT", parser=parse_place, help="Folder of the result.")]
"""For commands that refuse a URL when they look for the result."""
ReadableOutArgument = Annotated[
    str,
    typer.Argument(
        metavar="OUT", parser=parse_place, help="Folder of the result, or its URL in object storage."
    ),
]
"""For commands that change nothing in a result."""
QuietOption = Annotated[
    bool, typer.Option("-q", "--quiet", help="Print no progress and no remarks, only the result and errors.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the summary as one JSON object, the last line of the output.")
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "-v", "--verbose", help="List up to 100 failures or findings of a kind instead of the first five."
    ),
]
PathMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--path-map",
        metavar="OLD=NEW",
        help="Read paths in the database that begin with the folder OLD below NEW. May be repeated.",
    ),
]
ArchivesOption = Annotated[
    bool,
    typer.Option(
        "--archives", help="Read archives inside folders too. One named as a SOURCE is always read."
    ),
]


MaxSongSizeOption = Annotated[
    str | None,
    typer.Option(
        "--max-song-size",
        metavar="SIZE",
        help="Refuse larger songs; at most 1G. A sound bank around a song does not count.  [default: 64M]",
    ),
]


@dataclass(frozen=True, slots=True)
class CatalogOptions:
    """Options that name the catalog."""

    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="The catalog is in PostgreSQL: postgresql://USER@HOST/DATABASE, without a password.  "
            f"[default: ${DATABASE_URL_VARIABLE}, else the one that OUT records, else a file in OUT]",
        ),
    ] = None
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema", metavar="NAME", help="Schema of midiprism's tables there.  [default: midiprism]"
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """Options for the output of a command."""

    as_json: JsonOption = False
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print no progress and no summary, only errors.")
    ] = False

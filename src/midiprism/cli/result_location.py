"""Locate a result: its folder, which may have been relocated, and the database of its catalog."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from midiprism.cli.database import resolve_database
from midiprism.cli.options import CatalogOptions
from midiprism.cli.render.terminal import escape_unprintable, print_message, shell_quote
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress


@dataclass(frozen=True, slots=True)
class ResultLocation:
    """The location of a result.

    Attributes:
        folder: that holds it now.
        database: that holds its catalog; None for a file in the folder.
    """

    folder: str
    database: "PostgresAddress | None"

    @property
    def quoted(self) -> str:
        """The result as the arguments of a command: its folder, and the options that name its database."""
        return quote_result(self.folder, self.database)


def locate(
    out: str, catalog: CatalogOptions, *, quiet: bool = False, only_reads: bool = False
) -> ResultLocation:
    """Return where the result is that is, or was, in the folder ``out``.

    Args:
        out: for a command that only reads, also the URL of a result in object storage, of which the mirror on
            this machine is brought up to date.
        only_reads: whether the command changes nothing in the result.

    Raises:
        UsageError: it cannot be found, or its database is named wrongly.
    """
    if only_reads and is_storage_url(out):
        from midiprism.cli.mirrors import updated_mirror

        return ResultLocation(updated_mirror(out, catalog, quiet=quiet), None)
    folder = follow_relocation(out, quiet=quiet)
    return ResultLocation(folder, resolve_database(catalog, folder))


def follow_relocation(out: str, *, quiet: bool = False) -> str:
    """Return the folder that holds the result that is, or was, in ``out``; print a message if it is another.

    Raises:
        UsageError: it is not where it was moved to, or still on its way to ``out``.
    """
    from midiprism.results.result_dir import locate_result

    if is_storage_url(out):
        raise UsageError("This command works on a result in a folder, not on one in object storage.")
    folder = locate_result(out)
    if folder != out and not quiet:
        print_message(f"{out} was relocated: continuing in {folder}.")
    return folder


def quote_result(folder: str, database: "PostgresAddress | None") -> str:
    """Return a result as the arguments of a command."""
    return shell_quote(folder) + ("" if database is None else f" {escape_unprintable(database.cli_options)}")

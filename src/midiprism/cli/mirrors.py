"""The mirror of a result in object storage, for commands that read a result in a folder."""

from typing import TYPE_CHECKING

from midiprism.cli.app import ExitRequest
from midiprism.cli.options import CatalogOptions
from midiprism.cli.shell import session
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.mirror import MirrorProgress


def updated_mirror(url: str, catalog: CatalogOptions, *, quiet: bool) -> str:
    """Return the folder of the mirror of a result, which is brought up to date first.

    Raises:
        MidiprismError: there is no result, or it cannot be mirrored.
    """
    if catalog.database is not None or catalog.schema is not None:
        raise UsageError("A result in object storage has no database: leave --database and --schema out.")
    from midiprism.mirror import update_mirror

    with session("Stopping.", _format_progress, quiet=quiet) as (stop, listener):
        folder = update_mirror(url, listener or (lambda _: None), stop=stop)
        if stop():
            raise ExitRequest(stop.exit_code)
        return folder


def _format_progress(progress: "MirrorProgress") -> str:
    return f"mirroring: {progress.seen:,} of {progress.total:,} paths of songs"

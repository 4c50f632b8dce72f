"""Work after the last commit of a run: that of hooks, and what derives from the catalog."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from midiprism.errors import MidiprismError
from midiprism.memory import release_freed_memory
from midiprism.pipeline.settings import RunCallbacks
from midiprism.pipeline.summary import Summary
from midiprism.results.background import Background

if TYPE_CHECKING:  # which load the database
    from midiprism.catalog import Catalog
    from midiprism.catalog.commit_hook import CommitHook


def run_hooks_after(hooks: "Sequence[CommitHook]", catalog: "Catalog | None", summary: Summary) -> None:
    """Let the hooks do their work after a run that recorded something, and count what it left ambiguous."""
    if catalog is not None and summary.run_id is not None:
        for hook in hooks:
            summary.rows_replaced += hook.after_run(catalog, summary.run_id)
        summary.songs_with_other_metadata = _count_other_metadata(catalog)


def _count_other_metadata(catalog: "Catalog") -> int:
    from midiprism.catalog.queries.song_rows import count_songs_with_other_metadata

    with catalog.read_transaction() as connection:
        return count_songs_with_other_metadata(connection)


@contextmanager
def updating_derived(
    callbacks: RunCallbacks,
    out: str,
    catalog: "Catalog | None",
    summary: Summary,
    in_background: Background,
    *,
    is_busy: bool,
) -> Iterator[None]:
    """Bring up to date what derives from the catalog, during the block and after it.

    An interrupted run leaves that to those who need it.

    Args:
        callbacks: of the run.
        out: folder of the result.
        catalog: of the result; None for a dry run.
        summary: of the run.
        in_background: does a part of it in another process.
        is_busy: whether the block takes as long as work in another process.
    """
    start = callbacks.after_run
    if start is None or catalog is None or summary.run_id is None or summary.state != "done":
        yield
        return
    catalog.release_memory()  # the process that makes the index takes its place
    release_freed_memory()
    complete = start(out, catalog.address, in_background, is_busy)
    try:
        yield
    except MidiprismError:
        _complete(complete, callbacks)
        raise
    _complete(complete, callbacks)


def _complete(complete: Callable[[], None], callbacks: RunCallbacks) -> None:
    try:
        complete()
    except MidiprismError as error:
        callbacks.on_warning(str(error))

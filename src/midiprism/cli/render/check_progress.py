"""The progress of a check of a result in object storage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from midiprism.cli.render.progress import ProgressDisplay, progress_bar
from midiprism.cli.render.terminal import pluralize

if TYPE_CHECKING:
    from midiprism.generations.verify import CheckProgress


class ShownCheck(NamedTuple):
    """Progress of a check, as displays take it."""

    seen: int
    total: int
    seconds: float
    step: str


class CheckDisplay:
    """Shows the progress of a check.

    Args:
        bar: on which it is shown; None if it is not.
    """

    def __init__(self, bar: ProgressDisplay[ShownCheck] | None) -> None:
        self._bar = bar
        self._began = time.monotonic()
        self._files = 0
        self._last: CheckProgress | None = None

    def show(self, progress: "CheckProgress") -> None:
        """Show how much is done."""
        self._last = progress
        self._update()

    def add_files(self, count: int) -> None:
        """Show that so many more files are checked, of a task that is not done yet."""
        self._files += count
        self._update()

    def _update(self) -> None:
        if self._bar is None or self._last is None:
            return
        step, done, total = self._last
        if step == "files":  # tasks that are done again count again
            done = min(max(done, self._files), total)
        self._bar(ShownCheck(done, total, time.monotonic() - self._began, step))


def format_check_progress(shown: ShownCheck) -> str:
    """Return the progress of a check in words."""
    if shown.step == "files":
        return f"{shown.seen:,} of {pluralize(shown.total, 'file')}"
    return f"Comparing digests: {shown.seen:,} of {pluralize(shown.total, 'task')}"


@contextmanager
def show_check_progress(*, quiet: bool) -> Iterator[CheckDisplay]:
    """Give a display of the progress of a check, which shows nothing if it is quiet."""
    if quiet:
        yield CheckDisplay(None)
        return
    with progress_bar(format_check_progress) as bar:
        yield CheckDisplay(bar)

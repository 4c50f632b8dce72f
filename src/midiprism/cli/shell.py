"""Run a command's call: handle interrupts, show progress, choose the exit code."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import StopRequest, interruptible

if TYPE_CHECKING:
    from midiprism.cli.render.progress import ProgressCounts

CountsT = TypeVar("CountsT", bound="ProgressCounts")


@contextmanager
def session(
    stop_message: str, format_progress: "Callable[[CountsT], str]", *, quiet: bool
) -> "Iterator[tuple[StopRequest, Callable[[CountsT], None] | None]]":
    """Give the flag that Ctrl-C and SIGTERM set, and a listener that shows progress (None if quiet).

    Args:
        stop_message: is printed at the first signal.
        format_progress: returns the progress in words.
    """
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible(stop_message))
        listener = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            listener = stack.enter_context(progress_bar(format_progress))
        yield stop, listener


def announce_compiling(*, quiet: bool) -> Callable[[], None]:
    """Return what to call before the splitter is compiled, which prints a message unless quiet."""

    def announce() -> None:
        if not quiet:
            typer.echo(
                "Compiling the splitter, once per installation; this takes up to a minute ...", err=True
            )

    return announce


def exit_code(stop: StopRequest, *, stopped: bool, ok: bool) -> int:
    """Return the exit code of a command: that of the signal which stopped it, else whether all is well."""
    if stopped:
        return stop.exit_code
    return exit_codes.DONE if ok else exit_codes.FAILED

"""Run a command's call: handle interrupts, show progress, choose the exit code."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import STOPPED, StopRequest, interruptible

if TYPE_CHECKING:
    from midiprism.cli.render.progress import ProgressCounts, ProgressDisplay

CountsT = TypeVar("CountsT", bound="ProgressCounts")


@contextmanager
def session(
    stop_message: str, format_progress: "Callable[[CountsT], str]", *, quiet: bool
) -> "Iterator[tuple[StopRequest, ProgressDisplay[CountsT] | None]]":
    """Give the flag that Ctrl-C and SIGTERM set, and a display of progress (None if quiet).

    Args:
        stop_message: is printed at the first signal.
        format_progress: returns the progress in words.
    """
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible(stop_message))
        display = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            display = stack.enter_context(progress_bar(format_progress))
        yield stop, display


def compile_display(display: "ProgressDisplay[Any] | None") -> Callable[[float], None]:
    """Return what shows that the splitter is being compiled; without a display, nothing does."""
    return (lambda _seconds: None) if display is None else display.show_compiling


def _say_nothing(_progress: "ProgressCounts") -> str:
    return ""


def compile_or_exit(*, quiet: bool) -> None:
    """Compile the splitter unless that was done before, and show the time that it takes.

    Raises:
        ExitRequest: Ctrl-C or SIGTERM came meanwhile.
    """
    from midiprism.cli.app import ExitRequest
    from midiprism.pipeline.splitter import is_kernel_compiled

    if is_kernel_compiled():
        return
    from midiprism.pipeline.compile_splitter import compile_splitter  # which loads multiprocessing

    with session(STOPPED, _say_nothing, quiet=quiet) as (stop, display):
        if not compile_splitter(stop, compile_display(display)):
            raise ExitRequest(stop.exit_code)


def exit_code(stop: StopRequest, *, stopped: bool, ok: bool) -> int:
    """Return the exit code of a command: that of the signal which stopped it, else whether all is well."""
    if stopped:
        return stop.exit_code
    return exit_codes.DONE if ok else exit_codes.FAILED

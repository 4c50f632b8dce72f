"""A call in a process of its own, during other work."""

import contextlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

from midiprism.pipeline.executors.processes.start_process import (
    needs_main_module,
    process_context,
    start_process,
)
from midiprism.pipeline.executors.processes.worker_process import ignore_signals_and_die_with_coordinator
from midiprism.results.background import run_inline

T = TypeVar("T")


def run_in_process(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
    """Start a call in another process, and return a function that waits for its result.

    If the process fails, dies or cannot be started, the call is made in this one, where its error is raised.
    """
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    import_main = needs_main_module((function, arguments))
    try:
        process = start_process(context, _main, (sender, function, arguments), import_main=import_main)
    except OSError:  # such as too many processes
        receiver.close()
        return run_inline(function, *arguments)
    finally:
        sender.close()

    def result() -> T:
        try:
            with contextlib.suppress(EOFError, OSError):
                return cast(T, receiver.recv())
        finally:
            receiver.close()
            process.kill()
            process.join()
        return function(*arguments)

    return result


def _main(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    ignore_signals_and_die_with_coordinator()
    with contextlib.suppress(Exception):
        sender.send(function(*arguments))
